/* SPDX-License-Identifier: MIT */
/*
 * maps.h: /proc/PID/maps and smaps as an array. The parsers take text, so that a session file, a test
 * and a fuzzer can give it to them.
 */
#ifndef PROCESS_MAPS_H
#define PROCESS_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct mapping {
	uint64_t start, end;
	uint64_t offset; /* in the file */
	uint64_t inode;
	uint32_t dev_major, dev_minor;
	bool read, write, exec, shared;
	bool deleted; /* path was followed by " (deleted)", which is cut off */
	char *path; /* owned by struct maps; "" for anonymous memory; "[stack]" and so on as they are */
	/* smaps only; bytes */
	bool has_usage;
	uint64_t rss, pss, shared_clean, shared_dirty, private_clean, private_dirty;
	uint64_t anonymous, anon_huge, swap, swap_pss, locked, kernel_page_size;
};

struct maps {
	struct mapping *mappings; /* by address */
	size_t n_mappings;
};

/* -EBADMSG if the text is not of that form; what came before is dropped. */
int maps_parse(const char *text, size_t size, struct maps *ret);
/*
 * usage: read smaps, which walks the page tables, instead of maps. -ESRCH, -EPERM.
 */
int maps_read(pid_t pid, bool usage, struct maps *ret);
void maps_deinit(struct maps *maps);

/* The text that maps_parse reads: smaps where there is usage. The caller frees. */
int maps_format(const struct maps *maps, char **ret);

/* The mapping that holds address, or NULL. */
const struct mapping *maps_find(const struct maps *maps, uint64_t address);

#endif
