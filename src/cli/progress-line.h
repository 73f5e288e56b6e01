/* SPDX-License-Identifier: MIT */
/*
 * progress-line.h: progress as one line at the end of a terminal, which goes when it is over.
 */
#ifndef CLI_PROGRESS_LINE_H
#define CLI_PROGRESS_LINE_H

#include <stdint.h>

#include "base/strbuf.h"

/* Shows progress from now on, if stderr is a terminal that can take a line back. */
void progress_line_install(void);
/* Shows none any more. */
void progress_line_remove(void);

/*
 * "memtrace: naming addresses: 1,200 of 4,800, about 3 s left", or nothing if it is too early for an
 * estimate: before one second.
 */
int progress_line_format(struct strbuf *buffer, const char *what, uint64_t done, uint64_t total,
			 double elapsed_s);

#endif
