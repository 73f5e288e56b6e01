/* SPDX-License-Identifier: MIT */
/*
 * top-choose.c: the processes are looked at once an interval. Those are first that would be the biggest in
 * ten minutes if they went on as they do: that puts a small one that runs away before a big one
 * that stands still.
 */
#include "cli/top-choose.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <pwd.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/units.h"
#include "cli/process-list.h"
#include "cli/screen.h"
#include "cli/top-loop.h"
#include "cli/top-pane.h"

enum { AHEAD_S = 600, OWNER_COLUMNS = 9 };

struct candidate {
	const struct process_entry *entry;
	struct top_growth growth;
};

struct chooser {
	struct process_list list;
	struct map series; /* pid: struct top_series * */
	struct top_looks looks;
	struct candidate *candidates;
	size_t n_candidates;
	struct top_pane pane;
	struct top_prompt prompt;
	regex_t regex;
	char filter[128]; /* what regex was made of; "" for none */
	char message[128];
	char owner[32]; /* of the uid that was asked for last */
	uid_t owner_uid;
};

static void chooser_init(struct chooser *chooser)
{
	*chooser = (struct chooser){.owner_uid = (uid_t)-1};
	top_pane_init(&chooser->pane);
}

static void chooser_deinit(struct chooser *chooser)
{
	map_for_each (entry, &chooser->series) {
		struct top_series *series = (void *)(uintptr_t)entry->value;

		top_series_deinit(series);
		free(series);
	}
	map_deinit(&chooser->series);
	process_list_deinit(&chooser->list);
	free(chooser->candidates);
	top_pane_deinit(&chooser->pane);
	if (chooser->filter[0])
		regfree(&chooser->regex);
}

/* ---- what there is ---- */

/* The growth of a process, with what it has now. */
static struct top_growth observe(struct chooser *chooser, const struct procinfo *info, bool is_new,
				 double time_s)
{
	struct top_series *series = map_get_ptr(&chooser->series, (uint64_t)info->pid);

	if (!series) {
		series = calloc(1, sizeof(*series));
		if (!series ||
		    map_set(&chooser->series, (uint64_t)info->pid, (uintptr_t)series) < 0) {
			free(series);
			return (struct top_growth){.slope = NAN};
		}
	}
	if (is_new)
		top_series_deinit(series);
	top_series_add(series, time_s, info->rss);
	return top_series_growth(series, &chooser->looks, NAN);
}

static double rank_of(const struct candidate *candidate)
{
	const double growth = isnan(candidate->growth.slope) ? 0 : candidate->growth.slope;

	return (double)candidate->entry->info.rss + growth * AHEAD_S;
}

static int compare_candidates(const void *a, const void *b)
{
	const double x = rank_of(a), y = rank_of(b);

	if (x != y)
		return x < y ? 1 : -1;
	return ((const struct candidate *)a)->entry->info.pid -
	       ((const struct candidate *)b)->entry->info.pid;
}

static int look(struct chooser *chooser)
{
	struct process_list list;
	int r = process_list_take(&chooser->list, &list);
	const double time_s = clock_s(CLOCK_MONOTONIC);

	if (r < 0)
		return r;
	top_looks_add(&chooser->looks, time_s);
	free(chooser->candidates);
	chooser->n_candidates = 0;
	chooser->candidates = calloc(list.n_entries + 1, sizeof(*chooser->candidates));
	for (size_t i = 0; chooser->candidates && i < list.n_entries; i++) {
		const struct process_entry *entry = &list.entries[i],
					   *was = process_list_find(&chooser->list,
								    entry->info.pid);
		const bool is_new = !was || was->info.start_ticks != entry->info.start_ticks;

		chooser->candidates[chooser->n_candidates++] =
			(struct candidate){entry, observe(chooser, &entry->info, is_new, time_s)};
	}
	process_list_deinit(&chooser->list);
	chooser->list = list;
	if (!chooser->candidates)
		return -ENOMEM;
	qsort(chooser->candidates, chooser->n_candidates, sizeof(*chooser->candidates),
	      compare_candidates);
	return 0;
}

/* ---- how it looks ---- */

static const char *owner_of(struct chooser *chooser, uid_t uid)
{
	const struct passwd *user;

	if (uid == chooser->owner_uid)
		return chooser->owner;
	user = getpwuid(uid);
	chooser->owner_uid = uid;
	if (user)
		snprintf(chooser->owner, sizeof(chooser->owner), "%s", user->pw_name);
	else
		snprintf(chooser->owner, sizeof(chooser->owner), "%u", (unsigned)uid);
	return chooser->owner;
}

static void draw_candidate(struct chooser *chooser, const struct candidate *candidate,
			   const char *command, struct top_lines *lines)
{
	const struct procinfo *info = &candidate->entry->info;
	char rss[UNITS_MAX];

	top_lines_begin(lines, (uint64_t)info->pid);
	top_lines_add(lines, TOP_PLAIN, "%7d  ", (int)info->pid);
	top_lines_add_cell(lines, TOP_DIM, owner_of(chooser, info->uid), OWNER_COLUMNS, false);
	top_lines_add_cell(lines, TOP_STRONG, units_format_bytes(info->rss, rss), 11, true);
	top_lines_add(lines, TOP_PLAIN, " ");
	top_add_growth_cell(lines, &candidate->growth);
	top_lines_add(lines, TOP_GOOD, "  %-6s", candidate->entry->has_agent ? "yes" : "");
	top_lines_add(lines, TOP_PLAIN, "%s", command);
}

