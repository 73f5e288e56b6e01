/* SPDX-License-Identifier: MIT */
/*
 * core-begin.c: how recording begins, in a process and in each child that it forks.
 *
 * A child's region is made under the guard's lock, by its first event, from what the parent's memory held at the
 * fork:
 *
 *	region		new memfd over the parent's address; stacks, sites, modules, threads copied
 *	live blocks	from the mirror: tags and addresses stay good
 *	maps		from their index
 *	counters	from zero; what is inherited counts as allocated
 *
 * A child that cannot have a region (no descriptors left, a sandbox) records nothing: it must not write
 * to its parent's.
 *
 * Context: core_start in a constructor, before other threads; core_claim in any thread of the child, inside malloc
 * and free, and in signal handlers.
 */
#include "agent/core/core-begin.h"

#include "agent/core/annotate.h"
#include "agent/core/core.h"
#include "agent/core/fork-guard.h"
#include "agent/core/live.h"
#include "agent/core/maps.h"
#include "agent/core/modules-image.h"
#include "agent/core/recorder.h"
#include "agent/core/sampler.h"
#include "agent/core/shed.h"
#include "agent/core/sites.h"
#include "agent/core/sys.h"
#include "agent/core/thread-entry.h"
#include "agent/core/thread.h"
#include "agent/core/writer.h"

enum {
	CORE_PR_GET_NAME = 16,
	CORE_AT_FDCWD = -100,
};

struct core_state core_state;

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
	if (core_state.handover)
		core_state.handover(fd);
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

	if (core_state.phase != CORE_NOT_STARTED)
		return -SYS_EALREADY;
	if (config->sampling == MT_SAMPLING_OFF) {
		core_state.phase = CORE_STOPPED;
		return -SYS_EINVAL;
	}
	sys_init(config->vdso);
	core_state.handover = config->handover;
	core_state.text_start = config->text_start;
	core_state.text_end = config->text_end;
	core_state.children_ignored = config->ignore_children;
	r = fork_guard_init();
	if (r == 0)
		r = writer_create(config, &fd);
	if (r < 0) {
		core_state.phase = CORE_STOPPED;
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
		core_state.phase = CORE_STOPPED;
		sys_close(fd);
		return r;
	}
	writer_publish(MT_STATE_RUNNING);
	fork_guard_claim();
	core_hand_over(fd);
	modules_read_annotations();
	/* release pairs with the acquire in core_is_on: the tables are there */
	__atomic_store_n(&core_state.phase, CORE_RECORDING, __ATOMIC_RELEASE);
	return 0;
}

/* The lock of the guard is held. */
static bool core_make_child_region(struct thread *thread)
{
	struct mt_header *header = writer.header;
	int fd = -1;

	if (core_state.children_ignored || writer_create_child(&fd) < 0)
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

bool core_claim(void)
{
	struct thread *thread;
	bool claimed;

	if (core_state.is_confined) {
		__atomic_store_n(&core_state.phase, CORE_STOPPED, __ATOMIC_RELAXED);
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
			__atomic_store_n(&core_state.phase, CORE_STOPPED, __ATOMIC_RELAXED);
		fork_guard_claim();
	}
	sys_lock_drop(&fork_guard->lock);
	claimed = __atomic_load_n(&core_state.phase, __ATOMIC_RELAXED) == CORE_RECORDING;
	thread_leave(thread);
	return claimed;
}

void core_confine(void)
{
	core_state.is_confined = true;
	thread_entry_confine();
}
