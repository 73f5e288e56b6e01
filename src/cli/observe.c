/* SPDX-License-Identifier: MIT */
/*
 * One look takes sites and blocks from the region and one line of /proc: no walk of page tables, which would
 * keep the process from mapping anything meanwhile.
 */
#include "cli/observe.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/macro.h"
#include "process/procinfo.h"
#include "region/marks.h"

enum { STATM_MAX = 256, NS_PER_S = 1000000000 };

uint64_t observe_spent_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* Resident, and of that without a file; a zombie has nothing, which is not its memory. */
static void read_resident(pid_t pid, struct series_sample *sample)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	_cleanup_free_ char *text = NULL;
	char path[64], *rest;
	uint64_t pages, files;

	sample->rss = sample->anon = PROFILE_UNKNOWN;
	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	if (file_read(path, STATM_MAX, &text, NULL) < 0)
		return;
	/* the first is the address space */
	(void)strtoull(text, &rest, 10);
	pages = strtoull(rest, &rest, 10);
	files = strtoull(rest, &rest, 10);
	if (pages == 0 || files > pages)
		return;
	sample->rss = pages * page;
	sample->anon = (pages - files) * page;
}

/* Of a process that has ended: its end, however much later it is looked at. */
static uint64_t moment_of(const struct region_snapshot *counted)
{
	const struct mt_header *header = &counted->header;

	if (header->state == MT_STATE_EXITED && header->end_ns)
		return MIN(counted->taken_ns, header->end_ns);
	return counted->taken_ns;
}

/* Seconds since the epoch of a time by the process's clock. */
static double time_of(const struct mt_header *header, uint64_t ns)
{
	return (double)header->start_realtime_ns / 1e9 +
	       ((double)ns - (double)header->start_ns) / 1e9;
}

int observe_counted(struct series *series, const struct region_snapshot *counted, pid_t pid)
{
	const struct mt_header *header = &counted->header;
	struct series_sample sample = {
		.at = time_of(header, moment_of(counted)),
		.n_sites = counted->n_sites,
	};

	_cleanup_free_ struct series_site *sites = NULL;
	int r = series_weigh(counted, &sites);

	if (r < 0)
		return r;
	sample.sites = sites;
	read_resident(pid, &sample);
	return series_add(series, &sample);
}

void observe_marks(struct series *series, struct region *region, uint64_t *since)
{
	_cleanup_free_ struct region_mark *marks = NULL;
	struct mt_header header;
	size_t n;

	if (region_marks(region, since, &header, &marks, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		(void)series_mark(series, marks[i].name, time_of(&header, marks[i].time_ns));
}

int observe_region(struct series *series, struct region *region, pid_t pid)
{
	_cleanup_(region_snapshot_deinit) struct region_snapshot counted = {};
	int r = region_count(region, &counted);

	return r < 0 ? r : observe_counted(series, &counted, pid);
}
