/* SPDX-License-Identifier: MIT */
/*
 * cmd-ps.c: `memtrace ps`: the processes of this user that have the agent, and the biggest that have
 * not. Root sees everybody's.
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
#include "cli/process-list.h"
#include "cli/stream.h"
#include "cli/verb.h"
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

/* What the region of a process with the agent says. */
struct record {
	const char *state;   /* of the agent */
	uint64_t live_bytes; /* UINT64_MAX if it cannot be read */
};

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

static void look_into_region(pid_t pid, struct record *record)
{
	struct region_snapshot snapshot;
	struct region *region;
	int r = region_open_pid(pid, &region);

	/* a forked child that has recorded nothing has its parent's region still */
	record->state = r == -ENODATA ? "idle" : "unreadable";
	record->live_bytes = UINT64_MAX;
	if (r < 0)
		return;
	if (region_snapshot(region, UINT64_MAX, &snapshot) >= 0) {
		record->state = state_name(snapshot.header.state);
		record->live_bytes = snapshot.header.live_bytes;
		region_snapshot_deinit(&snapshot);
	}
	region_free(region);
}

/* Those with the agent first, then by resident memory. */
static int compare_entries(const void *a_, const void *b_)
{
	const struct process_entry *a = a_, *b = b_;

	if (a->has_agent != b->has_agent)
		return a->has_agent ? -1 : 1;
	if (a->info.rss != b->info.rss)
		return a->info.rss > b->info.rss ? -1 : 1;
	return a->info.pid - b->info.pid;
}

/* Cut to what a line of the terminal holds. */
static void print_command(const struct process_entry *entry)
{
	enum { COLUMNS_BEFORE = 44, COLUMNS_LEAST = 20 };
	_cleanup_(strbuf_deinit) struct strbuf command = {};
	unsigned width = stream_width(stdout);
	int max = width ? MAX((int)width - COLUMNS_BEFORE, COLUMNS_LEAST) : INT_MAX;

	process_entry_add_command(entry, &command);
	printf("%.*s\n", max, strbuf_text(&command));
}

static void print_entry(const struct process_entry *entry)
{
	char rss[UNITS_MAX], live[UNITS_MAX] = "-";
	struct record record = {.state = "-", .live_bytes = UINT64_MAX};

	if (entry->has_agent)
		look_into_region(entry->info.pid, &record);
	if (record.live_bytes != UINT64_MAX)
		units_format_bytes(record.live_bytes, live);
	printf("%7d %11s %11s  %-10s ", (int)entry->info.pid,
	       units_format_bytes(entry->info.rss, rss), live, record.state);
	print_command(entry);
}

static int ps_main(const void *values_, int n_operands, char **operands)
{
	const struct values *values = values_;
	_cleanup_(process_list_deinit) struct process_list list = {};
	unsigned n_without = 0;
	int r = process_list_take(NULL, &list);

	if (r == -ENOSYS)
		log_error("ps: /proc is not mounted; mount it: mount -t proc proc /proc");
	else if (r < 0)
		log_error("ps: the processes cannot be listed: %s; try again", strerror(-r));
	if (r < 0)
		return STATUS_FAILED;
	printf("%7s %11s %11s  %-10s %s\n", "PID", "RESIDENT", "LIVE", "AGENT", "COMMAND");
	qsort(list.entries, list.n_entries, sizeof(*list.entries), compare_entries);
	for (size_t i = 0; i < list.n_entries; i++) {
		if (!list.entries[i].has_agent && n_without++ >= values->top)
			break;
		print_entry(&list.entries[i]);
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
