/* SPDX-License-Identifier: MIT */
/*
 * top-loop.h: `memtrace top` on a screen: what keys do, and what is drawn where.
 */
#ifndef CLI_TOP_LOOP_H
#define CLI_TOP_LOOP_H

#include "cli/top.h"

/* What the screen shows of the state, and where. */
struct top_loop {
	struct top *top;
	struct top_lines lines;
	size_t n_fixed;       /* lines at the top that do not scroll */
	size_t scroll;        /* first line below them that is shown */
	uint64_t selected;    /* item; TOP_NO_ITEM if nothing is */
	size_t selected_line; /* where it is, or was */
	bool asking;          /* the filter is being typed */
	char typed[128];
	bool quit;
};

/* Lines that fit below those that do not scroll. */
size_t top_loop_room(const struct top_loop *loop);
/* Moves the selection by lines; where nothing can be selected the text moves. */
void top_loop_move(struct top_loop *loop, long lines);
/* What a key does (top-keys.c): enum screen_key or a character. */
void top_loop_press(struct top_loop *loop, int key);

/* Runs until q or a signal. The screen is open. Returns an exit status. */
int top_loop(struct top *top);

/* All lines of the present view as they would be on an endless screen: head and view. */
int top_draw(struct top *top, struct top_lines *lines, size_t *ret_n_fixed);

#endif
