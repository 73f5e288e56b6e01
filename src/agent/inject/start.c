/* SPDX-License-Identifier: MIT */
/*
 * start.c: begins and ends recording on behalf of the tool.
 *
 * The order when recording begins: the core first, then the hooks are told to record, then the slots
 * lead to them. When it ends: the slots lead to the originals, then the hooks are told, then the core.
 * Whatever is on its way meanwhile finds a hook that calls its original.
 *
 * If the loader is busy, the core stays started and the tool asks again for the patches alone.
 *
 * Context: a thread of the tool's own, traced by it; or one that it has stopped, at any instruction
 * (inside malloc, with any lock held, in the core itself). Signals blocked, on a stack of ours, with a
 * fresh floating point state.
 */
#include "agent/inject/start.h"

#include "agent/core/core.h"
#include "agent/core/sys.h"
#include "agent/core/writer.h"
#include "agent/inject/patch.h"
#include "agent/inject/visit.h"

/*
 * What recording begins with where it finds its own interval. Not with everything, as in a program that has just
 * been started: of a process that has long been at work that says nothing about its beginning, and a hundred
 * threads that record every block at the same moment keep each other from the processors for ten milliseconds.
 */
enum { FIRST_INTERVAL = 64 << 10 };

static bool started;

static int start_core(const struct inject_request *request)
{
	struct core_config config = {
		.mode = MT_MODE_INJECTED,
		.allocator = request->allocator,
		.sampling = request->sampling,
		.interval =
			request->sampling == MT_SAMPLING_AUTO ? FIRST_INTERVAL : request->interval,
		.watched = request->watched != 0,
		.max_memory = request->max_memory,
		.vdso = request->vdso,
		.main_stack_end = request->main_stack_end,
		.text_start = request->text_start,
		.text_end = request->text_end,
		/* nobody watches the children, and they share the hooks */
		.ignore_children = true,
		.loader = {.r_debug = (const void *)request->r_debug,
			   .find_object = (const void *)request->find_object,
			   .load_counter = (const uint64_t *)request->loader_adds,
			   .unload_counter = (const uint64_t *)request->loader_count,
			   .self_start = request->image_start,
			   .self_end = request->image_end,
			   .self_eh_frame_hdr = request->eh_frame_hdr},
	};
	int r = started ? 0 : core_start(&config);

	if (r < 0)
		return r;
	started = true;
	control.reply.region = (uint64_t)writer.header;
	if (request->confined)
		core_confine();
	return 0;
}

/* The tool has made sure that this thread is outside of the allocator (process/inject-outside.h). */
static void make_calls(const struct inject_request *request)
{
	struct inject_call *calls = (struct inject_call *)request->calls;

	for (uint32_t i = 0; i < request->n_calls; i++) {
		const uint64_t *a = calls[i].arguments;
		uint64_t (*function)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t) =
			(void *)calls[i].function;

		calls[i].result = function(a[0], a[1], a[2], a[3], a[4]);
	}
}

static int begin(const struct inject_request *request)
{
	int r;

	for (uint32_t i = 0; i < request->n_unmaps; i++)
		sys_call3(SYS_NR_munmap, (long)request->unmaps[i].start,
			  (long)request->unmaps[i].size, 0);
	r = start_core(request);
	/* release pairs with the acquire in visit_enter */
	if (r == 0)
		__atomic_store_n(&control.active, 1, __ATOMIC_RELEASE);
	return r;
}

static void end(void)
{
	__atomic_store_n(&control.active, 0, __ATOMIC_SEQ_CST);
	core_set_state(MT_STATE_DETACHED);
}

/* The tool, if it traces this thread, sees the signal; the process ignores it. */
static void call_tool(const struct inject_request *request)
{
	if (request->signal)
		sys_call3(SYS_NR_tgkill, sys_getpid(), sys_gettid(), (long)request->signal);
	else
		sys_gettid();
}

/* The tool replaces the request while the lock is held; if it does not, nothing is done. */
static int hold(const struct inject_request *request, struct inject_reply *reply)
{
	bool held = patch_hold(request);
	int r = held ? 0 : -SYS_EBUSY;

	reply->result = r;
	/* release pairs with the tool's reading of it */
	__atomic_store_n(&reply->held, request->session, __ATOMIC_RELEASE);
	if (!held)
		return r;
	call_tool(request);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (request->command & INJECT_PATCH)
		r = patch_locked(request, reply);
	patch_drop(request);
	return r;
}

static int obey(const struct inject_request *request, struct inject_reply *reply)
{
	int r = 0;

	if (request->command & INJECT_CALL)
		make_calls(request);
	if (request->command & INJECT_START)
		r = begin(request);
	if (r == 0 && request->command & INJECT_HOLD)
		r = hold(request, reply);
	else if (r == 0 && request->command & INJECT_PATCH)
		r = patch_all(request, reply);
	if (r == 0 && (request->command & INJECT_STOP))
		end();
	return r;
}

void inject_start(void)
{
	struct inject_request *request = &control.request;
	struct inject_reply *reply = &control.reply;

	/* the tool has put the id there of a thread of its own */
	if (!control.running)
		__atomic_store_n(&control.running, 1, __ATOMIC_RELAXED);
	reply->n_patched = reply->n_changed = reply->n_refused = 0;
	reply->result = obey(request, reply);
	/* release pairs with the tool's reading of it */
	__atomic_store_n(&reply->finished, request->session, __ATOMIC_RELEASE);
	__atomic_store_n(&control.running, 0, __ATOMIC_RELAXED);
	call_tool(request);
}
