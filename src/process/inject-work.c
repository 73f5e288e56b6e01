/* SPDX-License-Identifier: MIT */
/*
 * inject-work.c: what is done in the process, and by which thread.
 *
 *	one thread stops       memory for the image, if it is not there; a thread of ours; it goes on
 *	the thread of ours     what takes long: it begins the recording, stores the patches, ends
 *
 * Where the process may have no more threads the stopped one does it all, and where functions of its
 * allocator are called, which need a thread that libc knows.
 *
 * Patches are stored with the loader's lock held. A process of one thread takes its locks without atomic
 * instructions, as long as libc knows of no other thread, so that this one is stopped again meanwhile.
 *
 * Most programs load rarely: what was seen before is still so when the lock is had. In one that loads all
 * the time it never is. There the lock is had first and the modules are looked at then: the thread of ours
 * waits for the lock as any thread would; the only thread of a process is stopped until the
 * stop has met it outside.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/macro.h"
#include "process/inject-call.h"
#include "process/inject-choose.h"
#include "process/inject-layout.h"
#include "process/inject-outside.h"
#include "process/inject-remote.h"
#include "process/inject-request.h"
#include "process/inject-session.h"
#include "process/inject-wait.h"

enum {
	WORK_LATE_MS = 2000,      /* for threads that did not stop in time */
	WORK_STOPS = 1000,        /* until one has met the thread outside of the loader */
	WORK_BETWEEN_NS = 200000, /* time for the thread between these */
};

struct work {
	struct injection *injection;
	struct remote *remote; /* the thread that is stopped */
	struct remote *errand; /* the one of ours, if there is one */
	struct inject_wait wait;
	bool alone; /* the process has no other thread */
};

/* So that another tool can see whether a thread of ours is still at it. */
static int note_running(struct injection *injection, struct remote *remote)
{
	uint64_t control = inject_image_header(&injection->image)->control;
	uint32_t running = remote->ours ? (uint32_t)remote->tid : 0;

	return remote_write(remote, control + offsetof(struct inject_control, running), &running,
			    sizeof(running));
}

/* What the thread has left as an answer. */
static int read_reply(struct injection *injection, struct remote *remote)
{
	uint64_t control = inject_image_header(&injection->image)->control;
	int r = remote_read(remote, control, &injection->control, sizeof(injection->control));

	if (r < 0)
		return r;
	injection->outcome.n_patched += injection->control.reply.n_patched;
	injection->outcome.n_unpatched = injection->control.reply.n_refused;
	return injection->control.reply.result;
}

/* Lets the thread do the request that was sent, until that word of the reply says so. */
static int run(struct injection *injection, struct remote *remote, size_t word)
{
	const struct inject_header *header = inject_image_header(&injection->image);
	const struct inject_request *request = &injection->control.request;
	int r = note_running(injection, remote);

	if (r >= 0)
		r = remote_run(remote, header->start, request->groups, header->resume,
			       header->control + word, request->session);
	return r < 0 ? r : read_reply(injection, remote);
}

static int perform(struct injection *injection, struct remote *remote, uint32_t command)
{
	int r;

	injection->control.request.command = command;
	r = injection_send_request(injection, remote);
	if (r >= 0)
		r = run(injection, remote, offsetof(struct inject_control, reply.finished));
	return r;
}

static int stop(struct work *work)
{
	inject_wait_hurry(&work->wait, true);
	return remote_stop(work->remote, &work->injection->maps, work->errand->tid);
}

/* The program goes on. Does nothing if it does already. */
static void release(struct work *work)
{
	struct inject_outcome *outcome = &work->injection->outcome;
	const struct remote *remote = work->remote;
	uint64_t ns = remote_release(work->remote);

	inject_wait_hurry(&work->wait, false);
	if (ns == 0)
		return;
	outcome->n_stops++;
	if (ns < outcome->stopped_ns)
		return;
	outcome->tid = remote->tid;
	outcome->stopped_ns = ns;
	outcome->stopping_ns = remote->seen_at_ns - remote->stopped_at_ns;
}

/* The stopped thread creates one of ours and is let go; or not: then it has to do the work. */
static int spawn(struct work *work)
{
	const struct injection *injection = work->injection;
	uint64_t park = injection->base + injection->image.park_offset;
	uint64_t tls = injection->base + injection->image.size + IMAGE_TLS_SIZE / 2;
	pid_t tids[2], id;
	int r;

	work->alone = inject_list_threads(injection->pid, tids, ARRAY_SIZE(tids)) == 1;
	r = remote_spawn(work->remote, park, tls, &id);
	if (r < 0)
		return work->remote->lost || r == -ETIMEDOUT ? r : 0;
	release(work);
	r = remote_adopt(work->remote, id, park, work->errand);
	/* threads may come to wait for it */
	if (r >= 0)
		inject_wait_hurry_thread(work->errand->tid);
	return r;
}

/* Looks again and stores what was found, as nobody can load anything now. */
static int look_and_perform(struct work *work, uint32_t command)
{
	struct injection *injection = work->injection;
	int r = injection_look(injection);

	if (r >= 0)
		r = injection_collect(injection);
	return r < 0 ? r : perform(injection, work->errand, command);
}

