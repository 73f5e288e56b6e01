/* SPDX-License-Identifier: MIT */
/*
 * inject.c: attach and detach, step by step.
 *
 *	what is there        maps, modules, slots, an image from before           nothing is stopped
 *	one thread stops     memory for the image; it creates a thread of ours and goes on
 *	the thread of ours   runs the start function and ends; what that has left as an answer is read
 *
 * If the loader was at work, the stored slots could be the wrong ones: then nothing is stored, and all of
 * it begins anew a moment later; if that happens all the time, the loader is kept waiting (inject-work.c).
 * When it has succeeded, the slots are looked at once more: one that was
 * being bound at that very moment may lead to the original again.
 *
 * An image is used again. What it recorded before is given back, and its state begins anew, if no thread is
 * inside: recording is off, all processors have passed a barrier (membarrier(2)), and the threads' counters
 * are all 0. If they do not become 0 (a handler left a hook by longjmp), another image is laid out beside
 * the old one.
 */
#include "process/inject.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/macro.h"
#include "process/inject-remote.h"
#include "process/inject-session.h"
#include "process/inject-thread.h"

static const uint64_t INJECT_INSIST_NS = 60000000, INJECT_PATIENCE_NS = 20000000000;

static void set_command(struct injection *injection, uint32_t command)
{
	injection->control.request.command = command;
	injection->control.request.session++;
	injection->control.request.n_unmaps = 0;
}

/* What is left of a recording before, to be given back. */
static int note_unmaps(struct injection *injection)
{
	struct inject_request *request = &injection->control.request;
	struct inject_range ranges[INJECT_N_UNMAPS];
	int r = memory_read(injection->memory, inject_image_header(&injection->image)->mappings,
			    ranges, sizeof(ranges));

	if (r < 0)
		return r;
	for (size_t i = 0; i < INJECT_N_UNMAPS; i++)
		if (ranges[i].start && ranges[i].size)
			request->unmaps[request->n_unmaps++] = ranges[i];
	return 0;
}

static int prepare_start(struct injection *injection, const struct inject_options *options)
{
	struct inject_control *control = &injection->control;
	int r;

	if (injection->base && !injection_wait_idle(injection)) {
		injection->base = 0;
		*control = (struct inject_control){};
		inject_image_relocate(&injection->image, 0);
	}
	injection->outcome.reused = injection->control.laid_out != 0;
	set_command(injection, INJECT_START | INJECT_PATCH);
	r = injection->base ? note_unmaps(injection) : 0;
	if (r >= 0)
		r = inject_slots_originals(&injection->modules, &injection->slots);
	if (r < 0)
		return r;
	memcpy(control->originals, injection->slots.originals, sizeof(control->originals));
	memcpy(control->request.backing, injection->slots.backing,
	       sizeof(control->request.backing));
	control->request.allocator = injection->slots.allocator;
	control->request.sampling = options->sampling;
	control->request.interval = options->interval;
	control->request.watched = options->watched;
	control->request.max_memory = options->max_memory;
	return 0;
}

/* -EFAULT: a module was unloaded while it was looked at. */
static bool is_to_be_repeated(int r)
{
	return r == -EAGAIN || r == -EBUSY || r == -EFAULT;
}

/* One attempt to end the recording; the slots lead to the originals again. */
static int leave_once(struct injection *injection)
{
	int r = injection_look(injection);

	if (r >= 0 && !injection->base)
		return -ENODATA;
	if (r >= 0)
		r = injection_collect(injection);
	if (r < 0)
		return r;
	set_command(injection, INJECT_PATCH | INJECT_STOP);
	return injection_work(injection);
}

/* One attempt to begin, or, once begun, to store what is not stored yet. */
static int enter_once(struct injection *injection)
{
	int r = injection_look(injection);

	if (r < 0)
		return r;
	if (!injection->base || !injection->control.active) {
		r = prepare_start(injection, injection->options);
	} else {
		set_command(injection, INJECT_PATCH);
	}
	if (r >= 0)
		r = injection_collect(injection);
	if (r < 0 || (injection->slots.n_patches == 0 && injection->control.active))
		return r;
	return injection_work(injection);
}

/* Again and again while the loader is at work; when that has lasted, with the loader kept from it. */
static int persist(struct injection *injection, int (*once)(struct injection *injection))
{
	uint64_t begun_ns = clock_ns(CLOCK_MONOTONIC);
	int r;

	injection->insist = false;
	for (;;) {
		uint64_t ns;

		r = once(injection);
		ns = clock_ns(CLOCK_MONOTONIC) - begun_ns;
		if (!is_to_be_repeated(r) || ns > INJECT_PATIENCE_NS)
			return r;
		injection->insist = ns > INJECT_INSIST_NS;
		injection_pause();
	}
}

static int leave(struct injection *injection)
{
	injection->back = true;
	return persist(injection, leave_once);
}

static int enter(struct injection *injection)
{
	int r, again;

	injection->back = false;
	r = persist(injection, enter_once);
	if (r < 0)
		return r;
	/* the second look */
	again = enter_once(injection);
	return again < 0 && !is_to_be_repeated(again) ? again : r;
}

/* What an attach that did not come to its end, or the parent of this process, has left. */
static int clean_up(struct injection *injection)
{
	int r = injection_look(injection);

	if (is_to_be_repeated(r))
		return 0;
	if (r < 0 || !injection->base || !injection->control.active)
		return r;
	return leave(injection);
}

/* What a thread of the tool is to do, and what came of it. */
struct order {
	pid_t pid;
	const struct inject_options *options; /* NULL: to leave */
	struct inject_outcome *outcome;
	struct strbuf *error;
};

static int attach(struct injection *injection, const struct inject_options *options)
{
	int r = clean_up(injection);

	if (r < 0)
		return r;
	injection->outcome = (struct inject_outcome){};
	injection->options = options;
	r = enter(injection);
	if (r < 0 && injection->base)
		(void)leave(injection);
	return r;
}

static int detach(struct injection *injection)
{
	int r = injection_look(injection);

	if (r >= 0 && (!injection->base || !injection->control.active))
		return -ENODATA;
	return r >= 0 || is_to_be_repeated(r) ? leave(injection) : r;
}

static int obey(void *order_)
{
	const struct order *order = order_;
	struct injection *injection = calloc(1, sizeof(*injection));
	int r = injection ? injection_init(injection, order->pid, order->error) : -ENOMEM;

	if (r >= 0)
		r = order->options ? attach(injection, order->options) : detach(injection);
	if (r >= 0)
		*order->outcome = injection->outcome;
	else if (!*strbuf_text(order->error))
		inject_explain(order->pid, r, order->error);
	if (injection)
		injection_deinit(injection);
	free(injection);
	return r;
}

int inject_attach(pid_t pid, const struct inject_options *options, struct inject_outcome *ret,
		  struct strbuf *error)
{
	return inject_thread_call(obey, &(struct order){pid, options, ret, error});
}

int inject_detach(pid_t pid, struct inject_outcome *ret, struct strbuf *error)
{
	return inject_thread_call(obey, &(struct order){pid, NULL, ret, error});
}

int inject_is_active(pid_t pid)
{
	struct injection injection = {.pid = pid, .lock = -EBADF};
	int r = inject_image_init(&injection.image);

	if (r >= 0)
		r = maps_read(pid, false, &injection.maps);
	if (r >= 0)
		r = memory_open_pid(pid, &injection.memory);
	if (r >= 0)
		r = injection_find_image(&injection);
	if (r >= 0)
		r = injection.base && injection.control.active;
	injection_deinit(&injection);
	return r;
}
