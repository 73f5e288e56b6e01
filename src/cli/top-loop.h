/* SPDX-License-Identifier: MIT */
/*
 * top-loop.h: `memtrace top` on a screen: what keys do, and what is drawn where.
 */
#ifndef CLI_TOP_LOOP_H
#define CLI_TOP_LOOP_H

#include "cli/top-pane.h"
#include "cli/top.h"

/* What the screen shows of the state, and where. */
struct top_loop {
	struct top *top;
	struct top_pane pane;
	struct top_prompt prompt; /* the filter is being typed */
	bool quit;
};

/* What a key does (top-keys.c): enum screen_key or a character. */
void top_loop_press(struct top_loop *loop, int key);

/* Signals that end a process end the loops of this file and top-choose.h instead. */
void top_catch_signals(void);
int top_was_ended(void); /* the signal, or 0 */
void top_forget_end(void);

/* Runs until q or a signal. The screen is open. Returns an exit status. */
int top_loop(struct top *top);

/* All lines of the present view as they would be on an endless screen: head and view. */
int top_draw(struct top *top, struct top_lines *lines, size_t *ret_n_fixed);

#endif
