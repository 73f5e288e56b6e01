/* SPDX-License-Identifier: MIT */
/*
 * top-loop.h: `memtrace top` on a screen: what keys do, and what is drawn where.
 */
#ifndef CLI_TOP_LOOP_H
#define CLI_TOP_LOOP_H

#include "cli/top.h"

/* Runs until q or a signal. The screen is open. Returns an exit status. */
int top_loop(struct top *top);

/* All lines of the present view as they would be on an endless screen: head and view. */
int top_draw(struct top *top, struct top_lines *lines, size_t *ret_n_fixed);

#endif
