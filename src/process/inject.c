/* SPDX-License-Identifier: MIT */
/*
 * inject.c: attach and detach, step by step.
 *
 *	what is there        maps, modules, slots, an image from before           nothing is stopped
 *	one thread stops     memory for the image, image, lists; it runs the start function
 *	it goes on           and what the start function has left as an answer is read
 *
 * If the loader was at work, the stored slots could be the wrong ones: then nothing is stored, and all of
 * it begins anew a moment later. When it has succeeded, the slots are looked at once more: one that was
 * being bound at that very moment may lead to the original again.
 *
 * An image is used again. What it recorded before is given back, and its state begins anew, if no thread is
 * inside: recording is off, all processors have passed a barrier (membarrier(2)), and the threads' counters
 * are all 0. If they do not become 0 (a handler left a hook by longjmp), another image is laid out beside
 * the old one.
 *
 * One tool at a time works on a process: a name in the abstract socket namespace is the lock, since the
 * kernel gives it back when the tool dies.
 */
#include "process/inject.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "process/inject-check.h"
#include "process/inject-image.h"
#include "process/inject-modules.h"
#include "process/inject-remote.h"
#include "process/inject-slots.h"
#include "process/maps.h"
#include "process/memory.h"

enum {
	INJECT_TRIES = 200,
	INJECT_PAUSE_NS = 3000000,
	INJECT_IDLE_TRIES = 1000,
	INJECT_COMPARED = 512, /* bytes at the beginning that are this image's and no other's */
	INJECT_TID_GLIBC = 0x2d0,
	INJECT_TID_MUSL = 0x30,
};

struct injection {
	pid_t pid;
	int lock;
	struct inject_facts facts;
	struct inject_image image;
	uint64_t base; /* 0: not there */
	struct inject_control control;
	struct maps maps;
	struct memory *memory;
	struct inject_modules modules;
	struct inject_slots slots;
	struct inject_outcome outcome;
};

static void pause_briefly(void)
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

static void injection_deinit(struct injection *injection)
{
	forget(injection);
	inject_image_deinit(&injection->image);
	cleanup_close(&injection->lock);
}

static int injection_init(struct injection *injection, pid_t pid, struct strbuf *error)
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

/* An image of this tool; the newest is the one that records, if any does. */
static int find_image(struct injection *injection)
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
		if (injection->base && !control.active)
			continue;
		injection->base = mapping->start;
		injection->control = control;
		if (control.active)
			break;
	}
	if (!injection->base)
		injection->control = (struct inject_control){};
	inject_image_relocate(image, injection->base);
	return 0;
}

/* Maps, modules and the image, as they are now. */
static int look(struct injection *injection)
{
	int r;

	forget(injection);
	r = maps_read(injection->pid, false, &injection->maps);
	if (r >= 0)
		r = memory_open_pid(injection->pid, &injection->memory);
	if (r >= 0)
		r = find_image(injection);
	if (r >= 0)
		r = inject_modules_read(injection->pid, injection->memory, &injection->maps,
					&injection->modules);
	injection->outcome.n_modules = (uint32_t)injection->modules.n_modules;
	return r;
}

/* The threads' counters of being inside, summed; true if nobody is. */
static bool is_idle(struct injection *injection)
{
	const size_t size = INJECT_N_THREADS * sizeof(struct inject_thread);
	_cleanup_free_ struct inject_thread *threads = malloc(size);
	uint32_t inside = injection->control.running;

	if (!threads ||
	    memory_read(injection->memory, inject_image_header(&injection->image)->threads, threads,
			size) < 0)
		return false;
	for (size_t i = 0; i < INJECT_N_THREADS; i++)
		inside |= threads[i].inside;
	return inside == 0;
}

/* Whether the image that is there can be used again. */
static bool wait_idle(struct injection *injection)
{
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
	for (unsigned i = 0; i < INJECT_IDLE_TRIES; i++) {
		if (is_idle(injection))
			return true;
		pause_briefly();
	}
	return false;
}

static int lay_out(struct injection *injection, struct remote *remote)
{
	struct inject_image *image = &injection->image;
	uint64_t map[6] = {0,
			   image->total,
			   PROT_READ | PROT_EXEC,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			   UINT64_MAX,
			   0};
	uint64_t protect[6] = {0, image->total - image->data_offset, PROT_READ | PROT_WRITE};
	int64_t result;
	int r = remote_syscall(remote, SYS_mmap, map, &result);

	if (r < 0)
		return r;
	if (result < 0 && result > -4096)
		return result == -EPERM ? -EACCES : (int)result;
	injection->base = (uint64_t)result;
	protect[0] = injection->base + image->data_offset;
	r = remote_syscall(remote, SYS_mprotect, protect, &result);
	if (r < 0 || result < 0)
		return r < 0 ? r : (int)result;
	inject_image_relocate(image, injection->base);
	return remote_write(remote, injection->base, image->bytes,
			    image->data_offset + image->data_size);
}