static int draw(struct chooser *chooser)
{
	struct top_lines *lines = &chooser->pane.lines;
	_cleanup_(strbuf_deinit) struct strbuf command = {};

	top_lines_reset(lines);
	top_lines_add_line(lines, TOP_STRONG,
			   "Which process? %zu run here; the biggest and "
			   "fastest-growing first",
			   chooser->n_candidates);
	top_lines_add_line(lines, TOP_TITLE, "%7s  %-*s%11s%14s  %-6s%s", "PID", OWNER_COLUMNS,
			   "OWNER", "RESIDENT", "GROWTH", "AGENT", "COMMAND");
	chooser->pane.n_fixed = lines->n_lines;
	for (size_t i = 0; i < chooser->n_candidates; i++) {
		strbuf_reset(&command);
		process_entry_add_command(chooser->candidates[i].entry, &command);
		if (!chooser->filter[0] ||
		    regexec(&chooser->regex, strbuf_text(&command), 0, NULL, 0) == 0)
			draw_candidate(chooser, &chooser->candidates[i], strbuf_text(&command),
				       lines);
	}
	if (lines->n_lines == chooser->pane.n_fixed)
		top_lines_add_line(lines, TOP_DIM, "  %s",
				   chooser->filter[0] ? "no command matches" : "there is none");
	return lines->text.error;
}

static void show(struct chooser *chooser)
{
	char text[512];
	int rows, columns;

	if (!top_pane_fits(&rows, &columns))
		return;
	top_pane_draw(&chooser->pane);
	if (chooser->prompt.open)
		snprintf(text, sizeof(text), "/%s", chooser->prompt.text);
	else if (chooser->message[0])
		snprintf(text, sizeof(text), " %s", chooser->message);
	else
		snprintf(text, sizeof(text), "%s%s%s Enter shows it, / filters, q leaves",
			 chooser->filter[0] ? " only /" : "", chooser->filter,
			 chooser->filter[0] ? "/;  " : "");
	screen_draw_text(rows - 1, chooser->prompt.open ? TOP_STRONG : TOP_DIM, text);
	screen_show(chooser->prompt.open ? (int)strlen(chooser->prompt.text) + 1 : -1);
}

/* ---- what keys do ---- */

static void set_filter(struct chooser *chooser, const char *text)
{
	if (chooser->filter[0])
		regfree(&chooser->regex);
	chooser->filter[0] = '\0';
	if (!text[0])
		return;
	if (regcomp(&chooser->regex, text, REG_EXTENDED | REG_NOSUB | REG_ICASE) != 0)
		snprintf(chooser->message, sizeof(chooser->message),
			 "%.80s: is no regular expression", text);
	else
		snprintf(chooser->filter, sizeof(chooser->filter), "%s", text);
}

/* Returns whether it is decided, and by which process: 0 if by none. */
static bool press(struct chooser *chooser, int key, pid_t *ret)
{
	chooser->message[0] = '\0';
	*ret = 0;
	if (chooser->prompt.open) {
		if (top_prompt_press(&chooser->prompt, key))
			set_filter(chooser, chooser->prompt.text);
		return false;
	}
	if (top_pane_press(&chooser->pane, key))
		return false;
	switch (key) {
	case SCREEN_ENTER:
		if (chooser->pane.selected == TOP_NO_ITEM)
			return false;
		*ret = (pid_t)chooser->pane.selected;
		return true;
	case SCREEN_ESCAPE:
		if (!chooser->filter[0])
			return true;
		set_filter(chooser, "");
		return false;
	case '/':
		top_prompt_open(&chooser->prompt, chooser->filter);
		return false;
	default:
		return key == 'q';
	}
}

int top_choose(double interval_s, pid_t *ret)
{
	_cleanup_(chooser_deinit) struct chooser chooser;
	double due_s = 0;
	int key, r = 0;

	chooser_init(&chooser);
	while (!top_was_ended()) {
		struct pollfd fd = {STDIN_FILENO, POLLIN, 0};

		if (clock_s(CLOCK_MONOTONIC) >= due_s) {
			r = look(&chooser);
			due_s = clock_s(CLOCK_MONOTONIC) + interval_s;
		}
		if (r >= 0)
			r = draw(&chooser);
		if (r < 0)
			return r;
		show(&chooser);
		(void)poll(&fd, 1, (int)(MAX(due_s - clock_s(CLOCK_MONOTONIC), 0.0) * 1000) + 1);
		if (fd.revents & (POLLHUP | POLLERR))
			break;
		while ((key = screen_read_key()) != SCREEN_NONE)
			if (press(&chooser, key, ret))
				return *ret > 0;
	}
	return 0;
}

int top_choose_print(double interval_s, unsigned n_frames)
{
	const struct timespec pause = {(time_t)interval_s,
				       (long)((interval_s - (double)(time_t)interval_s) * 1e9)};
	_cleanup_(chooser_deinit) struct chooser chooser;
	int r;

	chooser_init(&chooser);
	r = look(&chooser);
	for (unsigned n = 0; r >= 0 && n < n_frames && !ferror(stdout); n++) {
		/* growth takes two looks */
		nanosleep(&pause, NULL);
		r = look(&chooser);
		if (r >= 0)
			r = draw(&chooser);
		if (r < 0)
			break;
		if (n > 0)
			putchar('\n');
		top_lines_print(&chooser.pane.lines, 0, stdout);
		fflush(stdout);
	}
	return r;
}
