/* SPDX-License-Identifier: MIT */
/*
 * top-source.c: the thread makes a shot, puts it where the screen finds it, tells an eventfd, and sleeps
 * until the interval has passed or somebody pokes it. A shot that nobody took is replaced by the next.
 * One symbolizer serves all shots, so that an address is named once.
 *
 * The first shot has no names: a big program's debug information takes seconds to read, and figures
 * are worth something without.
 */
#include "cli/top-source.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/capture.h"
#include "cli/target.h"
#include "region/region.h"

enum { N_EVENTS_KEPT = 500 };

struct top_source {
	pid_t pid;
	struct region *region; /* NULL: the process has no agent */
	struct origin origin;
	struct symbolizer *symbolizer;
	int event_fd;
	pthread_t thread;
	bool has_thread;
	/* below, under lock */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct top_shot *newest;
	double interval_s;
	bool paused, poked, stop;
};

struct top_shot *top_shot_free(struct top_shot *shot)
{
	if (!shot)
		return NULL;
	if (shot->has_ledger)
		ledger_deinit(&shot->ledger);
	verdict_deinit(&shot->verdict);
	profile_free(shot->profile);
	free(shot->events);
	free(shot);
	return NULL;
}

/* Takes the profile, whether it succeeds or not. */
static struct top_shot *make_shot(struct profile *profile)
{
	struct top_shot *shot = calloc(1, sizeof(*shot));

	if (!shot) {
		profile_free(profile);
		return NULL;
	}
	shot->profile = profile;
	shot->time_s = top_now_s();
	shot->has_ledger = ledger_build(profile, &shot->ledger) >= 0;
	if (verdict_judge(profile, shot->has_ledger ? &shot->ledger : NULL, profile->arenas,
			  &shot->verdict) < 0)
		return top_shot_free(shot);
	return shot;
}

/* The newest events as they are: profile->recorded_sites says which of its sites theirs are. */
static void keep_events(const struct region_snapshot *snapshot, struct top_shot *shot)
{
	size_t n = MIN((size_t)snapshot->n_events, (size_t)N_EVENTS_KEPT);

	shot->events = calloc(n ?: 1, sizeof(*shot->events));
	if (!shot->events)
		return;
	memcpy(shot->events, snapshot->events + snapshot->n_events - n, n * sizeof(*shot->events));
	shot->n_events = n;
}

static int take_with_agent(struct top_source *source, struct symbolizer *symbolizer,
			   struct top_shot **ret)
{
	_cleanup_(region_snapshot_deinit) struct region_snapshot snapshot = {};
	struct profile *profile;
	int r = region_snapshot(source->region, 0, &snapshot);

	if (r >= 0 && symbolizer && source->origin.java) {
		java_names_learn_frames(source->origin.java, snapshot.frames, snapshot.n_frames);
		(void)java_names_tell(source->origin.java, symbolizer);
	}
	if (r >= 0)
		r = capture_named(&snapshot, &source->origin, true, symbolizer, &profile);
	if (r < 0)
		return r;
	*ret = make_shot(profile);
	if (!*ret)
		return -ENOMEM;
	keep_events(&snapshot, *ret);
	return 0;
}

static int take_shot(struct top_source *source, bool named, struct top_shot **ret)
{
	_cleanup_(strbuf_deinit) struct strbuf error = {};
	struct profile *profile;
	int r;

	if (kill(source->pid, 0) < 0 && errno == ESRCH)
		return -ESRCH;
	origin_refresh(&source->origin);
	/* it may have got an agent meanwhile */
	if (!source->region && target_has_agent(source->pid) > 0)
		(void)region_open_pid(source->pid, &source->region);
	if (source->region)
		return take_with_agent(source, named ? source->symbolizer : NULL, ret);
	r = capture_pid(source->pid, false, &profile, &error);
	if (r < 0)
		return r;
	*ret = make_shot(profile);
	return *ret ? 0 : -ENOMEM;
}

static void publish(struct top_source *source, struct top_shot *shot)
{
	pthread_mutex_lock(&source->lock);
	top_shot_free(source->newest);
	source->newest = shot;
	pthread_mutex_unlock(&source->lock);
	(void)eventfd_write(source->event_fd, 1);
}

