/* SPDX-License-Identifier: MIT */
/*
 * top-source.c: opening, closing, and what passes between the screen and the two threads of top-turns.c.
 */
#include "cli/top-source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "base/cleanup.h"
#include "cli/capture.h"
#include "cli/target.h"
#include "cli/top-turns.h"

/* This part of what is live at unknown places makes a shot due five times as early. */
#define MUCH_UNKNOWN 0.005

struct top_pulse *top_pulse_free(struct top_pulse *pulse)
{
	if (!pulse)
		return NULL;
	pulse_deinit(&pulse->sites);
	free(pulse);
	return NULL;
}

/* ---- its life ---- */

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
	source->reader = pulse_reader_new();
	if (!source->reader)
		return -ENOMEM;
	r = symbolizer_new(&options, &source->symbolizer);
	return r < 0 ? r : top_turns_start(source);
}

static int open_file(struct top_source *source, const char *target, struct strbuf *error)
{
	_cleanup_free_ char *name = NULL;
	struct profile *profile;
	int r = target_load(target, true, &profile, &name, error);

	if (r < 0)
		return r;
	source->shot = top_shot_new(profile);
	if (!source->shot)
		return -ENOMEM;
	source->shot->is_named = true;
	(void)eventfd_write(source->event_fd, 1);
	return 0;
}

static struct top_source *source_new(void)
{
	struct top_source *source = calloc(1, sizeof(*source));
	pthread_condattr_t attributes;

	if (!source)
		return NULL;
	source->interval_s = 1;
	source->origin.root_fd = -EBADF;
	source->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&source->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&source->wake, &attributes);
	pthread_cond_init(&source->wanted, &attributes);
	pthread_condattr_destroy(&attributes);
	return source;
}

int top_source_open(const char *target, struct top_source **ret, struct strbuf *error)
{
	struct top_source *source = source_new();
	int r;

	if (!source)
		return -ENOMEM;
	if (target_parse_pid(target, &source->pid)) {
		r = target_need_pid(target, &source->pid, error);
		if (r >= 0)
			r = open_pid(source, error);
	} else {
		source->pid = 0;
		r = open_file(source, target, error);
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
	pthread_mutex_lock(&source->lock);
	source->stop = true;
	pthread_cond_signal(&source->wake);
	pthread_cond_signal(&source->wanted);
	pthread_mutex_unlock(&source->lock);
	if (source->has_watcher)
		pthread_join(source->watcher, NULL);
	if (source->has_builder)
		pthread_join(source->builder, NULL);
	pthread_cond_destroy(&source->wake);
	pthread_cond_destroy(&source->wanted);
	pthread_mutex_destroy(&source->lock);
	top_shot_free(source->shot);
	top_pulse_free(source->pulse);
	symbolizer_free(source->symbolizer);
	region_free(source->region);
	pulse_reader_free(source->reader);
	origin_deinit(&source->origin);
	cleanup_close(&source->event_fd);
	free(source);
	return NULL;
}

/* ---- what the screen asks and says ---- */

int top_source_fd(const struct top_source *source)
{
	return source->event_fd;
}

void top_source_take(struct top_source *source, struct top_shot **ret_shot,
		     struct top_pulse **ret_pulse, bool *ret_ended)
{
	eventfd_t value;

	(void)eventfd_read(source->event_fd, &value);
	pthread_mutex_lock(&source->lock);
	/* what was begun before the pause is shown after it */
	*ret_shot = source->is_held ? NULL : TAKE_PTR(source->shot);
	*ret_pulse = source->is_held ? NULL : TAKE_PTR(source->pulse);
	*ret_ended = source->has_ended;
	pthread_mutex_unlock(&source->lock);
}

static void change(struct top_source *source)
{
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
	source->paused = source->is_held = paused;
	change(source);
}

void top_source_poke(struct top_source *source)
{
	pthread_mutex_lock(&source->lock);
	source->poked = true;
	source->is_held = false;
	change(source);
}

void top_source_set_eager(struct top_source *source, bool eager)
{
	pthread_mutex_lock(&source->lock);
	source->eager = eager;
	pthread_mutex_unlock(&source->lock);
}

void top_source_tell_unknown(struct top_source *source, double unknown, double live)
{
	pthread_mutex_lock(&source->lock);
	source->much_unknown = unknown > live * MUCH_UNKNOWN;
	pthread_mutex_unlock(&source->lock);
}

pid_t top_source_pid(const struct top_source *source)
{
	return source->pid;
}
