/* SPDX-License-Identifier: MIT */
/*
 * heapinfo.h: the fast heap's figures in glibc's shapes: mallinfo, malloc_stats, malloc_info, mallopt.
 */
#ifndef AGENT_PRELOAD_HEAPINFO_H
#define AGENT_PRELOAD_HEAPINFO_H

#include <malloc.h>
#include <stdio.h>

/* arena: bytes of spans; hblks, hblkhd: blocks with their own mapping; uordblks: in use; fordblks: free. */
struct mallinfo2 heapinfo_get(void);

/* Figures that do not fit wrap, as glibc's do. */
struct mallinfo heapinfo_narrow(const struct mallinfo2 *info);

void heapinfo_print_stats(void);

/* EINVAL for options other than 0, as glibc. */
int heapinfo_print_xml(int options, FILE *stream);

/*
 * Accepts what glibc accepts and refuses (0) what it refuses. The options tune glibc's own structures;
 * the heap has none of them, and its own limits hold.
 */
int heapinfo_set_option(int option, int value);

#endif