/* Sleeps until the next shot is due. Returns whether there is to be one. */
static bool wait_for_turn(struct top_source *source, double last_s)
{
	bool go_on;

	pthread_mutex_lock(&source->lock);
	while (!source->stop && !source->poked) {
		double due_s = last_s + source->interval_s;
		struct timespec until = {(time_t)due_s,
					 (long)((due_s - (double)(time_t)due_s) * 1e9)};

		if (source->paused)
			pthread_cond_wait(&source->wake, &source->lock);
		else if (top_now_s() >= due_s ||
			 pthread_cond_timedwait(&source->wake, &source->lock, &until) == ETIMEDOUT)
			break;
	}
	source->poked = false;
	go_on = !source->stop;
	pthread_mutex_unlock(&source->lock);
	return go_on;
}

static void *source_main(void *source_)
{
	struct top_source *source = source_;
	struct top_shot *shot;
	double began_s;
	bool named = source->region == NULL;

	for (;;) {
		began_s = top_now_s();
		int r = take_shot(source, named, &shot);

		if (r == -ESRCH) {
			shot = calloc(1, sizeof(*shot));
			if (shot) {
				shot->ended = true;
				publish(source, shot);
			}
			return NULL;
		}
		if (r >= 0)
			publish(source, shot);
		if (!named) {
			named = true;
			continue;
		}
		if (!wait_for_turn(source, began_s))
			return NULL;
	}
}

static int start(struct top_source *source)
{
	pthread_condattr_t attributes;
	sigset_t all, before;
	int r;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&source->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	/* signals are the screen's */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	r = pthread_create(&source->thread, NULL, source_main, source);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	source->has_thread = r == 0;
	return -r;
}

static int open_pid(struct top_source *source, struct strbuf *error)
{
	struct symbolizer_options options = {};
	int r = capture_open_pid(source->pid, &source->region, error);

	if (r < 0 && r != -ENODATA)
		return r;
	strbuf_reset(error);
	origin_init(&source->origin, source->pid);
	options.pid = source->pid;
	options.ns_pid = source->origin.ns_pid;
	r = symbolizer_new(&options, &source->symbolizer);
	return r < 0 ? r : start(source);
}

int top_source_open(const char *target, struct top_source **ret, struct strbuf *error)
{
	struct top_source *source = calloc(1, sizeof(*source));
	_cleanup_free_ char *name = NULL;
	struct profile *profile;
	int r;

	if (!source)
		return -ENOMEM;
	source->interval_s = 1;
	source->origin.root_fd = -EBADF;
	source->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&source->lock, NULL);
	if (target_parse_pid(target, &source->pid)) {
		r = target_need_pid(target, &source->pid, error);
		if (r >= 0)
			r = open_pid(source, error);
	} else {
		source->pid = 0;
		r = target_load(target, true, &profile, &name, error);
		if (r >= 0)
			publish(source, make_shot(profile));
	}
	if (r < 0) {
		if (strbuf_text(error)[0] == '\0')
			strbuf_addf(error, "%s: %s", target, strerror(-r));
		top_source_free(source);
		return r;
	}
	*ret = source;
	return 0;
}

struct top_source *top_source_free(struct top_source *source)
{
	if (!source)
		return NULL;
	if (source->has_thread) {
		pthread_mutex_lock(&source->lock);
		source->stop = true;
		pthread_cond_signal(&source->wake);
		pthread_mutex_unlock(&source->lock);
		pthread_join(source->thread, NULL);
		pthread_cond_destroy(&source->wake);
	}
	pthread_mutex_destroy(&source->lock);
	top_shot_free(source->newest);
	symbolizer_free(source->symbolizer);
	region_free(source->region);
	origin_deinit(&source->origin);
	cleanup_close(&source->event_fd);
	free(source);
	return NULL;
}

int top_source_fd(const struct top_source *source)
{
	return source->event_fd;
}

struct top_shot *top_source_take(struct top_source *source)
{
	struct top_shot *shot;
	eventfd_t value;

	(void)eventfd_read(source->event_fd, &value);
	pthread_mutex_lock(&source->lock);
	shot = source->newest;
	source->newest = NULL;
	pthread_mutex_unlock(&source->lock);
	return shot;
}

static void change(struct top_source *source)
{
	if (source->has_thread)
		pthread_cond_signal(&source->wake);
	pthread_mutex_unlock(&source->lock);
}

void top_source_set_interval(struct top_source *source, double interval_s)
{
	pthread_mutex_lock(&source->lock);
	source->interval_s = interval_s;
	change(source);
}

void top_source_pause(struct top_source *source, bool paused)
{
	pthread_mutex_lock(&source->lock);
	source->paused = paused;
	change(source);
}

void top_source_poke(struct top_source *source)
{
	pthread_mutex_lock(&source->lock);
	source->poked = true;
	change(source);
}

pid_t top_source_pid(const struct top_source *source)
{
	return source->pid;
}