/* Data as in the file, but the parts that hooks use while recording is off. */
static int reset(struct injection *injection, struct remote *remote)
{
	const struct inject_header *header = inject_image_header(&injection->image);
	struct inject_range kept[2] = {
		{header->control, sizeof(struct inject_control)},
		{header->threads, INJECT_N_THREADS * sizeof(struct inject_thread)},
	};
	uint64_t at = injection->image.data_offset, end = injection->image.size;
	int r = 0;

	if (kept[0].start > kept[1].start) {
		struct inject_range first = kept[1];

		kept[1] = kept[0];
		kept[0] = first;
	}
	for (size_t i = 0; r >= 0 && i <= ARRAY_SIZE(kept); i++) {
		uint64_t stop = i < ARRAY_SIZE(kept) ? kept[i].start - injection->base : end;

		r = remote_write(remote, injection->base + at, injection->image.bytes + at,
				 stop - at);
		if (i < ARRAY_SIZE(kept))
			at = stop + kept[i].size;
	}
	return r;
}

static uint32_t find_tid_offset(struct remote *remote)
{
	static const uint32_t offsets[] = {INJECT_TID_GLIBC, INJECT_TID_MUSL};
	uint64_t tp = regs_thread_pointer(&remote->regs);

	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		int32_t tid;

		if (remote_read(remote, tp + offsets[i], &tid, sizeof(tid)) >= 0 &&
		    tid == remote->tid)
			return offsets[i];
	}
	return 0;
}

static void fill_loader(const struct injection *injection, struct inject_request *request)
{
	const struct inject_modules *modules = &injection->modules;

	request->r_debug = modules->r_debug;
	request->find_object = modules->find_object;
	request->vdso = modules->vdso;
	request->main_stack_end = modules->main_stack_end;
	request->loader_lock = modules->loader_lock;
	request->loader_adds = modules->adds_at;
	request->loader_count = modules->count_at;
	request->seen_adds = modules->adds;
	request->seen_count = modules->count;
}

static void fill_image(const struct injection *injection, struct inject_request *request)
{
	const struct inject_image *image = &injection->image;

	request->eh_frame_hdr = injection->base + image->eh_frame_hdr_offset;
	request->image_start = injection->base;
	request->image_end = injection->base + image->size;
	request->text_start = injection->base + image->text_offset;
	request->text_end = request->text_start + image->text_size;
	request->groups = injection->base + image->size + IMAGE_STACK_SIZE;
	request->patches =
		request->groups + injection->slots.n_groups * sizeof(struct inject_group);
	request->n_groups = (uint32_t)injection->slots.n_groups;
	request->n_patches = (uint32_t)injection->slots.n_patches;
}

/* Sends the request and lets the stopped thread do it. */
static int perform(struct injection *injection, struct remote *remote)
{
	const struct inject_header *header = inject_image_header(&injection->image);
	struct inject_request *request = &injection->control.request;
	struct inject_slots *slots = &injection->slots;
	uint64_t control = header->control;
	int r;

	fill_loader(injection, request);
	fill_image(injection, request);
	request->signal = (uint32_t)remote->signal;
	request->confined = remote->facts.filtered;
	if (request->command & INJECT_START)
		request->tid_offset = find_tid_offset(remote);
	if (request->n_groups * sizeof(struct inject_group) +
		    request->n_patches * sizeof(struct inject_patch) >
	    IMAGE_LIST_SIZE)
		return -E2BIG;
	r = remote_write(remote, request->groups, slots->groups,
			 slots->n_groups * sizeof(*slots->groups));
	if (r >= 0)
		r = remote_write(remote, request->patches, slots->patches,
				 slots->n_patches * sizeof(*slots->patches));
	injection->control.reply.finished = 0;
	if (r >= 0)
		r = remote_write(remote, control + offsetof(struct inject_control, reply),
				 &injection->control.reply,
				 sizeof(injection->control) -
					 offsetof(struct inject_control, reply));
	if (r >= 0)
		r = remote_run(remote, header->start, request->groups, header->resume,
			       control + offsetof(struct inject_control, reply.finished),
			       request->session);
	if (r >= 0)
		r = remote_read(remote, control, &injection->control, sizeof(injection->control));
	return r < 0 ? r : injection->control.reply.result;
}

/* New ones were collected for an image at 0. */
static void move_patches(struct injection *injection)
{
	for (size_t i = 0; i < injection->slots.n_patches; i++)
		injection->slots.patches[i].value += injection->base;
}

/* What one stop does; the image is laid out if it is not there. */
static int work(struct injection *injection, struct remote *remote)
{
	int r = 0;

	if (!injection->base) {
		r = lay_out(injection, remote);
		move_patches(injection);
	} else if (injection->control.request.command & INJECT_START) {
		r = reset(injection, remote);
	}
	return r < 0 ? r : perform(injection, remote);
}

