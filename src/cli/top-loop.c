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

#include "base/units.h"
#include "cli/capture.h"
#include "cli/control.h"
#include "cli/recent.h"
#include "cli/screen.h"
#include "cli/verb.h"
#include "process/inject.h"
#include "profile/session.h"

enum { ROWS_MIN = 8, COLUMNS_MIN = 40, WHEEL_LINES = 3, KEY_WAIT_MS = 250 };

static const struct top_view *const views[] = {&top_sites,    &top_tree,  &top_ledger,
					       &top_arenas,   &top_maps,  &top_threads,
					       &top_timeline, &top_events};

struct loop {
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

static size_t find_item(const struct loop *loop, uint64_t item)
{
	for (size_t i = loop->n_fixed; i < loop->lines.n_lines; i++)
		if (loop->lines.lines[i].item == item)
			return i;
	return SIZE_MAX;
}

/* The selected item where it is now; the line that took its place if it is gone. */
static void follow_selection(struct loop *loop)
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

static size_t room(const struct loop *loop)
{
	int rows, columns;

	screen_size(&rows, &columns);
	return (size_t)MAX(rows - 1 - (int)loop->n_fixed, 1);
}

static void keep_in_sight(struct loop *loop)
{
	const size_t space = room(loop),
		     n = loop->lines.n_lines - MIN(loop->n_fixed, loop->lines.n_lines);
	const size_t at = loop->selected_line - MIN(loop->n_fixed, loop->selected_line);

	if (loop->selected != TOP_NO_ITEM) {
		loop->scroll = MIN(loop->scroll, at);
		if (at >= loop->scroll + space)
			loop->scroll = at - space + 1;
	}
	loop->scroll = n > space ? MIN(loop->scroll, n - space) : 0;
}

/* Moves by lines; where nothing can be selected the text moves. */
static void move_by(struct loop *loop, long lines)
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

static void draw_bottom(const struct loop *loop, int row)
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

static int draw_all(struct loop *loop)
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

/* ---- what keys do ---- */

static void show_view(struct loop *loop, const struct top_view *view)
{
	loop->top->view = view;
	loop->top->detail = TOP_NO_ITEM;
	loop->selected = TOP_NO_ITEM;
	loop->selected_line = 0;
	loop->scroll = 0;
}

static void next_view(struct loop *loop, size_t step)
{
	for (size_t i = 0; i < ARRAY_SIZE(views); i++) {
		if (views[i] != loop->top->view)
			continue;
		show_view(loop, views[(i + step) % ARRAY_SIZE(views)]);
		return;
	}
}

static void save_session(struct top *top)
{
	const struct profile *profile = top->shot->profile;
	_cleanup_free_ char *path = NULL;
	int r = capture_default_path(profile->process.comm ?: "", (pid_t)profile->process.pid,
				     &path);

	if (r >= 0)
		r = session_write(profile, path);
	if (r >= 0)
		(void)recent_add(path);
	snprintf(top->message, sizeof(top->message),
		 r < 0 ? "%s: cannot be written: %s" : "saved as %s", path ?: "session",
		 strerror(-r));
}

static void attach(struct top *top)
{
	const struct inject_options options = {.sampling = MT_SAMPLING_AUTO};
	_cleanup_(strbuf_deinit) struct strbuf error = {};
	struct inject_outcome outcome;

	if (top->shot->profile->agent.mode != MT_MODE_NONE) {
		snprintf(top->message, sizeof(top->message), "the agent is there already");
		return;
	}
	if (inject_attach(top_source_pid(top->source), &options, &outcome, &error) < 0) {
		snprintf(top->message, sizeof(top->message), "%s", strbuf_text(&error));
		return;
	}
	snprintf(top->message, sizeof(top->message),
		 "recording: stopped thread %d for %.2f ms; d ends it", (int)outcome.tid,
		 (double)outcome.stopped_ns / 1e6);
	top_source_poke(top->source);
}

static void detach(struct top *top)
{
	_cleanup_(strbuf_deinit) struct strbuf error = {};
	const pid_t pid = top_source_pid(top->source);
	struct inject_outcome outcome;
	int r = inject_is_active(pid) > 0 ? inject_detach(pid, &outcome, &error)
					  : control_stop(pid);

	if (r >= 0)
		snprintf(top->message, sizeof(top->message), "recording has ended");
	else
		snprintf(top->message, sizeof(top->message), "%s",
			 error.length ? strbuf_text(&error) : strerror(-r));
	top_source_poke(top->source);
}

static void predict_trim(struct top *top)
{
	const struct arenas *arenas = top->shot->profile->arenas;
	uint64_t bytes = 0;
	char text[UNITS_MAX];

	for (size_t i = 0; arenas && i < arenas->n_arenas; i++)
		if (arenas->arenas[i].trimmable != ARENAS_UNKNOWN)
			bytes += arenas->arenas[i].trimmable;
	snprintf(top->message, sizeof(top->message),
		 "malloc_trim would give back %s; memtrace trim %u says more and does it",
		 units_format_bytes(bytes, text), top->shot->profile->process.pid);
}

static void set_baseline(struct top *top, bool set)
{
	top_shot_free(top->baseline);
	top->baseline = NULL;
	if (!set)
		return;
	/* the next shot takes the place of this one */
	top->baseline = top->shot;
	top->shot = NULL;
	top_source_pause(top->source, false);
	top->paused = false;
	top_source_poke(top->source);
	snprintf(top->message, sizeof(top->message),
		 "figures are differences from now; M ends that");
}

static void change_interval(struct top *top, double factor)
{
	top->interval_s = MIN(MAX(top->interval_s * factor, 0.25), 60.0);
	top_source_set_interval(top->source, top->interval_s);
}

static void set_filter(struct top *top, const char *text)
{
	if (top->options.grep)
		regfree(&top->grep);
	top->options.grep = NULL;
	top->filter[0] = '\0';
	if (!text[0])
		return;
	if (regcomp(&top->grep, text, REG_EXTENDED | REG_NOSUB | REG_ICASE) != 0) {
		snprintf(top->message, sizeof(top->message), "%s: is no regular expression", text);
		return;
	}
	top->options.grep = &top->grep;
	snprintf(top->filter, sizeof(top->filter), "%s", text);
}

static void press_while_asking(struct loop *loop, int key)
{
	size_t length = strlen(loop->typed);

	switch (key) {
	case SCREEN_ENTER:
		set_filter(loop->top, loop->typed);
		loop->asking = false;
		break;
	case SCREEN_ESCAPE:
		loop->asking = false;
		break;
	case SCREEN_BACKSPACE:
		while (length > 0 && ((unsigned char)loop->typed[--length] & 0xc0) == 0x80)
			;
		loop->typed[length] = '\0';
		break;
	default:
		if (key >= ' ' && key < 127 && length + 1 < sizeof(loop->typed)) {
			loop->typed[length] = (char)key;
			loop->typed[length + 1] = '\0';
		}
	}
}

/* Keys that move. Returns whether it was one. */
static bool press_to_move(struct loop *loop, int key)
{
	const long page = (long)room(loop);

	switch (key) {
	case SCREEN_UP:
	case 'k':
		move_by(loop, -1);
		return true;
	case SCREEN_DOWN:
	case 'j':
		move_by(loop, 1);
		return true;
	case SCREEN_PAGE_UP:
		move_by(loop, -page);
		return true;
	case SCREEN_PAGE_DOWN:
		move_by(loop, page);
		return true;
	case SCREEN_HOME:
		loop->scroll = 0;
		move_by(loop, -(long)loop->lines.n_lines);
		return true;
	case SCREEN_END:
		move_by(loop, (long)loop->lines.n_lines);
		return true;
	case SCREEN_WHEEL_UP:
		move_by(loop, -WHEEL_LINES);
		return true;
	case SCREEN_WHEEL_DOWN:
		move_by(loop, WHEEL_LINES);
		return true;
	case SCREEN_CLICK:
		if ((size_t)screen_click_row() >= loop->n_fixed)
			move_by(loop, screen_click_row() + (long)loop->scroll -
					      (long)loop->selected_line);
		return true;
	default:
		return false;
	}
}

static void open_or_close(struct loop *loop, int key)
{
	struct top *top = loop->top;

	if (key == SCREEN_ENTER && top->detail == TOP_NO_ITEM && top->view->draw_detail &&
	    loop->selected != TOP_NO_ITEM) {
		top->detail = loop->selected;
		loop->scroll = 0;
	} else if (key == SCREEN_ESCAPE || key == SCREEN_BACKSPACE || key == SCREEN_LEFT) {
		if (top->detail == TOP_NO_ITEM && key == SCREEN_ESCAPE)
			set_filter(top, "");
		loop->selected = top->detail;
		top->detail = TOP_NO_ITEM;
	}
}

static void press_for_process(struct top *top, int key)
{
	if (top_source_pid(top->source) == 0 || top->ended) {
		snprintf(top->message, sizeof(top->message), "that needs a running process");
		return;
	}
	switch (key) {
	case 'a':
		attach(top);
		break;
	case 'd':
		detach(top);
		break;
	case 'm':
		set_baseline(top, true);
		break;
	case ' ':
		top->paused = !top->paused;
		top_source_pause(top->source, top->paused);
		break;
	case '+':
		change_interval(top, 2);
		break;
	default:
		change_interval(top, 0.5);
	}
}

static void press(struct loop *loop, int key)
{
	struct top *top = loop->top;

	top->message[0] = '\0';
	if (top->help) {
		top->help = false;
		return;
	}
	if (loop->asking) {
		press_while_asking(loop, key);
		return;
	}
	if (key >= '1' && key < '1' + (int)ARRAY_SIZE(views)) {
		show_view(loop, views[key - '1']);
		return;
	}
	if (press_to_move(loop, key) || (top->view->press && top->detail == TOP_NO_ITEM &&
					 top->view->press(top, key, loop->selected)))
		return;
	switch (key) {
	case 'q':
		loop->quit = true;
		break;
	case '?':
	case 'h':
		top->help = true;
		loop->scroll = 0;
		break;
	case SCREEN_TAB:
		next_view(loop, 1);
		break;
	case SCREEN_BACK_TAB:
		next_view(loop, ARRAY_SIZE(views) - 1);
		break;
	case '/':
		loop->asking = true;
		snprintf(loop->typed, sizeof(loop->typed), "%s", top->filter);
		break;
	case 's':
		save_session(top);
		break;
	case 't':
		predict_trim(top);
		break;
	case 'M':
		set_baseline(top, false);
		break;
	case 'a':
	case 'd':
	case 'm':
	case ' ':
	case '+':
	case '-':
		press_for_process(top, key);
		break;
	default:
		open_or_close(loop, key);
	}
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
	struct loop loop = {.top = top, .selected = TOP_NO_ITEM};
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
				press(&loop, key);
			else
				loop.quit = key == 'q';
	}
	top_lines_deinit(&loop.lines);
	return r < 0 ? STATUS_FAILED : STATUS_DONE;
}
