/* SPDX-License-Identifier: MIT */
/*
 * watch-sample.h: the figures of a process at one moment, by name. What /proc says costs microseconds; any
 * other figure costs a report, which is made when one is asked for first.
 */
#ifndef CLI_WATCH_SAMPLE_H
#define CLI_WATCH_SAMPLE_H

#include <sys/types.h>

#include "cli/condition.h"
#include "process/procinfo.h"
#include "render/json.h"

struct watch_sample {
	pid_t pid;
	struct procinfo info;
	json_t *report; /* NULL until it is needed */
};

/* -ESRCH: the process has ended. */
int watch_sample_init(struct watch_sample *sample, pid_t pid);
void watch_sample_deinit(struct watch_sample *sample);

/*
 * rss, swap, vsz, threads, live, blocks, retained, pss, uss, unexplained, verdict, or the path of a member of
 * the JSON report, such as heap.live_blocks or sites.0.live_bytes. For struct condition_source.
 */
int watch_sample_get(void *sample, const char *figure, struct condition_value *ret);

/* Bytes that the process may have: its control group's limit, or the machine's memory. */
double watch_sample_limit(const struct watch_sample *sample);

#endif
