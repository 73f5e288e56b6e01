/* SPDX-License-Identifier: MIT */
/*
 * top-keys.c: what keys do on the screen of `memtrace top`. A view's own keys come first, but for those that
 * move and those that change the view; what concerns the process is refused where there is none.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "cli/capture.h"
#include "cli/control.h"
#include "cli/recent.h"
#include "cli/screen.h"
#include "cli/top-loop.h"
#include "cli/trim.h"
#include "process/inject.h"
#include "profile/session.h"

static void show_view(struct top_loop *loop, const struct top_view *view)
{
	loop->top->view = view;
	loop->top->detail = TOP_NO_ITEM;
	top_pane_rewind(&loop->pane);
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
	const struct inject_options options = {.sampling = MT_SAMPLING_AUTO, .watched = true};
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

	if (r == -ENODATA)
		snprintf(top->message, sizeof(top->message),
			 "nothing is being recorded; a begins with it");
	else if (r >= 0)
		snprintf(top->message, sizeof(top->message), "recording has ended");
	else
		snprintf(top->message, sizeof(top->message), "%s",
			 error.length ? strbuf_text(&error) : strerror(-r));
	top_source_poke(top->source);
}

/* What it would give back, and whether it is to be done. */
static void ask_trim(struct top *top)
{
	struct trim_sums sums;
	char bytes[UNITS_MAX];

	if (!trim_sum_up(top->shot->profile->arenas, &sums)) {
		snprintf(top->message, sizeof(top->message),
			 "no allocator is known here that could give something back");
		return;
	}
	top->asks_trim = true;
	snprintf(top->message, sizeof(top->message),
		 "%s gives back %s, with a thread stopped meanwhile: y does it, others do not",
		 arenas_trim_name(sums.allocator), units_format_bytes(sums.trimmable, bytes));
}

static void trim(struct top *top)
{
	_cleanup_(strbuf_deinit) struct strbuf error = {};
	char before[UNITS_MAX], after[UNITS_MAX];
	struct trim_outcome outcome;
	struct trim_sums sums;

	if (!trim_sum_up(top->shot->profile->arenas, &sums))
		return;
	if (trim_do(top_source_pid(top->source), sums.allocator, &outcome, &error) < 0) {
		snprintf(top->message, sizeof(top->message), "%s", strbuf_text(&error));
		return;
	}
	snprintf(top->message, sizeof(top->message),
		 "%s resident before, %s after; a thread was stopped for %.1f ms",
		 units_format_bytes(outcome.rss_before, before),
		 units_format_bytes(outcome.rss_after, after),
		 (double)outcome.call.stopped_ns / 1e6);
	top_source_poke(top->source);
}

static void set_baseline(struct top *top)
{
	if (top_set_baseline(top) < 0) {
		snprintf(top->message, sizeof(top->message), "there is no memory for a mark");
		return;
	}
	top_source_pause(top->source, false);
	top->paused = false;
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
	top->n_filters++;
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

static void open_or_close(struct top_loop *loop, int key)
{
	struct top *top = loop->top;

	if (key == SCREEN_ENTER && top->detail == TOP_NO_ITEM && top->view->draw_detail &&
	    loop->pane.selected != TOP_NO_ITEM) {
		top->detail = loop->pane.selected;
		loop->pane.scroll = 0;
	} else if (key == SCREEN_ESCAPE || key == SCREEN_BACKSPACE || key == SCREEN_LEFT) {
		if (top->detail == TOP_NO_ITEM && key == SCREEN_ESCAPE)
			set_filter(top, "");
		loop->pane.selected = top->detail;
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
		set_baseline(top);
		break;
	case 't':
		ask_trim(top);
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

/* The end of a list that is in order only as far as it was seen. */
static void want_all(struct top_loop *loop, bool all)
{
	struct top *top = loop->top;

	top->wants_all = all;
	if (!all)
		return;
	top->n_wanted = SIZE_MAX;
	(void)top_draw(top, &loop->pane.lines, &loop->pane.n_fixed);
}

/* What is open above the view has the key: a question, the help, the prompt. */
static bool press_above(struct top_loop *loop, int key)
{
	struct top *top = loop->top;

	if (top->asks_trim) {
		top->asks_trim = false;
		if (key == 'y')
			trim(top);
		return true;
	}
	if (top->help) {
		top->help = false;
		return true;
	}
	if (!loop->prompt.open)
		return false;
	if (top_prompt_press(&loop->prompt, key))
		set_filter(top, loop->prompt.text);
	return true;
}

/* Keys of the view that is shown, and those that choose one. */
static bool press_view(struct top_loop *loop, int key)
{
	struct top *top = loop->top;

	if (key >= '1' && key < '1' + TOP_N_VIEWS) {
		show_view(loop, top_views[key - '1']);
		return true;
	}
	if (key == SCREEN_END || key == SCREEN_HOME)
		want_all(loop, key == SCREEN_END);
	return top_pane_press(&loop->pane, key) ||
	       (top->view->press && top->detail == TOP_NO_ITEM &&
		top->view->press(top, key, loop->pane.selected));
}

void top_loop_press(struct top_loop *loop, int key)
{
	struct top *top = loop->top;

	top->message[0] = '\0';
	if (press_above(loop, key) || press_view(loop, key))
		return;
	switch (key) {
	case 'q':
		loop->quit = true;
		break;
	case '?':
	case 'h':
		top->help = true;
		loop->pane.scroll = 0;
		break;
	case SCREEN_TAB:
		next_view(loop, 1);
		break;
	case SCREEN_BACK_TAB:
		next_view(loop, TOP_N_VIEWS - 1);
		break;
	case '/':
		top_prompt_open(&loop->prompt, top->filter);
		break;
	case 's':
		save_session(top);
		break;
	case 'M':
		top_clear_baseline(top);
		break;
	case 'a':
	case 'd':
	case 'm':
	case 't':
	case ' ':
	case '+':
	case '-':
		press_for_process(top, key);
		break;
	default:
		open_or_close(loop, key);
	}
}
