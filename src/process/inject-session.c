/* SPDX-License-Identifier: MIT */
/*
 * inject-session.c: looking at a process that is attached to, without touching it.
 *
 * The lock is a name in the abstract socket namespace: the kernel gives it back when the tool dies.
 *
 * An image is recognised by its first bytes, which have the build ID and which nobody relocates. Is
 * anybody in it? Recording is off, all processors have passed a barrier (membarrier(2)), so whoever
 * enters from now on leaves at once; who is inside from before is in its thread's counter.
 */
#include "process/inject-session.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macro.h"

enum {
	INJECT_PAUSE_NS = 3000000,
	INJECT_IDLE_TRIES = 1000,
	INJECT_COMPARED = 512, /* bytes at the beginning that are this image's and no other's */
};

void injection_pause(void)
{
	struct timespec pause = {0, INJECT_PAUSE_NS};

	nanosleep(&pause, NULL);
}

static int take_lock(pid_t pid, int *ret)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), n;

	if (fd < 0)
		return -errno;
	n = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "memtrace-inject-%d",
		     (int)pid);
	if (bind(fd, (void *)&address,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) < 0) {
		int r = errno == EADDRINUSE ? -EALREADY : -errno;

		close(fd);
		return r;
	}
	*ret = fd;
	return 0;
}

/* What was read of the process, to be read anew. */
static void forget(struct injection *injection)
{
	inject_slots_deinit(&injection->slots);
	inject_modules_deinit(&injection->modules);
	maps_deinit(&injection->maps);
	injection->maps = (struct maps){};
	injection->memory = memory_free(injection->memory);
}

void injection_deinit(struct injection *injection)
{
	forget(injection);
	inject_image_deinit(&injection->image);
	cleanup_close(&injection->lock);
}

int injection_init(struct injection *injection, pid_t pid, struct strbuf *error)
{
	int r;

	*injection = (struct injection){.pid = pid, .lock = -EBADF};
	r = inject_check(pid, &injection->facts, error);
	if (r >= 0)
		r = take_lock(pid, &injection->lock);
	return r < 0 ? r : inject_image_init(&injection->image);
}

static bool is_image(const struct injection *injection, uint64_t at)
{
	uint8_t bytes[INJECT_COMPARED];

	return memory_read(injection->memory, at, bytes, sizeof(bytes)) == 0 &&
	       memcmp(bytes, injection->image.bytes, sizeof(bytes)) == 0;
}

/* One that records is preferred, then one that is whole. */
static unsigned rank(const struct inject_control *control)
{
	return control->active ? 2 : control->laid_out ? 1 : 0;
}

/* An image of this tool. */
int injection_find_image(struct injection *injection)
{
	struct inject_image *image = &injection->image;

	injection->base = 0;
	for (size_t i = 0; i < injection->maps.n_mappings; i++) {
		const struct mapping *mapping = &injection->maps.mappings[i];
		struct inject_control control;

		if (!mapping->exec || mapping->write || mapping->inode ||
		    mapping->end - mapping->start < image->data_offset ||
		    !is_image(injection, mapping->start))
			continue;
		inject_image_relocate(image, mapping->start);
		if (memory_read(injection->memory, inject_image_header(image)->control, &control,
				sizeof(control)) < 0)
			continue;
		if (injection->base && rank(&control) <= rank(&injection->control))
			continue;
		injection->base = mapping->start;
		injection->control = control;
	}
	if (!injection->base)
		injection->control = (struct inject_control){};
	inject_image_relocate(image, injection->base);
	return 0;
}

static int look_at_maps(struct injection *injection)
{
	int r;

	maps_deinit(&injection->maps);
	injection->maps = (struct maps){};
	r = maps_read(injection->pid, false, &injection->maps);
	/* the process has changed them in between */
	return r == -EBADMSG ? -EAGAIN : r;
}

static int look_at_modules(struct injection *injection)
{
	inject_modules_deinit(&injection->modules);
	return inject_modules_read(injection->pid, injection->memory, &injection->maps,
				   &injection->modules);
}

/*
 * Once more, now that it is known where the loader's lock and counters are: mappings and modules belong
 * together only if nothing was loaded from before the former to after the latter. Half of a dlopen makes
 * a data segment look like one that nobody writes to.
 */
static int look_again(struct injection *injection)
{
	struct inject_mark mark = {};
	int r = inject_modules_mark(injection->memory, &injection->modules, &mark);

	if (r >= 0 && mark.is_locked && !injection->holds)
		r = -EAGAIN;
	if (r >= 0)
		r = look_at_maps(injection);
	if (r >= 0)
		r = look_at_modules(injection);
	injection->modules.adds = mark.adds;
	injection->modules.count = mark.count;
	return r;
}

/* A thread on the stack of the start function. One of a tool's that was killed may have ended before it began. */
static bool is_running(const struct injection *injection)
{
	uint32_t running = injection->control.running;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%u", (int)injection->pid, running);
	return running == 1 || (running > 1 && access(path, F_OK) == 0);
}

/* Maps, modules and the image, as they are now. */
int injection_look(struct injection *injection)
{
	int r;

	forget(injection);
	r = look_at_maps(injection);
	if (r >= 0)
		r = memory_open_pid(injection->pid, &injection->memory);
	if (r >= 0)
		r = injection_find_image(injection);
	/* a tool that was killed has left it there, and it still reads its request */
	if (r >= 0 && !injection->holds && is_running(injection))
		r = -EAGAIN;
	if (r >= 0)
		r = look_at_modules(injection);
	if (r >= 0 && injection->modules.adds_at)
		r = look_again(injection);
	injection->outcome.n_modules = (uint32_t)injection->modules.n_modules;
	return r;
}

int injection_collect(struct injection *injection)
{
	return inject_slots_collect(injection->memory, &injection->maps, &injection->modules,
				    inject_image_header(&injection->image), &injection->control,
				    injection->back, &injection->slots);
}

/* The threads' counters of being inside, summed; true if nobody is. */
static bool is_idle(struct injection *injection)
{
	const size_t size = INJECT_N_THREADS * sizeof(struct inject_thread);
	_cleanup_free_ struct inject_thread *threads = malloc(size);
	uint32_t inside = is_running(injection);

	if (!threads ||
	    memory_read(injection->memory, inject_image_header(&injection->image)->threads, threads,
			size) < 0)
		return false;
	for (size_t i = 0; i < INJECT_N_THREADS; i++)
		inside |= threads[i].inside;
	return inside == 0;
}

/* Whether the image that is there can be used again. */
bool injection_wait_idle(struct injection *injection)
{
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
	for (unsigned i = 0; i < INJECT_IDLE_TRIES; i++) {
		if (is_idle(injection))
			return true;
		injection_pause();
	}
	return false;
}
