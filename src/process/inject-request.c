/* SPDX-License-Identifier: MIT */
/*
 * inject-request.c: what a thread in the process is told and what it needs for that, written where it reads
 * it. Lists, of patches or of calls, are behind the stack of the start function.
 */
#include "process/inject-request.h"

#include <errno.h>
#include <stddef.h>

#include "base/macro.h"
#include "process/inject-call.h"

enum { REQUEST_TID_GLIBC = 0x2d0, REQUEST_TID_MUSL = 0x30 };

uint32_t injection_find_tid_offset(struct remote *remote)
{
	static const uint32_t offsets[] = {REQUEST_TID_GLIBC, REQUEST_TID_MUSL};
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
	request->groups = injection->base + image->size + IMAGE_TLS_SIZE + IMAGE_STACK_SIZE;
	request->patches =
		request->groups + injection->slots.n_groups * sizeof(struct inject_group);
	request->n_groups = (uint32_t)injection->slots.n_groups;
	request->n_patches = (uint32_t)injection->slots.n_patches;
}

int injection_send_request(struct injection *injection, struct remote *remote)
{
	struct inject_request *request = &injection->control.request;
	struct inject_slots *slots = &injection->slots;
	uint64_t control = inject_image_header(&injection->image)->control;
	const size_t from = offsetof(struct inject_control, reply);
	int r;

	fill_loader(injection, request);
	fill_image(injection, request);
	request->signal = (uint32_t)remote->signal;
	request->confined = remote->facts.filtered;
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
		r = remote_write(remote, control + from, &injection->control.reply,
				 sizeof(injection->control) - from);
	return r;
}

int injection_send_calls(struct injection *injection, struct remote *remote)
{
	struct inject_calls *calls = injection->calls;
	struct inject_request *request = &injection->control.request;
	uint64_t data_at;
	int r;

	request->calls =
		injection->base + injection->image.size + IMAGE_TLS_SIZE + IMAGE_STACK_SIZE;
	request->n_calls = (uint32_t)calls->n_calls;
	data_at = request->calls + calls->n_calls * sizeof(*calls->calls);
	calls->data_at = data_at;
	for (size_t i = 0; i < calls->n_calls; i++)
		for (size_t k = 0; k < ARRAY_SIZE(calls->calls[i].arguments); k++)
			if (calls->pointers[i] >> k & 1)
				calls->calls[i].arguments[k] += data_at;
	r = remote_write(remote, request->calls, calls->calls,
			 calls->n_calls * sizeof(*calls->calls));
	return r < 0 ? r : remote_write(remote, data_at, calls->data, calls->data_size);
}

int injection_fetch_calls(struct injection *injection, struct remote *remote)
{
	struct inject_calls *calls = injection->calls;
	uint64_t at = injection->control.request.calls;
	size_t size = calls->n_calls * sizeof(*calls->calls);
	int r = remote_read(remote, at, calls->calls, size);

	return r < 0 ? r : remote_read(remote, at + size, calls->data, calls->data_size);
}
