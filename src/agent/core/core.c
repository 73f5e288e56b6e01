/* SPDX-License-Identifier: MIT */
/*
 * core.c: the doors of the core: begins and ends recording, and decides for each call whether, and into
 * which region, it is recorded.
 *
 * Every door asks three things, in this order: is recording on (one word); is this process the one the
 * region belongs to (the word that fork wipes); what is the thread's state. A forked child answers the
 * second with a region of its own, made under the guard's lock from what the parent's memory held at the
 * fork:
 *
 *	region		new memfd over the parent's address; stacks, sites, modules, threads copied
 *	live blocks	from the mirror: tags and addresses stay good
 *	maps		from their index
 *	counters	from zero; what is inherited counts as allocated
 *
 * A child that cannot have a region (no descriptors left, a sandbox) records nothing: it must not write
 * to its parent's. Children that share memory (vfork, posix_spawn) are not seen as children at all, as
 * what they allocate is their parent's; only what they say about the process as a whole is ignored
 * (core_set_state), which their process ID tells.
 *
 * Context: any thread, inside malloc and free, signal handlers, children of all kinds.
 */
#include "agent/core/core.h"

#include "agent/core/annotate.h"
#include "agent/core/blockindex.h"
#include "agent/core/core-door.h"
#include "agent/core/fork-guard.h"
#include "agent/core/live.h"
#include "agent/core/maps.h"
#include "agent/core/modules-image.h"
#include "agent/core/recorder-quick.h"
#include "agent/core/recorder.h"
#include "agent/core/sampler.h"
#include "agent/core/shed.h"
#include "agent/core/sites.h"
#include "agent/core/sys.h"
#include "agent/core/tally.h"
#include "agent/core/thread-entry.h"
#include "agent/core/thread.h"
#include "agent/core/writer.h"

enum core_phase { CORE_NOT_STARTED, CORE_RECORDING, CORE_STOPPED };

enum {
	CORE_PR_GET_NAME = 16,
	CORE_AT_FDCWD = -100,
	CORE_NOBODY_DEPTH = 2, /* of core_nobody: uses nothing that is a thread's own */
};

/* Private: a child that may not record stops alone. */
static uint32_t core_phase;
static bool core_children_ignored;
static bool core_is_confined;
static int (*core_handover)(int fd);
static uintptr_t core_text_start, core_text_end;

/*
 * For frees of threads that have no state (too many, or handlers nested too deep): they must not be lost
 * and need nothing of a thread when its depth is above 1.
 */
static struct thread core_nobody = {.depth = CORE_NOBODY_DEPTH};

static void core_stop(enum mt_state state)
{
	__atomic_store_n(&core_phase, CORE_STOPPED, __ATOMIC_RELAXED);
	__atomic_store_n(&writer.header->end_ns, sys_clock_ns(), __ATOMIC_RELAXED);
	__atomic_store_n(&writer.header->state, state, __ATOMIC_RELAXED);
}

/* Reads the beginning of a file in /proc/self; what is not there stays empty. */
static void core_read_file(const char *path, char *to, size_t size)
{
	int fd = sys_open_read(path);
	size_t n = 0;
	long r;

	if (fd < 0)
		return;
	while (n < size && (r = sys_read(fd, to + n, size - n)) > 0)
		n += (size_t)r;
	sys_close(fd);
}

static void core_describe_process(struct mt_header *header)
{
	header->pid = (uint32_t)sys_getpid();
	header->ppid = (uint32_t)sys_call3(SYS_NR_getppid, 0, 0, 0);
	header->start_ns = sys_clock_ns();
	header->start_realtime_ns = sys_clock_realtime_ns();
	sys_call3(SYS_NR_prctl, CORE_PR_GET_NAME, (long)header->comm, 0);
}

static void core_hand_over(int fd)
{
	if (core_handover)
		core_handover(fd);
	sys_close(fd);
}

static int core_start_tables(const struct core_config *config)
{
	int r;

	if ((r = thread_init(writer.threads_capacity, config->main_stack_end)) < 0 ||
	    (r = sites_init()) < 0 || (r = live_init(writer.header->start_ns)) < 0 ||
	    (r = recorder_init(config)) < 0 || (r = maps_init()) < 0)
		return r;
	image_annotate = annotate_fill;
	modules_init(&config->loader);
	modules_refresh();
	sampler_init(config->sampling, config->interval, config->watched);
	shed_init(config);
	return 0;
}

