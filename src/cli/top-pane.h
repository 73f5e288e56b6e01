/* SPDX-License-Identifier: MIT */
/*
 * top-pane.h: lines on a screen that scroll below some that do not, and of which one is selected. The
 * selected line is kept by what it is, not by where it stands, so that it stays with its item when the
 * order changes.
 */
#ifndef CLI_TOP_PANE_H
#define CLI_TOP_PANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/top-lines.h"

/* Smaller screens show a line that says so. */
enum { TOP_PANE_ROWS_MIN = 8, TOP_PANE_COLUMNS_MIN = 40 };

struct top_pane {
	struct top_lines lines;
	struct top_lines filled; /* of one line, while it is drawn */
	size_t n_fixed;          /* lines at the top that do not scroll */
	size_t scroll;           /* first line below them that is shown */
	uint64_t selected;       /* item; TOP_NO_ITEM if nothing is */
	size_t selected_line;    /* where it is, or was */
};

/* Its first state: nothing selected, at the top. */
void top_pane_init(struct top_pane *pane);
void top_pane_deinit(struct top_pane *pane);
/* To the top, nothing selected; the lines stay. */
void top_pane_rewind(struct top_pane *pane);

/* Moves the selection by lines; where nothing can be selected the text moves. */
void top_pane_move(struct top_pane *pane, long lines);
/* Keys that move, the wheel and a click. Returns whether it was one. */
bool top_pane_press(struct top_pane *pane, int key);

/* Whether the screen is large enough; if not, the line that says so was shown. */
bool top_pane_fits(int *ret_rows, int *ret_columns);
/* The lines were made anew: draws those that fit, into all rows of the screen but the last. */
void top_pane_draw(struct top_pane *pane);

/* What is being typed in the last row. */
struct top_prompt {
	bool open;
	char text[128];
};

void top_prompt_open(struct top_prompt *prompt, const char *text);
/* Returns true when Enter has closed it; Escape closes it, too, and nothing is to be done. */
bool top_prompt_press(struct top_prompt *prompt, int key);

#endif
