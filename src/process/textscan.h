/* SPDX-License-Identifier: MIT */
/*
 * textscan.h: text in memory: each stretch of printable characters (ASCII and UTF-8) of a least length is
 * counted, or each 64-bit word.
 */
#ifndef PROCESS_TEXTSCAN_H
#define PROCESS_TEXTSCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "process/tally.h"
#include "process/window.h"

/* Of a text so much is kept to be shown. */
enum { TEXTSCAN_SHOWN = 104 };

struct textscan {
	struct tally tally; /* of texts by hash, or of words */
	bool words;
	uint64_t min; /* bytes of a text that counts */
	/* the text that may go on in the bytes that come next */
	uint64_t hash, length;
	uint64_t partial;  /* its last length % 8 bytes, which are not in hash yet */
	bool has_letter;   /* it is not all blanks */
	unsigned pending;  /* bytes that the last UTF-8 character still needs */
	unsigned n_letter; /* bytes of it that are there */
	unsigned char letter[4];
	char text[TEXTSCAN_SHOWN];
	uint64_t scanned, absent; /* bytes */
	uint64_t text_bytes;      /* in texts that counted */
};

/* max_size: bytes that the table may take. */
void textscan_init(struct textscan *scan, bool words, uint64_t min, size_t max_size);
void textscan_deinit(struct textscan *scan);

/* Bytes that follow those of the last call. */
int textscan_feed(struct textscan *scan, const void *bytes, size_t size);
/* What comes next does not follow: a text ends here. */
int textscan_break(struct textscan *scan);
/* What is resident of [start, end), which stands for itself. 0, -ENOMEM, or -errno of the memory. */
int textscan_range(struct textscan *scan, struct window *window, uint64_t start, uint64_t end);

#endif