int core_start(const struct core_config *config)
{
	struct mt_header *header;
	int r, fd = -1;

	if (core_phase != CORE_NOT_STARTED)
		return -SYS_EALREADY;
	if (config->sampling == MT_SAMPLING_OFF) {
		core_phase = CORE_STOPPED;
		return -SYS_EINVAL;
	}
	sys_init(config->vdso);
	core_handover = config->handover;
	core_text_start = config->text_start;
	core_text_end = config->text_end;
	core_children_ignored = config->ignore_children;
	r = fork_guard_init();
	if (r == 0)
		r = writer_create(config, &fd);
	if (r < 0) {
		core_phase = CORE_STOPPED;
		return r;
	}
	header = writer.header;
	header->mode = config->mode;
	header->allocator = config->allocator;
	header->sampling = config->sampling;
	header->page_size = (uint32_t)sys_page_size();
	header->heap_root = config->heap_root;
	header->own_mappings = (uint64_t)(uintptr_t)sys_mappings;
	core_describe_process(header);
	sys_call4(SYS_NR_readlinkat, CORE_AT_FDCWD, (long)"/proc/self/exe", (long)header->exe,
		  sizeof(header->exe) - 1);
	core_read_file("/proc/self/cmdline", header->cmdline, sizeof(header->cmdline) - 1);
	r = core_start_tables(config);
	if (r < 0) {
		core_phase = CORE_STOPPED;
		sys_close(fd);
		return r;
	}
	writer_publish(MT_STATE_RUNNING);
	fork_guard_claim();
	core_hand_over(fd);
	modules_read_annotations();
	/* release pairs with the acquire in core_is_on: the tables are there */
	__atomic_store_n(&core_phase, CORE_RECORDING, __ATOMIC_RELEASE);
	return 0;
}

/* The lock of the guard is held. */
static bool core_make_child_region(struct thread *thread)
{
	struct mt_header *header = writer.header;
	int fd = -1;

	if (core_children_ignored || writer_create_child(&fd) < 0)
		return false;
	core_describe_process(header);
	writer_set_flag(MT_HEADER_FORKED);
	sites_after_fork();
	thread_after_fork(thread);
	sampler_after_fork();
	if (!recorder_after_fork() || !maps_after_fork()) {
		sys_close(fd);
		return false;
	}
	modules_publish_all();
	writer_publish(MT_STATE_RUNNING);
	core_hand_over(fd);
	return true;
}

static _noinline_ bool core_claim(void)
{
	struct thread *thread;
	bool claimed;

	if (core_is_confined) {
		__atomic_store_n(&core_phase, CORE_STOPPED, __ATOMIC_RELAXED);
		return false;
	}
	thread = thread_enter();
	if (!thread)
		return false;
	/* a handler must not wait for the call that it interrupted */
	if (thread->depth > 1) {
		if (!sys_lock_try(&fork_guard->lock)) {
			thread_leave(thread);
			return false;
		}
	} else {
		sys_lock_take(&fork_guard->lock);
	}
	if (!fork_guard_is_claimed()) {
		if (!core_make_child_region(thread))
			__atomic_store_n(&core_phase, CORE_STOPPED, __ATOMIC_RELAXED);
		fork_guard_claim();
	}
	sys_lock_drop(&fork_guard->lock);
	claimed = __atomic_load_n(&core_phase, __ATOMIC_RELAXED) == CORE_RECORDING;
	thread_leave(thread);
	return claimed;
}

static _always_inline_ bool core_is_on(void)
{
	/* acquire pairs with the release in core_start */
	if (unlikely(__atomic_load_n(&core_phase, __ATOMIC_ACQUIRE) != CORE_RECORDING))
		return false;
	if (unlikely(!fork_guard_is_claimed()))
		return core_claim();
	if (unlikely(__atomic_load_n(&writer.header->control_stop, __ATOMIC_RELAXED) != 0)) {
		core_stop(MT_STATE_DETACHED);
		return false;
	}
	return true;
}

bool core_is_recording(void)
{
	return __atomic_load_n(&core_phase, __ATOMIC_ACQUIRE) == CORE_RECORDING;
}

struct thread *core_enter(void)
{
	return likely(core_is_on()) ? thread_enter() : NULL;
}

