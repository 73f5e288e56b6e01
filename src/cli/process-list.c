/* SPDX-License-Identifier: MIT */
/*
 * process-list.c: see the header. The kernel lists processes by pid, so an entry is found by bisection.
 * Whether the agent is there takes a look at all mappings; a process is asked once.
 */
#include "cli/process-list.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/target.h"

static int compare_pids(const void *a, const void *b)
{
	return ((const struct process_entry *)a)->info.pid -
	       ((const struct process_entry *)b)->info.pid;
}

const struct process_entry *process_list_find(const struct process_list *list, pid_t pid)
{
	const struct process_entry key = {.info.pid = pid};

	if (list->n_entries == 0)
		return NULL;
	return bsearch(&key, list->entries, list->n_entries, sizeof(key), compare_pids);
}

/* Kernel threads and zombies have no memory. */
static bool is_of_interest(const struct procinfo *info)
{
	return (geteuid() == 0 || info->uid == geteuid()) && info->state != 'Z' &&
	       info->rss != UINT64_MAX && info->rss > 0;
}

static bool find_agent(const struct process_list *before, const struct procinfo *info)
{
	const struct process_entry *was = before ? process_list_find(before, info->pid) : NULL;

	if (was && was->info.start_ticks == info->start_ticks)
		return was->has_agent;
	return target_has_agent(info->pid) > 0;
}

int process_list_take(const struct process_list *before, struct process_list *ret)
{
	_cleanup_(process_list_deinit) struct process_list list = {};
	_cleanup_free_ pid_t *pids = NULL;
	size_t n;
	int r = procinfo_list(&pids, &n);

	if (r < 0)
		return r;
	list.entries = calloc(n + 1, sizeof(*list.entries));
	if (!list.entries)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct process_entry *entry = &list.entries[list.n_entries];

		if (pids[i] == getpid() || procinfo_read_brief(pids[i], &entry->info) < 0)
			continue;
		if (!is_of_interest(&entry->info)) {
			procinfo_deinit(&entry->info);
			continue;
		}
		entry->has_agent = find_agent(before, &entry->info);
		list.n_entries++;
	}
	qsort(list.entries, list.n_entries, sizeof(*list.entries), compare_pids);
	ret->n_entries = list.n_entries;
	ret->entries = TAKE_PTR(list.entries);
	return 0;
}

void process_list_deinit(struct process_list *list)
{
	for (size_t i = 0; list->entries && i < list->n_entries; i++)
		procinfo_deinit(&list->entries[i].info);
	free(list->entries);
	*list = (struct process_list){};
}

void process_entry_add_command(const struct process_entry *entry, struct strbuf *text)
{
	char *const *arguments = entry->info.cmdline;

	if (!arguments || !arguments[0]) {
		strbuf_addf(text, "[%s]", entry->info.comm);
		return;
	}
	for (char *const *argument = arguments; *argument; argument++) {
		if (argument != arguments)
			strbuf_addc(text, ' ');
		for (const char *c = *argument; *c; c++)
			strbuf_addc(text, (unsigned char)*c < ' ' || *c == 127 ? '?' : *c);
	}
}
