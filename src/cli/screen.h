/* SPDX-License-Identifier: MIT */
/*
 * screen.h: the terminal as a screen; the only user of ncurses. It is put back as it was on every way
 * out: screen_close, exit, and the signals that end a process.
 */
#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include <stdbool.h>

#include "cli/top-lines.h"

enum screen_key {
	/* characters are themselves, as Unicode code points */
	SCREEN_NONE = 0x200000, /* nothing was pressed */
	SCREEN_UP,
	SCREEN_DOWN,
	SCREEN_LEFT,
	SCREEN_RIGHT,
	SCREEN_PAGE_UP,
	SCREEN_PAGE_DOWN,
	SCREEN_HOME,
	SCREEN_END,
	SCREEN_ENTER,
	SCREEN_ESCAPE,
	SCREEN_BACKSPACE,
	SCREEN_TAB,
	SCREEN_BACK_TAB,
	SCREEN_CLICK, /* screen_click says where */
	SCREEN_WHEEL_UP,
	SCREEN_WHEEL_DOWN,
	SCREEN_RESIZE,
};

/* Does nothing if it is open. -ENOTTY if this is no terminal that can be drawn on; error_why says why in words. */
int screen_open(bool colour, const char **error_why);
void screen_close(void);

/* Of the terminal as it is now. */
void screen_size(int *ret_rows, int *ret_columns);
/* Draws a line of lines at row, over the full width. */
void screen_draw(int row, const struct top_lines *lines, size_t line, bool selected);
void screen_draw_text(int row, enum top_style style, const char *text);
/* Empties rows from first up to before end. */
void screen_clear(int first, int end);
/* Shows what was drawn; column: where the cursor is to be in the last row, negative for none. */
void screen_show(int column);

/* The next key that was pressed, without waiting: enum screen_key or a character. */
int screen_read_key(void);
int screen_click_row(void);

#endif
