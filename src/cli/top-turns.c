/* SPDX-License-Identifier: MIT */
/*
 * top-turns.c: one thread takes a pulse each interval, another takes shots when the first says that one is due;
 * both leave what they have where the screen finds it and tell an eventfd. What nobody took is replaced by
 * what is newer. Where a shot is quick it is taken each interval, and is the pulse.
 *
 * The first shot has no names: debug information of a big program takes seconds to read, and figures are
 * worth something without. The next ones have the names that were found in half a second, in one, in two
 * and so on; those of the stacks that hold most are looked for first. One symbolizer serves all, so that an
 * address is named once.
 */
#include "cli/top-turns.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "cli/target.h"

/* A shot this quick (processor seconds) serves as a pulse. */
#define QUICK_S     0.02
/* Shots may take this part of the time. */
#define SHARE       0.005
#define SHARE_EAGER 0.05

static void tell(struct top_source *source)
{
	(void)eventfd_write(source->event_fd, 1);
}

/* ---- shots ---- */

/* The region, once there is one: the process may have got an agent meanwhile. */
static struct region *find_region(struct top_source *source)
{
	struct region *region = source->region;

	if (region || target_has_agent(source->pid) <= 0 ||
	    region_open_pid(source->pid, &region) < 0)
		return region;
	pthread_mutex_lock(&source->lock);
	source->region = region;
	pthread_mutex_unlock(&source->lock);
	return region;
}

static uint64_t ns_after(uint64_t ns)
{
	return (uint64_t)(clock_s(CLOCK_MONOTONIC) * 1e9) + ns;
}

/* Returns whether another one with more names should follow at once. */
static bool build(struct top_source *source)
{
	const double began_s = clock_s(CLOCK_MONOTONIC),
		     spent_before_s = clock_s(CLOCK_THREAD_CPUTIME_ID);
	const bool with_names = source->patience_ns > 0;
	struct region *region = find_region(source);
	struct top_shot *shot = NULL;
	bool again = false;

	if (with_names)
		symbolizer_set_deadline(source->symbolizer, ns_after(source->patience_ns));
	if (top_shot_take(&source->origin, region, with_names ? source->symbolizer : NULL, &shot) >=
		    0 &&
	    region) {
		again = !shot->is_named;
		if (!with_names) {
			symbolizer_set_deadline(source->symbolizer, ns_after(500000000));
			top_shot_name_first(shot, source->symbolizer);
		}
		source->patience_ns = MAX(source->patience_ns * 2, (uint64_t)250000000);
	}
	pthread_mutex_lock(&source->lock);
	if (shot) {
		top_shot_free(source->shot);
		source->shot = shot;
	}
	source->shot_began_s = began_s;
	source->shot_cost_s = clock_s(CLOCK_THREAD_CPUTIME_ID) - spent_before_s;
	pthread_mutex_unlock(&source->lock);
	tell(source);
	return again;
}

static void *builder_main(void *source_)
{
	struct top_source *source = source_;
	bool again = false;

	for (;;) {
		pthread_mutex_lock(&source->lock);
		source->is_building = false;
		while (!source->is_wanted && !again && !source->stop)
			pthread_cond_wait(&source->wanted, &source->lock);
		source->is_wanted = false;
		source->is_building = true;
		if (source->stop) {
			pthread_mutex_unlock(&source->lock);
			return NULL;
		}
		pthread_mutex_unlock(&source->lock);
		again = build(source);
	}
}

/* ---- pulses ---- */

