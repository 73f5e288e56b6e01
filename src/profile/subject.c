/* SPDX-License-Identifier: MIT */
/*
 * The region's header tells what the process was when the agent began and what the agent has done; /proc
 * tells what the process is now, and is believed where both speak. What neither says stays unknown.
 */
#include "profile/subject.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"

static enum profile_state find_state(const struct mt_header *header, bool is_alive)
{
	switch (header->state) {
	case MT_STATE_EXITED:
		return PROFILE_EXITED;
	case MT_STATE_REPLACED:
		return PROFILE_REPLACED;
	case MT_STATE_DETACHED:
		return is_alive ? PROFILE_RUNNING : PROFILE_EXITED;
	default:
		return is_alive ? PROFILE_RUNNING : PROFILE_KILLED;
	}
}

/* The arguments, each zero terminated, as an array; empty ones in the middle are kept. */
static int split_arguments(const char *text, size_t size, char ***ret)
{
	char **arguments = NULL;
	size_t n = 0, end = size;

	while (end > 0 && text[end - 1] == '\0')
		end--;
	for (size_t i = 0; i < end; n++) {
		size_t length = strnlen(text + i, end - i);

		if (GROW(arguments, n) < 0)
			goto no_memory;
		arguments[n] = strndup(text + i, length);
		if (!arguments[n])
			goto no_memory;
		i += length + 1;
	}
	if (GROW(arguments, n) < 0)
		goto no_memory;
	arguments[n] = NULL;
	*ret = arguments;
	return 0;
no_memory:
	while (n > 0)
		free(arguments[--n]);
	free(arguments);
	return -ENOMEM;
}

static int copy_arguments(char *const *from, char ***ret)
{
	size_t n = 0;

	while (from[n])
		n++;
	char **arguments = calloc(n + 1, sizeof(*arguments));
	if (!arguments)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		arguments[i] = strdup(from[i]);
		if (!arguments[i]) {
			while (i > 0)
				free(arguments[--i]);
			free(arguments);
			return -ENOMEM;
		}
	}
	*ret = arguments;
	return 0;
}

static void describe_usage(const struct procinfo *info, struct profile_process *process)
{
	process->started_at = info->started_at;
	process->n_threads = info->n_threads;
	process->rss = info->rss;
	process->pss = info->pss;
	process->uss = info->uss;
	process->swap = info->swap;
	process->vsz = info->vsz;
	process->peak_rss = info->peak_rss;
	process->cgroup_limit = info->cgroup_limit;
	process->n_cpus = info->n_cpus;
	process->cpu_limit = info->cpu_limit;
}

uint64_t subject_find_moment(const struct region_snapshot *snapshot)
{
	const struct mt_header *header = &snapshot->header;
	uint64_t moment = snapshot->taken_ns;

	if (header->end_ns &&
	    (header->state == MT_STATE_EXITED || header->state == MT_STATE_REPLACED))
		moment = header->end_ns;
	moment = MAX(moment, header->start_ns);
	for (uint32_t i = 0; i < snapshot->n_live; i++)
		moment = MAX(moment, snapshot->live[i].time_ns);
	for (uint32_t i = 0; i < snapshot->n_maps; i++)
		moment = MAX(moment, snapshot->maps[i].time_ns);
	return moment;
}

int subject_describe_process(const struct region_snapshot *snapshot, const struct procinfo *info,
			     uint64_t moment_ns, struct profile *profile)
{
	const struct mt_header *header = &snapshot->header;
	struct profile_process *process = &profile->process;
	int r = 0;

	process->pid = header->pid;
	process->ppid = info ? (uint32_t)info->ppid : header->ppid;
	process->exe = strdup(info && info->exe ? info->exe : header->exe);
	process->comm = strdup(info ? info->comm : header->comm);
	if (!process->exe || !process->comm)
		return -ENOMEM;
	if (info && info->cmdline)
		r = copy_arguments(info->cmdline, &process->cmdline);
	else if (header->cmdline[0])
		r = split_arguments(header->cmdline, sizeof(header->cmdline), &process->cmdline);
	if (r < 0)
		return r;
	process->state = find_state(header, info != NULL);
	process->started_at = (double)header->start_realtime_ns / 1e9;
	process->captured_at = process->started_at + (double)(moment_ns - header->start_ns) / 1e9;
	if (!info)
		return 0;
	describe_usage(info, process);
	return 0;
}

