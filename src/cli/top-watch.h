/* SPDX-License-Identifier: MIT */
/*
 * top-watch.h: a target on the screen of `memtrace top`, for the verbs that show one.
 */
#ifndef CLI_TOP_WATCH_H
#define CLI_TOP_WATCH_H

#include "cli/top.h"

struct top_settings {
	const struct top_view *view;
	enum render_sort sort;
	double interval_s;
	const char *notice; /* stands in the last line; NULL */
	bool keeps_going;   /* Ctrl-C is for the program, whose end is to be seen */
};

extern const struct top_settings top_default_settings;

/* The state for a target, which is opened. On failure error has the line, and there is nothing to deinit. */
int top_init(struct top *top, const struct top_settings *settings, const char *target,
	     struct strbuf *error);

/* Opens the screen, if it is not, and catches the signals that end. color is that of --color. */
int top_open_screen(int color, const char **ret_why);

/*
 * Shows the target until the screen is left, which is opened if it is not open, and closed. On failure error has the
 * line: -ENOTTY if there is no screen.
 */
int top_watch(const struct top_settings *settings, int color, const char *target,
	      struct strbuf *error);

#endif
