/* SPDX-License-Identifier: MIT */
/*
 * top-loop.c: everything is drawn anew whenever a key or a shot has changed something: first all lines of
 * the view, then those of them that fit. The selected line is kept by what it is, not by where it stands,
 * so that it stays with its site when the order changes.
 */
#include "cli/top-loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/screen.h"
#include "cli/verb.h"

enum { ROWS_MIN = 8, COLUMNS_MIN = 40 };

static volatile sig_atomic_t was_ended;

static void note_end(int number)
{
	was_ended = number;
}

int top_draw(struct top *top, struct top_lines *lines, size_t *ret_n_fixed)
{
	int r;

	top_lines_reset(lines);
	r = top_draw_head(top, lines);
	*ret_n_fixed = lines->n_lines;
	if (r < 0)
		return r;
	if (top->help)
		return top_draw_help(top, lines);
	if (top->view->needs_agent && top->shot->profile->agent.mode == MT_MODE_NONE)
		return top_explain_no_agent(top, lines);
	if (top->detail != TOP_NO_ITEM && top->view->draw_detail)
		return top->view->draw_detail(top, top->detail, lines);
	*ret_n_fixed += top->view->n_heads;
	return top->view->draw(top, lines);
}

/* ---- selection and scrolling ---- */

static size_t find_item(const struct top_loop *loop, uint64_t item)
{
	for (size_t i = loop->n_fixed; i < loop->lines.n_lines; i++)
		if (loop->lines.lines[i].item == item)
			return i;
	return SIZE_MAX;
}

/* The selected item where it is now; the line that took its place if it is gone. */
static void follow_selection(struct top_loop *loop)
{
	size_t line = loop->selected == TOP_NO_ITEM ? SIZE_MAX : find_item(loop, loop->selected);

	if (line == SIZE_MAX) {
		line = MAX(loop->selected_line, loop->n_fixed);
		if (loop->lines.n_lines > 0)
			line = MIN(line, loop->lines.n_lines - 1);
		if (line < loop->n_fixed || line >= loop->lines.n_lines) {
			loop->selected = TOP_NO_ITEM;
			return;
		}
		loop->selected = loop->lines.lines[line].item;
	}
	loop->selected_line = line;
}

size_t top_loop_room(const struct top_loop *loop)
{
	int rows, columns;

	screen_size(&rows, &columns);
	return (size_t)MAX(rows - 1 - (int)loop->n_fixed, 1);
}

static void keep_in_sight(struct top_loop *loop)
{
	const size_t space = top_loop_room(loop),
		     n = loop->lines.n_lines - MIN(loop->n_fixed, loop->lines.n_lines);
	const size_t at = loop->selected_line - MIN(loop->n_fixed, loop->selected_line);

	if (loop->selected != TOP_NO_ITEM) {
		loop->scroll = MIN(loop->scroll, at);
		if (at >= loop->scroll + space)
			loop->scroll = at - space + 1;
	}
	loop->scroll = n > space ? MIN(loop->scroll, n - space) : 0;
}

void top_loop_move(struct top_loop *loop, long lines)
{
	const long first = (long)loop->n_fixed, last = (long)loop->lines.n_lines - 1;
	long at = (long)loop->selected_line + lines;

	if (loop->selected == TOP_NO_ITEM) {
		loop->scroll = (size_t)MAX((long)loop->scroll + lines, 0L);
		return;
	}
	at = MAX(MIN(at, last), first);
	loop->selected_line = (size_t)at;
	loop->selected = loop->lines.lines[at].item;
}

/* ---- drawing ---- */

static void draw_bottom(const struct top_loop *loop, int row)
{
	const struct top *top = loop->top;
	char text[512];

	if (loop->asking)
		snprintf(text, sizeof(text), "/%s", loop->typed);
	else if (top->message[0])
		snprintf(text, sizeof(text), " %s", top->message);
	else
		snprintf(text, sizeof(text),
			 " every %g s%s%s%s%s   Enter opens, / filters, q leaves", top->interval_s,
			 top->baseline ? "; since the mark" : "", top->filter[0] ? "; only /" : "",
			 top->filter, top->filter[0] ? "/" : "");
	screen_draw_text(row, top->message[0] || loop->asking ? TOP_STRONG : TOP_DIM, text);
}

static void draw_too_small(int rows, int columns)
{
	char text[80];

	snprintf(text, sizeof(text), "%dx%d is too small: %dx%d at least", columns, rows,
		 COLUMNS_MIN, ROWS_MIN);
	screen_clear(0, rows);
	screen_draw_text(0, TOP_STRONG, text);
	screen_show(-1);
}

static int draw_all(struct top_loop *loop)
{
	struct top *top = loop->top;
	int rows, columns, r;

	screen_size(&rows, &columns);
	if (rows < ROWS_MIN || columns < COLUMNS_MIN) {
		draw_too_small(rows, columns);
		return 0;
	}
	top->options.width = (unsigned)columns;
	top->rows = rows - 5;
	r = top_draw(top, &loop->lines, &loop->n_fixed);
	if (r < 0)
		return r;
	follow_selection(loop);
	keep_in_sight(loop);
	for (int row = 0; row < rows - 1; row++) {
		size_t line =
			(size_t)row < loop->n_fixed ? (size_t)row : (size_t)row + loop->scroll;

		if (line >= loop->lines.n_lines)
			screen_clear(row, row + 1);
		else
			screen_draw(row, &loop->lines, line,
				    line >= loop->n_fixed && line == loop->selected_line &&
					    loop->selected != TOP_NO_ITEM);
	}
	draw_bottom(loop, rows - 1);
	screen_show(loop->asking ? (int)strlen(loop->typed) + 1 : -1);
	return 0;
}

/* Waits for a key, a shot or a signal. */
static void wait_for_news(struct top *top)
{
	struct pollfd fds[] = {{STDIN_FILENO, POLLIN, 0}, {top_source_fd(top->source), POLLIN, 0}};

	/* a resize comes as a signal, which ncurses turns into a key */
	if (poll(fds, 2, -1) < 0)
		return;
	/* the terminal has gone */
	if (fds[0].revents & (POLLHUP | POLLERR))
		was_ended = SIGHUP;
}

static void catch_signals(void)
{
	const struct sigaction action = {.sa_handler = note_end};
	static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

	for (size_t i = 0; i < ARRAY_SIZE(ending); i++)
		sigaction(ending[i], &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int top_loop(struct top *top)
{
	struct top_loop loop = {.top = top, .selected = TOP_NO_ITEM};
	int r = 0, key;

	catch_signals();
	while (!loop.quit && !was_ended && r >= 0) {
		(void)top_update(top);
		if (top->shot)
			r = draw_all(&loop);
		if (r < 0)
			break;
		wait_for_news(top);
		while (!loop.quit && (key = screen_read_key()) != SCREEN_NONE)
			if (top->shot)
				top_loop_press(&loop, key);
			else
				loop.quit = key == 'q';
	}
	top_lines_deinit(&loop.lines);
	return r < 0 ? STATUS_FAILED : STATUS_DONE;
}