int subject_describe_plain(const struct procinfo *info, double captured_at, struct profile *profile)
{
	struct profile_process *process = &profile->process;

	process->pid = (uint32_t)info->pid;
	process->ppid = (uint32_t)info->ppid;
	process->exe = strdup(info->exe ? info->exe : "");
	process->comm = strdup(info->comm);
	profile->threads = calloc(1, sizeof(*profile->threads));
	if (!process->exe || !process->comm || !profile->threads)
		return -ENOMEM;
	profile->n_threads = 1;
	process->state = PROFILE_RUNNING;
	process->captured_at = captured_at;
	describe_usage(info, process);
	profile->agent.mode = MT_MODE_NONE;
	profile->agent.sampling = MT_SAMPLING_OFF;
	profile_forget_heap(profile);
	return info->cmdline ? copy_arguments(info->cmdline, &process->cmdline) : 0;
}

/* Bytes of the region that were ever written: what it holds resident. */
static uint64_t region_used_bytes(const struct mt_header *header)
{
	const uint64_t page = header->page_size ? header->page_size : 4096;
	const uint64_t used[] = {
		sizeof(*header),
		header->n_stacks * sizeof(uint64_t),
		(uint64_t)header->n_sites * header->sites.entry_size,
		(uint64_t)header->n_live * header->live.entry_size,
		(uint64_t)header->n_maps * header->maps.entry_size,
		MIN(header->n_events, header->ring.capacity) * header->ring.entry_size,
		(uint64_t)header->n_modules * header->modules.entry_size,
		(uint64_t)header->n_threads * header->threads.entry_size,
		header->n_strings,
	};
	uint64_t sum = 0;

	for (size_t i = 0; i < ARRAY_SIZE(used); i++)
		sum += DIV_ROUND_UP(used[i], page) * page;
	return sum;
}

void subject_describe_agent(const struct region_snapshot *snapshot, struct profile *profile)
{
	const struct mt_header *header = &snapshot->header;
	struct profile_agent *agent = &profile->agent;

	agent->mode = header->mode;
	agent->allocator = header->allocator;
	agent->sampling = header->sampling;
	agent->interval = header->interval;
	agent->flags = header->flags;
	agent->samples = header->samples;
	agent->lost_allocations = header->lost_allocations;
	agent->lost_frees = header->lost_frees;
	agent->lost_maps = header->lost_maps;
	agent->truncated_stacks = header->truncated_stacks;
	agent->own_bytes = header->own_bytes + region_used_bytes(header);
	agent->own_ns = header->own_ns;
	agent->since = (double)header->start_realtime_ns / 1e9;
	profile->n_damaged =
		snapshot->n_damaged_sites + snapshot->n_damaged_live + snapshot->n_damaged_maps;

	agent->exact = header->interval == 0 && header->sampling != MT_SAMPLING_OFF &&
		       !(header->flags & MT_HEADER_INEXACT) && header->lost_allocations == 0 &&
		       header->lost_frees == 0 && header->lost_maps == 0 && profile->n_damaged == 0;
	for (uint32_t i = 0; i < snapshot->n_live; i++)
		if (snapshot->live[i].interval != 0)
			agent->exact = false;
}

int subject_describe_threads(const struct region_snapshot *snapshot, struct profile *profile)
{
	size_t n = MAX(snapshot->n_threads, 1u);

	profile->threads = calloc(n, sizeof(*profile->threads));
	if (!profile->threads)
		return -ENOMEM;
	profile->n_threads = n;
	for (uint32_t i = 1; i < snapshot->n_threads; i++) {
		const struct mt_thread *from = &snapshot->threads[i];
		struct profile_thread *thread = &profile->threads[i];

		thread->tid = from->tid;
		memcpy(thread->name, from->name, sizeof(thread->name) - 1);
		thread->ended = from->end_ns != 0;
		thread->allocated_bytes = from->alloc_bytes;
		thread->freed_bytes = from->freed_bytes;
	}
	return 0;
}
