/* SPDX-License-Identifier: MIT */
/*
 * top-pane.c: see the header. What is drawn is decided in this order: the lines are made; the selection
 * looks for its item among them; the text scrolls so that it can be seen; only then the lines that can be
 * seen are filled.
 */
#include "cli/top-pane.h"

#include <stdio.h>
#include <string.h>

#include "cli/screen.h"

enum { WHEEL_LINES = 3 };

void top_pane_init(struct top_pane *pane)
{
	*pane = (struct top_pane){.selected = TOP_NO_ITEM};
}

void top_pane_deinit(struct top_pane *pane)
{
	top_lines_deinit(&pane->lines);
	top_lines_deinit(&pane->filled);
}

void top_pane_rewind(struct top_pane *pane)
{
	pane->selected = TOP_NO_ITEM;
	pane->selected_line = 0;
	pane->scroll = 0;
}

/* ---- selection and scrolling ---- */

/* Where the selected item is now, most probably where it was. */
static size_t find_selected(const struct top_pane *pane)
{
	const struct top_line *lines = pane->lines.lines;

	if (pane->selected == TOP_NO_ITEM)
		return SIZE_MAX;
	if (pane->selected_line >= pane->n_fixed && pane->selected_line < pane->lines.n_lines &&
	    lines[pane->selected_line].item == pane->selected)
		return pane->selected_line;
	for (size_t i = pane->n_fixed; i < pane->lines.n_lines; i++)
		if (lines[i].item == pane->selected)
			return i;
	return SIZE_MAX;
}

/* The selected item where it is now; the line that took its place if it is gone. */
static void follow_selection(struct top_pane *pane)
{
	size_t line = find_selected(pane);

	if (line == SIZE_MAX) {
		line = MAX(pane->selected_line, pane->n_fixed);
		if (pane->lines.n_lines > 0)
			line = MIN(line, pane->lines.n_lines - 1);
		if (line < pane->n_fixed || line >= pane->lines.n_lines) {
			pane->selected = TOP_NO_ITEM;
			return;
		}
		pane->selected = pane->lines.lines[line].item;
	}
	pane->selected_line = line;
}

/* Lines that fit below those that do not scroll. */
static size_t room(const struct top_pane *pane)
{
	int rows, columns;

	screen_size(&rows, &columns);
	return (size_t)MAX(rows - 1 - (int)pane->n_fixed, 1);
}

static void keep_in_sight(struct top_pane *pane)
{
	const size_t space = room(pane),
		     n = pane->lines.n_lines - MIN(pane->n_fixed, pane->lines.n_lines);
	const size_t at = pane->selected_line - MIN(pane->n_fixed, pane->selected_line);

	if (pane->selected != TOP_NO_ITEM) {
		pane->scroll = MIN(pane->scroll, at);
		if (at >= pane->scroll + space)
			pane->scroll = at - space + 1;
	}
	pane->scroll = n > space ? MIN(pane->scroll, n - space) : 0;
}

void top_pane_move(struct top_pane *pane, long lines)
{
	const long first = (long)pane->n_fixed, last = (long)pane->lines.n_lines - 1;
	long at = (long)pane->selected_line + lines;

	if (pane->selected == TOP_NO_ITEM || last < first) {
		pane->scroll = (size_t)MAX((long)pane->scroll + lines, 0L);
		return;
	}
	at = MAX(MIN(at, last), first);
	pane->selected_line = (size_t)at;
	pane->selected = pane->lines.lines[at].item;
}

static void click(struct top_pane *pane)
{
	const int row = screen_click_row();

	if (row >= (int)pane->n_fixed)
		top_pane_move(pane, row + (long)pane->scroll - (long)pane->selected_line);
}

bool top_pane_press(struct top_pane *pane, int key)
{
	const long page = (long)room(pane), all = (long)pane->lines.n_lines;
	const struct {
		int key;
		long lines;
	} moves[] = {
		{SCREEN_UP, -1},
		{'k', -1},
		{SCREEN_DOWN, 1},
		{'j', 1},
		{SCREEN_PAGE_UP, -page},
		{SCREEN_PAGE_DOWN, page},
		{SCREEN_HOME, -all},
		{SCREEN_END, all},
		{SCREEN_WHEEL_UP, -WHEEL_LINES},
		{SCREEN_WHEEL_DOWN, WHEEL_LINES},
	};

	if (key == SCREEN_CLICK) {
		click(pane);
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(moves); i++) {
		if (moves[i].key != key)
			continue;
		if (key == SCREEN_HOME)
			pane->scroll = 0;
		top_pane_move(pane, moves[i].lines);
		return true;
	}
	return false;
}

/* ---- drawing ---- */

bool top_pane_fits(int *ret_rows, int *ret_columns)
{
	char text[80];

	screen_size(ret_rows, ret_columns);
	if (*ret_rows >= TOP_PANE_ROWS_MIN && *ret_columns >= TOP_PANE_COLUMNS_MIN)
		return true;
	snprintf(text, sizeof(text), "%dx%d is too small: %dx%d at least", *ret_columns, *ret_rows,
		 TOP_PANE_COLUMNS_MIN, TOP_PANE_ROWS_MIN);
	screen_clear(0, *ret_rows);
	screen_draw_text(0, TOP_STRONG, text);
	screen_show(-1);
	return false;
}

static void draw_line(struct top_pane *pane, int row, size_t line)
{
	const bool selected = line >= pane->n_fixed && line == pane->selected_line &&
			      pane->selected != TOP_NO_ITEM;

	if (!top_lines_is_stub(&pane->lines, line)) {
		screen_draw(row, &pane->lines, line, selected);
		return;
	}
	top_lines_reset(&pane->filled);
	if (top_lines_fill(&pane->lines, line, &pane->filled) >= 0 && pane->filled.n_lines > 0)
		screen_draw(row, &pane->filled, 0, selected);
	else
		screen_clear(row, row + 1);
}

void top_pane_draw(struct top_pane *pane)
{
	int rows, columns;

	screen_size(&rows, &columns);
	follow_selection(pane);
	keep_in_sight(pane);
	for (int row = 0; row < rows - 1; row++) {
		size_t line =
			(size_t)row < pane->n_fixed ? (size_t)row : (size_t)row + pane->scroll;

		if (line >= pane->lines.n_lines)
			screen_clear(row, row + 1);
		else
			draw_line(pane, row, line);
	}
}

/* ---- typing ---- */

void top_prompt_open(struct top_prompt *prompt, const char *text)
{
	prompt->open = true;
	snprintf(prompt->text, sizeof(prompt->text), "%s", text);
}

bool top_prompt_press(struct top_prompt *prompt, int key)
{
	size_t length = strlen(prompt->text);

	switch (key) {
	case SCREEN_ENTER:
		prompt->open = false;
		return true;
	case SCREEN_ESCAPE:
		prompt->open = false;
		return false;
	case SCREEN_BACKSPACE:
		while (length > 0 && ((unsigned char)prompt->text[--length] & 0xc0) == 0x80)
			;
		prompt->text[length] = '\0';
		return false;
	default:
		if (key >= ' ' && key < 127 && length + 1 < sizeof(prompt->text)) {
			prompt->text[length] = (char)key;
			prompt->text[length + 1] = '\0';
		}
		return false;
	}
}
