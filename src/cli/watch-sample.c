/* SPDX-License-Identifier: MIT */
/*
 * watch-sample.c: figures by name.
 */
#include "cli/watch-sample.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "cli/capture.h"

static const struct {
	const char *name, *path;
} aliases[] = {
	{"live", "heap.live_bytes"},
	{"blocks", "heap.live_blocks"},
	{"pss", "memory.pss_bytes"},
	{"uss", "memory.uss_bytes"},
	{"unexplained", "memory.unexplained_bytes"},
	{"verdict", "verdict.code"},
};

int watch_sample_init(struct watch_sample *sample, pid_t pid)
{
	int r;

	*sample = (struct watch_sample){.pid = pid};
	r = procinfo_read_brief(pid, &sample->info);
	if (r >= 0 && (sample->info.state == 'Z' || sample->info.state == 'X')) {
		procinfo_deinit(&sample->info);
		return -ESRCH;
	}
	return r;
}

void watch_sample_deinit(struct watch_sample *sample)
{
	procinfo_deinit(&sample->info);
	json_decref(sample->report);
	*sample = (struct watch_sample){};
}

double watch_sample_limit(const struct watch_sample *sample)
{
	double all = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);

	if (sample->info.cgroup_limit != UINT64_MAX)
		all = fmin(all, (double)sample->info.cgroup_limit);
	return all;
}

static int make_report(struct watch_sample *sample)
{
	static const struct render_options options = {.since_s = -1, .older_s = -1};
	_cleanup_(profile_freep) struct profile *profile = NULL;
	_cleanup_(strbuf_deinit) struct strbuf unsaid = {};
	int r;

	if (sample->report)
		return 0;
	r = capture_pid(sample->pid, false, &profile, &unsaid);
	return r < 0 ? r : json_make_report(profile, &options, &sample->report);
}

/* The member of a path such as "sites.0.live_bytes"; NULL if there is none. */
static json_t *find_member(json_t *report, const char *path)
{
	_cleanup_free_ char *copy = strdup(path);
	char *rest, *part = copy ? strtok_r(copy, ".", &rest) : NULL;
	json_t *member = report;

	for (; part && member; part = strtok_r(NULL, ".", &rest))
		member = json_is_array(member) ? json_array_get(member, strtoul(part, NULL, 10))
					       : json_object_get(member, part);
	return copy && path[0] ? member : NULL;
}

/* What allocators hold that is free and resident. */
static double retained(json_t *report)
{
	double sum = 0;
	json_t *arena;
	size_t i;

	json_array_foreach(json_object_get(report, "arenas"), i, arena)
	{
		json_t *bytes = json_object_get(arena, "free_resident_bytes");

		if (json_is_integer(bytes))
			sum += (double)json_integer_value(bytes);
	}
	return sum;
}

/* What /proc says; false if it is none of that. */
static bool get_brief(const struct procinfo *info, const char *figure, double *ret)
{
	if (strcmp(figure, "rss") == 0)
		*ret = profile_known(info->rss);
	else if (strcmp(figure, "swap") == 0)
		*ret = profile_known(info->swap);
	else if (strcmp(figure, "vsz") == 0)
		*ret = profile_known(info->vsz);
	else if (strcmp(figure, "threads") == 0)
		*ret = info->n_threads;
	else
		return false;
	return true;
}

int watch_sample_get(void *data, const char *figure, struct condition_value *ret)
{
	struct watch_sample *sample = data;
	json_t *member;
	int r;

	*ret = (struct condition_value){.number = NAN};
	if (get_brief(&sample->info, figure, &ret->number))
		return 0;
	r = make_report(sample);
	if (r < 0)
		return r;
	if (strcmp(figure, "retained") == 0) {
		ret->number = retained(sample->report);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++)
		if (strcmp(aliases[i].name, figure) == 0)
			figure = aliases[i].path;
	member = find_member(sample->report, figure);
	if (!member && strncmp(figure, "sites.", 6) != 0 && strncmp(figure, "arenas.", 7) != 0)
		return -ENOENT;
	if (json_is_number(member))
		ret->number = json_number_value(member);
	ret->text = json_string_value(member);
	return 0;
}
