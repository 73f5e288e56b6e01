/* SPDX-License-Identifier: MIT */
/*
 * top-loop.c: everything is drawn anew whenever a key or a shot has changed something: first all lines of
 * the view, then those of them that fit.
 */
#include "cli/top-loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"
#include "base/strbuf.h"
#include "cli/screen.h"
#include "cli/verb.h"

static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

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
	top_source_set_eager(top->source, top->view->needs_shots);
	return top->view->draw(top, lines);
}

/* ---- drawing ---- */

/* What can be done where the screen is now. */
static const char *offer(const struct top *top)
{
	if (top->help)
		return "any key closes this";
	if (top->detail != TOP_NO_ITEM)
		return "Esc goes back, q leaves";
	if (top->view->draw_detail)
		return "Enter opens, / filters, q leaves";
	return top->view == &top_tree ? "Enter unfolds, q leaves" : "? explains the keys, q leaves";
}

/* How new the figures are. */
static void add_pace(const struct top *top, struct strbuf *text)
{
	if (top_source_pid(top->source) == 0)
		strbuf_adds(text, "as it was saved");
	else if (!top->ended)
		strbuf_addf(text, "every %g s", top->interval_s);
	else
		strbuf_adds(text, "as it was at the end");
}

static void draw_bottom(const struct top_loop *loop, int row)
{
	const struct top *top = loop->top;
	_cleanup_(strbuf_deinit) struct strbuf text = {};
	const bool is_strong = loop->prompt.open || top->message[0];

	if (loop->prompt.open) {
		strbuf_addf(&text, "/%s", loop->prompt.text);
	} else if (top->message[0]) {
		strbuf_addf(&text, " %s", top->message);
	} else {
		strbuf_addf(&text, " %s%s", top->notice ?: "", top->notice ? "   " : "");
		add_pace(top, &text);
		if (top->baseline.is_set)
			strbuf_adds(&text, "; since the mark");
		if (top->filter[0])
			strbuf_addf(&text, "; only /%s/", top->filter);
		strbuf_addf(&text, "   %s", offer(top));
	}
	screen_draw_text(row, is_strong ? TOP_STRONG : TOP_DIM, strbuf_text(&text));
}

static int draw_all(struct top_loop *loop)
{
	struct top *top = loop->top;
	int rows, columns, r;

	if (!top_pane_fits(&rows, &columns))
		return 0;
	top->options.width = (unsigned)columns;
	top->rows = rows - 5;
	top->selected = loop->pane.selected;
	top->n_wanted = top->wants_all ? SIZE_MAX : loop->pane.scroll + 3 * (size_t)rows;
	r = top_draw(top, &loop->pane.lines, &loop->pane.n_fixed);
	if (r < 0)
		return r;
	top_pane_draw(&loop->pane);
	draw_bottom(loop, rows - 1);
	screen_show(loop->prompt.open ? (int)strlen(loop->prompt.text) + 1 : -1);
	return 0;
}

/*
 * Waits for a key, a shot or a signal; returns the key, if one came. Signals are let in only while it waits, so that
 * none comes after the last look at what it changes, and nothing else wakes us.
 */
static int wait_for_news(const struct top *top)
{
	struct pollfd fds[] = {{STDIN_FILENO, POLLIN, 0}, {top_source_fd(top->source), POLLIN, 0}};
	sigset_t blocked, before;
	int key, r = 0;

	sigemptyset(&blocked);
	for (size_t i = 0; i < ARRAY_SIZE(ending); i++)
		sigaddset(&blocked, ending[i]);
	sigaddset(&blocked, SIGWINCH);
	sigprocmask(SIG_BLOCK, &blocked, &before);
	/* a resize comes as a signal, which ncurses turns into a key */
	key = screen_read_key();
	if (key == SCREEN_NONE && !was_ended)
		r = ppoll(fds, 2, NULL, &before);
	sigprocmask(SIG_SETMASK, &before, NULL);
	/* the terminal has gone */
	if (r > 0 && fds[0].revents & (POLLHUP | POLLERR))
		was_ended = SIGHUP;
	return key == SCREEN_NONE ? screen_read_key() : key;
}

int top_was_ended(void)
{
	return was_ended;
}

void top_forget_end(void)
{
	was_ended = 0;
}

void top_catch_signals(void)
{
	const struct sigaction action = {.sa_handler = note_end};

	for (size_t i = 0; i < ARRAY_SIZE(ending); i++)
		sigaction(ending[i], &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int top_loop(struct top *top)
{
	struct top_loop loop = {.top = top};
	int r = 0, key;

	top_pane_init(&loop.pane);
	while (!loop.quit && !was_ended && r >= 0) {
		(void)top_update(top);
		if (top->shot)
			r = draw_all(&loop);
		if (r < 0)
			break;
		key = wait_for_news(top);
		while (key != SCREEN_NONE) {
			if (top->shot)
				top_loop_press(&loop, key);
			else
				loop.quit = key == 'q';
			key = loop.quit ? SCREEN_NONE : screen_read_key();
		}
	}
	top_pane_deinit(&loop.pane);
	return r < 0 ? STATUS_FAILED : STATUS_DONE;
}