static int stop_and_work(struct injection *injection)
{
	struct remote *remote = malloc(sizeof(*remote));
	uint64_t ns;
	int r;

	if (!remote)
		return -ENOMEM;
	r = remote_init(remote, injection->pid, &injection->facts, &injection->maps);
	if (r >= 0)
		r = remote_stop(remote, &injection->maps);
	if (r >= 0) {
		r = work(injection, remote);
		ns = remote_release(remote);
		injection->outcome.tid = remote->tid;
		injection->outcome.stopped_ns = MAX(injection->outcome.stopped_ns, ns);
		injection->outcome.n_stops++;
		injection->outcome.n_patched += injection->control.reply.n_patched;
		injection->outcome.n_unpatched = injection->control.reply.n_refused;
	}
	remote_deinit(remote);
	free(remote);
	return r;
}

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

	if (injection->base && !wait_idle(injection)) {
		injection->base = 0;
		*control = (struct inject_control){};
		inject_image_relocate(&injection->image, 0);
	}
	injection->outcome.reused = injection->base != 0;
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
	control->request.max_memory = options->max_memory;
	return 0;
}

/* Collects for a way, there or back. */
static int collect(struct injection *injection, bool back)
{
	return inject_slots_collect(injection->memory, &injection->maps, &injection->modules,
				    inject_image_header(&injection->image), &injection->control,
				    back, &injection->slots);
}

static bool is_to_be_repeated(int r)
{
	return r == -EAGAIN || r == -EBUSY;
}

/* Ends the recording; the slots lead to the originals again. */
static int leave(struct injection *injection)
{
	int r = -EAGAIN;

	for (unsigned i = 0; i < INJECT_TRIES && is_to_be_repeated(r); i++) {
		if (i > 0)
			pause_briefly();
		r = look(injection);
		if (r >= 0 && !injection->base)
			return -ENODATA;
		if (r >= 0)
			r = collect(injection, true);
		if (r < 0)
			continue;
		set_command(injection, INJECT_PATCH | INJECT_STOP);
		r = stop_and_work(injection);
	}
	return r;
}

/* One attempt to begin, or, once begun, to store what is not stored yet. */
static int enter_once(struct injection *injection, const struct inject_options *options)
{
	int r = look(injection);

	if (r < 0)
		return r;
	if (!injection->base || !injection->control.active) {
		r = prepare_start(injection, options);
	} else {
		set_command(injection, INJECT_PATCH);
	}
	if (r >= 0)
		r = collect(injection, false);
	if (r < 0 || (injection->slots.n_patches == 0 && injection->control.active))
		return r;
	return stop_and_work(injection);
}

static int enter(struct injection *injection, const struct inject_options *options)
{
	int r = -EAGAIN;

	for (unsigned i = 0; i < INJECT_TRIES && is_to_be_repeated(r); i++) {
		if (i > 0)
			pause_briefly();
		r = enter_once(injection, options);
	}
	/* the second look */
	if (r >= 0) {
		int again = enter_once(injection, options);

		if (again < 0 && !is_to_be_repeated(again))
			r = again;
	}
	return r;
}

/* What an attach that did not come to its end, or the parent of this process, has left. */
static int clean_up(struct injection *injection)
{
	int r = look(injection);

	if (is_to_be_repeated(r))
		return 0;
	if (r < 0 || !injection->base || !injection->control.active)
		return r;
	return leave(injection);
}

int inject_attach(pid_t pid, const struct inject_options *options, struct inject_outcome *ret,
		  struct strbuf *error)
{
	struct injection *injection = calloc(1, sizeof(*injection));
	int r = injection ? injection_init(injection, pid, error) : -ENOMEM;

	if (r >= 0)
		r = clean_up(injection);
	if (r >= 0) {
		injection->outcome = (struct inject_outcome){};
		r = enter(injection, options);
		if (r < 0 && injection->base)
			(void)leave(injection);
	}
	if (r >= 0)
		*ret = injection->outcome;
	else if (!*strbuf_text(error))
		inject_explain(pid, r, error);
	if (injection)
		injection_deinit(injection);
	free(injection);
	return r;
}

int inject_detach(pid_t pid, struct inject_outcome *ret, struct strbuf *error)
{
	struct injection *injection = calloc(1, sizeof(*injection));
	int r = injection ? injection_init(injection, pid, error) : -ENOMEM;

	if (r >= 0)
		r = look(injection);
	if (r >= 0 && (!injection->base || !injection->control.active))
		r = -ENODATA;
	if (r >= 0 || is_to_be_repeated(r))
		r = leave(injection);
	if (r >= 0)
		*ret = injection->outcome;
	else if (!*strbuf_text(error))
		inject_explain(pid, r, error);
	if (injection)
		injection_deinit(injection);
	free(injection);
	return r;
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
		r = find_image(&injection);
	if (r >= 0)
		r = injection.base && injection.control.active;
	injection_deinit(&injection);
	return r;
}