/* PROFILE_UNKNOWN if the process has no memory any more. */
static uint64_t read_rss(pid_t pid)
{
	_cleanup_free_ char *text = NULL;
	const char *second;
	uint64_t pages;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	if (file_read(path, 256, &text, NULL) < 0)
		return PROFILE_UNKNOWN;
	/* what is mapped, then what is resident */
	second = strchr(text, ' ');
	pages = second ? strtoull(second, NULL, 10) : 0;
	return pages == 0 ? PROFILE_UNKNOWN : pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void take_pulse(struct top_source *source, struct region *region)
{
	struct top_pulse *pulse = calloc(1, sizeof(*pulse)), *unused;

	if (!pulse)
		return;
	pthread_mutex_lock(&source->lock);
	unused = TAKE_PTR(source->pulse);
	pthread_mutex_unlock(&source->lock);
	pulse->rss = read_rss(source->pid);
	pulse->has_sites = region && pulse_take(source->reader, region,
						unused ? &unused->sites : NULL, &pulse->sites) >= 0;
	pulse->time_s = clock_s(CLOCK_MONOTONIC);
	top_pulse_free(unused);
	pthread_mutex_lock(&source->lock);
	source->pulse = pulse;
	pthread_mutex_unlock(&source->lock);
	tell(source);
}

/* Sleeps until the interval has passed since last_s or somebody pokes. */
static void wait_for_turn(struct top_source *source, double last_s)
{
	while (!source->stop && !source->poked) {
		double due_s = last_s + source->interval_s;
		struct timespec until = {(time_t)due_s,
					 (long)((due_s - (double)(time_t)due_s) * 1e9)};

		if (source->paused)
			pthread_cond_wait(&source->wake, &source->lock);
		else if (clock_s(CLOCK_MONOTONIC) >= due_s ||
			 pthread_cond_timedwait(&source->wake, &source->lock, &until) == ETIMEDOUT)
			break;
	}
}

static bool is_shot_due(const struct top_source *source)
{
	double pause_s = source->shot_cost_s / (source->eager ? SHARE_EAGER : SHARE);

	if (source->much_unknown)
		pause_s /= 5;
	/* an interval may come a little early */
	return source->poked || clock_s(CLOCK_MONOTONIC) >= source->shot_began_s + pause_s - 0.01;
}

/* Waits for the next turn. Returns whether there is one; light: a pulse is to be taken. */
static bool begin_turn(struct top_source *source, double last_s, bool *ret_light,
		       struct region **ret_region)
{
	bool go_on;

	pthread_mutex_lock(&source->lock);
	wait_for_turn(source, last_s);
	*ret_light = true;
	if (is_shot_due(source) && !source->is_building && !source->is_wanted) {
		source->is_wanted = true;
		source->much_unknown = false;
		pthread_cond_signal(&source->wanted);
		*ret_light = source->shot_cost_s > QUICK_S;
	}
	source->poked = false;
	*ret_region = source->region;
	go_on = !source->stop;
	pthread_mutex_unlock(&source->lock);
	return go_on;
}

/* A process that nobody has waited for yet is still there, but has no memory. */
static bool has_gone(pid_t pid)
{
	return (kill(pid, 0) < 0 && errno == ESRCH) || read_rss(pid) == PROFILE_UNKNOWN;
}

static void *watcher_main(void *source_)
{
	struct top_source *source = source_;
	double last_s = clock_s(CLOCK_MONOTONIC);
	struct region *region;
	bool light;

	while (begin_turn(source, last_s, &light, &region)) {
		last_s = clock_s(CLOCK_MONOTONIC);
		if (has_gone(source->pid)) {
			pthread_mutex_lock(&source->lock);
			source->has_ended = true;
			pthread_mutex_unlock(&source->lock);
			tell(source);
			return NULL;
		}
		if (light)
			take_pulse(source, region);
	}
	return NULL;
}

int top_turns_start(struct top_source *source)
{
	sigset_t all, before;
	int r;

	/* signals are the screen's */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	source->is_wanted = true;
	r = pthread_create(&source->builder, NULL, builder_main, source);
	source->has_builder = r == 0;
	if (r == 0)
		r = pthread_create(&source->watcher, NULL, watcher_main, source);
	source->has_watcher = source->has_builder && r == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}
