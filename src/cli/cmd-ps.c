/* SPDX-License-Identifier: MIT */
/*
 * cmd-ps.c: `memtrace ps`: the processes of this user that have the agent, and the biggest that have
 * not. Root sees everybody's. A process that ends while it is looked at is left out.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/macro.h"
#include "base/units.h"
#include "cli/stream.h"
#include "cli/target.h"
#include "cli/verb.h"
#include "process/procinfo.h"
#include "region/region.h"

struct values {
	unsigned top;
};

static const struct values defaults = {.top = 5};

static const struct option_spec options[] = {
	{"top", 0, "N", offsetof(struct values, top), &option_count,
	 "how many of the biggest without the agent are listed (5)"},
	{NULL},
};

static const struct option_group groups[] = {{options, 0, "Options"}, {NULL}};

struct row {
	struct procinfo info;
	bool has_agent;
	const char *state;   /* of the agent */
	uint64_t live_bytes; /* UINT64_MAX if it cannot be read */
};

struct rows {
	struct row *rows;
	size_t n;
};

static void rows_deinit(struct rows *rows)
{
	for (size_t i = 0; i < rows->n; i++)
		procinfo_deinit(&rows->rows[i].info);
	free(rows->rows);
}

static const char *state_name(uint32_t state)
{
	switch (state) {
	case MT_STATE_RUNNING:
		return "recording";
	case MT_STATE_DETACHED:
		return "detached";
	case MT_STATE_REPLACED:
		return "in exec";
	case MT_STATE_EXITED:
		return "exiting";
	default:
		return "starting";
	}
}

static void look_into_region(struct row *row)
{
	struct region_snapshot snapshot;
	struct region *region;
	int r = region_open_pid(row->info.pid, &region);

	/* a forked child that has recorded nothing has its parent's region still */
	row->state = r == -ENODATA ? "idle" : "unreadable";
	row->live_bytes = UINT64_MAX;
	if (r < 0)
		return;
	if (region_snapshot(region, UINT64_MAX, &snapshot) >= 0) {
		row->state = state_name(snapshot.header.state);
		row->live_bytes = snapshot.header.live_bytes;
		region_snapshot_deinit(&snapshot);
	}
	region_free(region);
}

/* Those with the agent first, then by resident memory. */
static int compare_rows(const void *a_, const void *b_)
{
	const struct row *a = a_, *b = b_;
	uint64_t rss_a = a->info.rss == UINT64_MAX ? 0 : a->info.rss;
	uint64_t rss_b = b->info.rss == UINT64_MAX ? 0 : b->info.rss;

	if (a->has_agent != b->has_agent)
		return a->has_agent ? -1 : 1;
	if (rss_a != rss_b)
		return rss_a > rss_b ? -1 : 1;
	return a->info.pid - b->info.pid;
}

static int rows_collect(struct rows *rows)
{
	_cleanup_free_ pid_t *pids = NULL;
	size_t n;
	int r = procinfo_list(&pids, &n);

	if (r < 0)
		return r;
	rows->rows = calloc(n ?: 1, sizeof(*rows->rows));
	if (!rows->rows)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct row *row = &rows->rows[rows->n];

		if (pids[i] == getpid() || procinfo_read_brief(pids[i], &row->info) < 0)
			continue;
		/* kernel threads and zombies have no memory */
		if ((geteuid() != 0 && row->info.uid != geteuid()) || row->info.state == 'Z' ||
		    row->info.rss == UINT64_MAX || row->info.rss == 0) {
			procinfo_deinit(&row->info);
			continue;
		}
		row->has_agent = target_has_agent(pids[i]) > 0;
		rows->n++;
	}
	qsort(rows->rows, rows->n, sizeof(*rows->rows), compare_rows);
	return 0;
}

/* The arguments with blanks between them, cut to what a line of the terminal holds, nothing unprintable. */
static void print_command(const struct procinfo *info)
{
	enum { COLUMNS_BEFORE = 44, COLUMNS_LEAST = 20 };
	unsigned width = stream_width(stdout);
	int max = width ? MAX((int)width - COLUMNS_BEFORE, COLUMNS_LEAST) : INT_MAX;
	int length = 0;

	if (!info->cmdline || !info->cmdline[0]) {
		printf("[%s]\n", info->comm);
		return;
	}
	for (char **argument = info->cmdline; *argument && length < max; argument++) {
		if (argument != info->cmdline)
			length += printf(" ");
		for (const char *c = *argument; *c && length < max; c++, length++)
			putchar((unsigned char)*c < ' ' || *c == 127 ? '?' : *c);
	}
	putchar('\n');
}

static void print_row(const struct row *row)
{
	char rss[UNITS_MAX], live[UNITS_MAX] = "-";

	units_format_bytes(row->info.rss, rss);
	if (row->has_agent && row->live_bytes != UINT64_MAX)
		units_format_bytes(row->live_bytes, live);
	printf("%7d %11s %11s  %-10s ", (int)row->info.pid, rss, live,
	       row->has_agent ? row->state : "-");
	print_command(&row->info);
}

static int ps_main(const void *values_, int n_operands, char **operands)
{
	const struct values *values = values_;
	_cleanup_(rows_deinit) struct rows rows = {};
	unsigned n_without = 0;
	int r = rows_collect(&rows);

	if (r == -ENOSYS)
		log_error("ps: /proc is not mounted; mount it: mount -t proc proc /proc");
	else if (r < 0)
		log_error("ps: the processes cannot be listed: %s; try again", strerror(-r));
	if (r < 0)
		return STATUS_FAILED;
	printf("%7s %11s %11s  %-10s %s\n", "PID", "RESIDENT", "LIVE", "AGENT", "COMMAND");
	for (size_t i = 0; i < rows.n; i++) {
		struct row *row = &rows.rows[i];

		if (!row->has_agent && n_without++ >= values->top)
			break;
		if (row->has_agent)
			look_into_region(row);
		print_row(row);
	}
	return verb_finish_output();
}

const struct verb verb_ps = {
	.name = "ps",
	.operands = "[OPTION…]",
	.summary = "list the processes with the agent, and the biggest without",
	.description =
		"Lists the processes of this user (root: of everybody) that have the agent, and the\n"
		"biggest that have not.\n",
	.syntax = {groups},
	.values_size = sizeof(struct values),
	.defaults = &defaults,
	.main = ps_main,
};
