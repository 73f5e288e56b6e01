/* SPDX-License-Identifier: MIT */
/*
 * top-keys.c: what keys do on the screen of `memtrace top`. A view's own keys come first, but for those that
 * move and those that change the view; what concerns the process is refused where there is none.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "cli/capture.h"
#include "cli/control.h"
#include "cli/recent.h"
#include "cli/screen.h"
#include "cli/top-loop.h"
#include "process/inject.h"
#include "profile/session.h"

enum { WHEEL_LINES = 3 };

static void show_view(struct top_loop *loop, const struct top_view *view)
{
	loop->top->view = view;
	loop->top->detail = TOP_NO_ITEM;
	loop->selected = TOP_NO_ITEM;
	loop->selected_line = 0;
	loop->scroll = 0;
}

static void next_view(struct top_loop *loop, size_t step)
{
	for (size_t i = 0; i < TOP_N_VIEWS; i++) {
		if (top_views[i] != loop->top->view)
			continue;
		show_view(loop, top_views[(i + step) % TOP_N_VIEWS]);
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
	top_clear_baseline(top);
	if (!set)
		return;
	if (top_set_baseline(top) < 0) {
		snprintf(top->message, sizeof(top->message), "there is no memory for a mark");
		return;
	}
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

static void press_while_asking(struct top_loop *loop, int key)
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
static bool press_to_move(struct top_loop *loop, int key)
{
	const long page = (long)top_loop_room(loop);

	switch (key) {
	case SCREEN_UP:
	case 'k':
		top_loop_move(loop, -1);
		return true;
	case SCREEN_DOWN:
	case 'j':
		top_loop_move(loop, 1);
		return true;
	case SCREEN_PAGE_UP:
		top_loop_move(loop, -page);
		return true;
	case SCREEN_PAGE_DOWN:
		top_loop_move(loop, page);
		return true;
	case SCREEN_HOME:
		loop->scroll = 0;
		top_loop_move(loop, -(long)loop->lines.n_lines);
		return true;
	case SCREEN_END:
		top_loop_move(loop, (long)loop->lines.n_lines);
		return true;
	case SCREEN_WHEEL_UP:
		top_loop_move(loop, -WHEEL_LINES);
		return true;
	case SCREEN_WHEEL_DOWN:
		top_loop_move(loop, WHEEL_LINES);
		return true;
	case SCREEN_CLICK:
		if ((size_t)screen_click_row() >= loop->n_fixed)
			top_loop_move(loop, screen_click_row() + (long)loop->scroll -
						    (long)loop->selected_line);
		return true;
	default:
		return false;
	}
}

static void open_or_close(struct top_loop *loop, int key)
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

void top_loop_press(struct top_loop *loop, int key)
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
	if (key >= '1' && key < '1' + TOP_N_VIEWS) {
		show_view(loop, top_views[key - '1']);
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
		next_view(loop, TOP_N_VIEWS - 1);
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