static bool is_loading(const struct work *work)
{
	uint64_t lock = work->injection->modules.loader_lock;
	uint32_t word = 0;

	return lock && (remote_read(work->errand, lock, &word, sizeof(word)) < 0 || word);
}

/* The stopped thread does everything. */
static int make_calls(struct work *work)
{
	struct injection *injection = work->injection;
	int r = injection_send_calls(injection, work->remote);

	if (r >= 0)
		r = perform(injection, work->remote, injection->control.request.command);
	return r < 0 ? r : injection_fetch_calls(injection, work->remote);
}

/* The only thread of the process is stopped until it is met outside of the loader. */
static int patch_between(struct work *work, uint32_t command)
{
	const struct timespec between = {0, WORK_BETWEEN_NS};
	int r = -EBUSY;

	for (unsigned i = 0; i < WORK_STOPS && r == -EBUSY; i++) {
		if (i > 0)
			nanosleep(&between, NULL);
		r = stop(work);
		if (r >= 0)
			r = is_loading(work) ? -EBUSY : look_and_perform(work, command);
		release(work);
	}
	return r;
}

/* The thread of ours waits for the loader's lock, and has it while the modules are looked at. */
static int patch_locked(struct work *work, uint32_t command)
{
	struct injection *injection = work->injection;
	uint64_t control = inject_image_header(&injection->image)->control;
	int r;

	injection->control.request.command = INJECT_HOLD;
	r = injection_send_request(injection, work->errand);
	if (r >= 0)
		r = run(injection, work->errand, offsetof(struct inject_control, reply.held));
	if (r < 0)
		return r;
	injection->holds = true;
	r = injection_look(injection);
	injection->holds = false;
	if (r >= 0)
		r = injection_collect(injection);
	injection->control.request.command = command;
	if (r >= 0)
		r = injection_send_request(injection, work->errand);
	/* without a request it gives the lock back */
	if (remote_continue(work->errand, control + offsetof(struct inject_control, reply.finished),
			    injection->control.request.session) < 0)
		return -EFAULT;
	return r < 0 ? r : read_reply(injection, work->errand);
}

static int patch(struct work *work, uint32_t command)
{
	struct injection *injection = work->injection;
	int r;

	/* without that function the agent looks at modules that may be going */
	if (injection->insist && injection->modules.loader_lock && injection->modules.find_object)
		return work->alone ? patch_between(work, command) : patch_locked(work, command);
	r = work->alone ? stop(work) : 0;
	if (r >= 0)
		r = perform(injection, work->errand, command);
	release(work);
	return r;
}

/* What the thread of ours does; one after the other, because what comes first takes longer. */
static int run_errand(struct work *work)
{
	struct injection *injection = work->injection;
	uint32_t command = injection->control.request.command;
	int r = 0;

	if (command & INJECT_START)
		r = perform(injection, work->errand, INJECT_START);
	if (r >= 0 && command & ~(uint32_t)INJECT_START)
		r = patch(work, command & ~(uint32_t)INJECT_START);
	return r;
}

/* The thread is stopped. */
static int work_stopped(struct work *work)
{
	struct injection *injection = work->injection;
	struct inject_request *request = &injection->control.request;
	const bool is_new = !injection->base;
	uint64_t begun_ns;
	int r = is_new ? injection_map(injection, work->remote) : 0;

	if (r >= 0 && request->command & INJECT_START)
		request->tid_offset = injection_find_tid_offset(work->remote);
	if (r >= 0 && !injection->calls)
		r = spawn(work);
	begun_ns = clock_ns(CLOCK_MONOTONIC);
	if (r >= 0 && !injection->control.laid_out)
		r = injection_lay_out(injection, work->errand->ours ? work->errand : work->remote);
	else if (r >= 0 && request->command & INJECT_START)
		r = injection_reset(injection, work->remote);
	if (r >= 0 && injection->calls)
		r = make_calls(work);
	else if (r >= 0)
		r = work->errand->ours ? run_errand(work)
				       : perform(injection, work->remote, request->command);
	/* one that was laid out for calls alone goes again */
	if (injection->calls && is_new && injection->base && !work->remote->away)
		(void)injection_unmap(injection, work->remote);
	injection->outcome.working_ns += clock_ns(CLOCK_MONOTONIC) - begun_ns;
	return r;
}

int injection_work(struct injection *injection)
{
	struct remote *remotes = calloc(2, sizeof(*remotes));
	struct work work = {.injection = injection, .remote = remotes, .errand = remotes + 1};
	int r;

	if (!remotes)
		return -ENOMEM;
	inject_wait_begin(&work.wait);
	r = remote_init(work.remote, injection->pid, &injection->facts, &injection->maps);
	if (r >= 0 && injection->calls) {
		injection->outside->handler_return = work.remote->gadget_sigreturn;
		work.remote->suits = &outside_suits;
		work.remote->suits_userdata = injection->outside;
		work.remote->run_ms = injection->calls->run_ms;
	}
	if (r >= 0)
		r = stop(&work);
	if (r >= 0)
		r = work_stopped(&work);
	remote_dismiss(work.errand);
	release(&work);
	remote_leave_late(work.remote, WORK_LATE_MS);
	inject_wait_end(&work.wait);
	remote_deinit(work.remote);
	free(remotes);
	return r;
}
