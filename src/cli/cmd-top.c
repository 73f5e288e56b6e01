/* SPDX-License-Identifier: MIT */
/*
 * cmd-top.c: `memtrace top [TARGET]`: a process's memory on a screen, looked at again every second; with
 * --batch the same as text.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/print.h"
#include "cli/progress-line.h"
#include "cli/screen.h"
#include "cli/top-choose.h"
#include "cli/top-loop.h"
#include "cli/top-watch.h"
#include "cli/verb.h"

enum { BATCH_WIDTH = 120, BATCH_ROWS = 20 };

struct values {
	bool batch;
	unsigned n_frames;
	uint64_t interval_ns;
	int view, sort, color;
};

static const char *const view_names[] = {"sites",   "tree",     "ledger", "arenas", "maps",
					 "threads", "timeline", "events", NULL};
static const char *const sorts[] = {"live", "growth", "allocated", "blocks", "age", NULL};
static const char *const colors[] = {"auto", "always", "never", NULL};

_Static_assert(TOP_N_VIEWS == ARRAY_SIZE(view_names) - 1, "choices of --view");
_Static_assert(RENDER_SORT_AGE == ARRAY_SIZE(sorts) - 2, "choices of --sort");

#define AT(member) offsetof(struct values, member)

static const struct option_spec options[] = {
	{"batch", 'b', NULL, AT(batch), &option_flag,
	 "print frames as text instead of drawing them"},
	{"frames", 'n', "N", AT(n_frames), &option_count, "with --batch: end after N frames"},
	{"interval", 0, "T", AT(interval_ns), &option_duration, "time between looks (1s)"},
	{"view", 0, "VIEW", AT(view), &option_choice,
	 "begin with sites (default), tree, ledger, arenas, maps, threads, timeline or events",
	 view_names},
	{"sort", 0, "KEY", AT(sort), &option_choice,
	 "order sites by live (default), growth, allocated, blocks or age", sorts},
	{"color", 0, "WHEN", AT(color), &option_choice,
	 "auto (default: unless NO_COLOR is set), always or never", colors},
	{NULL},
};

static const struct option_group groups[] = {{options, 0, "Options"}, {NULL}};
static const struct values defaults = {.interval_ns = 1000000000};

static int print_frame(struct top *top, unsigned number)
{
	struct top_lines lines = {};
	size_t n_fixed;
	int r = top_draw(top, &lines, &n_fixed);

	if (number > 0)
		putchar('\n');
	if (r >= 0)
		top_lines_print(&lines, 0, stdout);
	top_lines_deinit(&lines);
	fflush(stdout);
	return r;
}

static int run_batch(struct top *top, const struct values *values)
{
	const unsigned wanted = values->n_frames ?: UINT32_MAX;
	struct pollfd fd = {top_source_fd(top->source), POLLIN, 0};
	int r = 0;

	top->options.width = BATCH_WIDTH;
	top->rows = BATCH_ROWS;
	top->n_wanted = SIZE_MAX;
	for (unsigned n = 0; r >= 0 && n < wanted && !ferror(stdout);) {
		if (poll(&fd, 1, -1) < 0 && errno != EINTR)
			return STATUS_FAILED;
		if (!top_update(top))
			continue;
		if (top->ended)
			break;
		/* the first shots of a process with the agent have no names yet */
		if (!top->shot->is_named)
			continue;
		r = print_frame(top, n++);
		/* a session is what it is */
		if (top_source_pid(top->source) == 0)
			break;
	}
	return r < 0 ? STATUS_FAILED : verb_finish_output();
}

static int open_screen(const struct values *values)
{
	const char *why = NULL;

	if (top_open_screen(values->color, &why) >= 0)
		return STATUS_DONE;
	log_error("top: %s; use --batch", why);
	return STATUS_FAILED;
}

/* The running processes, of which one is chosen: its pid goes into target, "" if none was. */
static int choose(const struct values *values, char *target, size_t size)
{
	const double interval_s = (double)values->interval_ns / 1e9;
	pid_t pid = 0;
	int r;

	if (values->batch)
		r = top_choose_print(interval_s, values->n_frames ?: UINT32_MAX);
	else
		r = top_choose(interval_s, &pid);
	if (pid == 0)
		screen_close();
	if (r < 0) {
		log_error("top: the processes cannot be listed: %s; name one", strerror(-r));
		return STATUS_FAILED;
	}
	if (pid > 0)
		snprintf(target, size, "%d", (int)pid);
	return values->batch ? verb_finish_output() : STATUS_DONE;
}

static int show(const struct values *values, const char *target)
{
	const struct top_settings settings = {
		.view = top_views[values->view],
		.sort = (enum render_sort)values->sort,
		.interval_s = (double)values->interval_ns / 1e9,
	};
	_cleanup_(strbuf_deinit) struct strbuf error = {};
	int status = STATUS_DONE, r;
	struct top top;

	if (values->batch) {
		r = top_init(&top, &settings, target, &error);
		if (r >= 0) {
			status = run_batch(&top, values);
			top_deinit(&top);
		}
	} else {
		r = top_watch(&settings, values->color, target, &error);
	}
	if (r < 0) {
		log_error("top: %s%s", strbuf_text(&error), r == -ENOTTY ? "; use --batch" : "");
		return STATUS_FAILED;
	}
	return status;
}

static int top_main(const void *values_, int n_operands, char **operands)
{
	const struct values *values = values_;
	char chosen[16] = "";
	int status;

	/* the screen is its own */
	progress_line_remove();
	if (operands[0])
		return show(values, operands[0]);
	if (!values->batch && open_screen(values) != STATUS_DONE)
		return STATUS_FAILED;
	status = choose(values, chosen, sizeof(chosen));
	return chosen[0] && status == STATUS_DONE ? show(values, chosen) : status;
}

const struct verb verb_top = {
	.name = "top",
	.operands = "[OPTION…] [TARGET]",
	.summary = "watch a process's memory on the screen",
	.description =
		"Shows, every second anew, who allocated what is outstanding and how it grows, where every\n"
		"resident byte is, what the allocator keeps, and what happens. TARGET is the PID of a\n"
		"process, with the agent or without, a session file or a core. Without it the running\n"
		"processes are listed, the biggest and fastest-growing first, and Enter chooses one; with\n"
		"--batch the list is printed. ? shows the keys.\n",
	.syntax = {groups},
	.values_size = sizeof(struct values),
	.defaults = &defaults,
	.max_operands = 1,
	.main = top_main,
};
