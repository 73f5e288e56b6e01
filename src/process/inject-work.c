/* SPDX-License-Identifier: MIT */
/*
 * inject-work.c: what is done while one thread of the process is stopped.
 *
 * Memory for the image is mapped readable and executable, and only its data made writable: memory that is
 * both, or becomes executable later, is what hardened systems deny. The code is then written the way
 * debuggers write.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/macro.h"
#include "process/inject-remote.h"
#include "process/inject-session.h"

enum { INJECT_TID_GLIBC = 0x2d0, INJECT_TID_MUSL = 0x30 };

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

int injection_work(struct injection *injection)
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
