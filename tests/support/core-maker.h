/* SPDX-License-Identifier: MIT */
/*
 * core-maker.h: makes core files, as a kernel writes them, out of pieces.
 */
#ifndef TESTS_SUPPORT_CORE_MAKER_H
#define TESTS_SUPPORT_CORE_MAKER_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

enum { CORE_MAKER_SEGMENTS = 32 };

struct core_maker_file {
	uint64_t start, end, offset; /* of the mapping; offset in pages */
	const char *path;
};

/* Zeroed is a core without anything. Running out of memory shows in core_maker_finish. */
struct core_maker {
	struct strbuf notes, data;
	Elf64_Phdr headers[CORE_MAKER_SEGMENTS];
	size_t n_headers;
};

void core_maker_add_note(struct core_maker *maker, const char *name, uint32_t type,
			 const void *bytes, size_t size);
void core_maker_add_process(struct core_maker *maker, int pid, const char *name,
			    const char *arguments);
void core_maker_add_thread(struct core_maker *maker, int tid, int signal, uint64_t sp);
/* Pairs, AT_NULL included. */
void core_maker_add_auxv(struct core_maker *maker, const uint64_t *pairs, size_t n_pairs);
void core_maker_add_files(struct core_maker *maker, const struct core_maker_file *files, size_t n);
/* dumped bytes of size are in the file; they are taken from bytes. */
void core_maker_add_segment(struct core_maker *maker, uint64_t start, uint64_t size, uint32_t flags,
			    const void *bytes, uint64_t dumped);
/* The file. Returns a memory file's descriptor; ends the test if there is no memory. */
int core_maker_finish(struct core_maker *maker);
void core_maker_deinit(struct core_maker *maker);

#endif