uint32_t core_allocated_for(const void *block, size_t size, int64_t *ret_next, uintptr_t sp,
			    uintptr_t fp, uintptr_t pc)
{
	struct unwind_caller caller = {sp, fp, pc, false};
	struct thread *thread;
	uint32_t slot;

	if (unlikely(!core_is_on())) {
		/* before the start: come back at once; after the end: never */
		*ret_next = __atomic_load_n(&core_phase, __ATOMIC_RELAXED) == CORE_STOPPED
				    ? INT64_MAX
				    : 0;
		return 0;
	}
	thread = thread_enter();
	if (unlikely(!thread)) {
		*ret_next = 0;
		writer_count_lost(&writer.header->lost_allocations);
		return 0;
	}
	*ret_next = 0;
	slot = recorder_quick_allocated(thread, (uintptr_t)block, size, &caller);
	if (unlikely(!slot))
		slot = recorder_allocated(thread, (uintptr_t)block, size, &caller, ret_next);
	thread_leave(thread);
	return slot;
}

uint32_t core_allocated(const void *block, size_t size, int64_t *ret_next)
{
	return core_allocated_for(block, size, ret_next, 0, 0, 0);
}

void core_freed(const void *block, uint32_t tag)
{
	struct thread *thread;

	if (unlikely(!core_is_on()))
		return;
	thread = thread_enter();
	if (unlikely(!thread)) {
		recorder_freed(&core_nobody, (uintptr_t)block, tag);
		return;
	}
	if (unlikely(!recorder_quick_freed(thread, (uintptr_t)block, tag)))
		recorder_freed(thread, (uintptr_t)block, tag);
	thread_leave(thread);
}

bool core_is_recorded(const void *block)
{
	return blockindex_has((uintptr_t)block);
}

void core_freed_address(const void *block)
{
	uint32_t slot;

	if (unlikely(!core_is_on()))
		return;
	slot = blockindex_remove((uintptr_t)block);
	if (slot)
		core_freed(block, slot);
}

void core_freed_unknown(void)
{
	if (!core_is_recording() || !fork_guard_is_claimed() ||
	    __atomic_load_n(&writer.header->interval, __ATOMIC_RELAXED) != 0 ||
	    __atomic_load_n(&writer.header->flags, __ATOMIC_RELAXED) & MT_HEADER_INEXACT)
		return;
	__atomic_fetch_add(&writer.header->freed_unknown, 1, __ATOMIC_RELAXED);
}

void core_thread_ending(void)
{
	struct thread *thread;

	if (!core_is_recording() || !fork_guard_is_claimed() || !thread_is_known())
		return;
	thread = core_enter();
	if (!thread)
		return;
	if (thread->depth == 1) {
		tally_flush(thread);
		thread_end(thread);
	}
	thread_leave(thread);
}

/* A vfork child, which shares everything with its parent, must not speak for it. */
static bool core_speaks_for_process(void)
{
	return (uint32_t)sys_getpid() == writer.header->pid;
}

void core_set_state(enum mt_state state)
{
	/* a child that only execs, or exits, leaves no region */
	if (!core_is_recording() || !fork_guard_is_claimed() || !core_speaks_for_process())
		return;
	thread_for_each(tally_flush);
	__atomic_store_n(&writer.header->end_ns, state == MT_STATE_RUNNING ? 0 : sys_clock_ns(),
			 __ATOMIC_RELAXED);
	__atomic_store_n(&writer.header->state, state, __ATOMIC_RELAXED);
	if (state == MT_STATE_DETACHED)
		core_stop(state);
}

void core_set_header_flag(uint32_t flag)
{
	if (core_is_on())
		writer_set_flag(flag);
}

bool core_is_unclaimed_child(void)
{
	return core_is_recording() && !fork_guard_is_claimed();
}

void core_claim_child(void)
{
	(void)core_is_on();
}

void core_confine(void)
{
	core_is_confined = true;
	thread_entry_confine();
}

int64_t core_first_distance(void)
{
	struct thread *thread = core_enter();
	int64_t distance;

	if (!thread)
		return __atomic_load_n(&core_phase, __ATOMIC_RELAXED) == CORE_STOPPED ? INT64_MAX
										      : 0;
	thread_check_identity(thread);
	distance = recorder_arm(thread);
	thread_leave(thread);
	return distance;
}

unsigned core_backtrace(uint64_t *ret_frames, unsigned max)
{
	struct unwind_stack stack = {0};
	unsigned flags = 0;

	return unwind_trace(&stack, core_text_start, core_text_end, ret_frames, max, &flags);
}
