/* SPDX-License-Identifier: MIT */
/*
 * inject-work.c: what is done in the process, and by which thread.
 *
 *	one thread stops       memory for the image, if it is not there; a thread of ours; it goes on
 *	the thread of ours     what takes long: it begins the recording, stores the patches, ends
 *
 * Where the process may have no more threads the stopped one does it all, and where functions of its
 * allocator are called.
 *
 * Memory for the image is mapped readable and executable, and only its data made writable: memory that is
 * both, or becomes executable later, is what hardened systems deny. The code is then written the way
 * debuggers write: first the pages by which an image is known and where a new thread stands, so that a tool
 * that comes after one that was killed finds the memory again; the rest when the program is going on.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/macro.h"
#include "process/inject-call.h"
#include "process/inject-outside.h"
#include "process/inject-remote.h"
#include "process/inject-session.h"
#include "process/inject-wait.h"

enum { INJECT_TID_GLIBC = 0x2d0, INJECT_TID_MUSL = 0x30 };

/* The image is to be where base is from now on. */
static void settle(struct injection *injection, uint64_t base)
{
	injection->base = base;
	inject_image_relocate(&injection->image, base);
	/* what was collected for an image at 0 */
	for (size_t i = 0; i < injection->slots.n_patches; i++)
		injection->slots.patches[i].value += base;
}

/* Memory, and its first pages. */
static int map_image(struct injection *injection, struct remote *remote)
{
	struct inject_image *image = &injection->image;
	uint64_t map[6] = {0,
			   image->total,
			   PROT_READ | PROT_EXEC,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			   UINT64_MAX,
			   0};
	int64_t result;
	int r = remote_syscall(remote, SYS_mmap, map, &result);

	if (r < 0)
		return r;
	if (result < 0 && result > -4096)
		return result == -EPERM ? -EACCES : (int)result;
	settle(injection, (uint64_t)result);
	return remote_write(remote, injection->base, image->bytes, image->front_size);
}

/* The rest of it. */
static int lay_out(struct injection *injection, struct remote *remote)
{
	struct inject_image *image = &injection->image;
	uint64_t protect[6] = {injection->base + image->data_offset,
			       image->total - image->data_offset, PROT_READ | PROT_WRITE};
	uint64_t control = inject_image_header(image)->control;
	int64_t result = 0;
	int r = remote_syscall(remote, SYS_mprotect, protect, &result);

	if (r >= 0)
		r = (int)result;
	if (r >= 0)
		r = remote_write(remote, injection->base, image->bytes,
				 image->data_offset + image->data_size);
	injection->control.laid_out = 1;
	if (r >= 0)
		r = remote_write(remote, control + offsetof(struct inject_control, laid_out),
				 &injection->control.laid_out, sizeof(injection->control.laid_out));
	return r;
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
	request->groups = injection->base + image->size + IMAGE_TLS_SIZE + IMAGE_STACK_SIZE;
	request->patches =
		request->groups + injection->slots.n_groups * sizeof(struct inject_group);
	request->n_groups = (uint32_t)injection->slots.n_groups;
	request->n_patches = (uint32_t)injection->slots.n_patches;
}

/* The request, and what it names. */
static int send_request(struct injection *injection, struct remote *remote)
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

/* The list of calls and their data, where otherwise the lists of patches are. */
static int send_calls(struct injection *injection, struct remote *remote)
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

static int fetch_calls(struct injection *injection, struct remote *remote)
{
	struct inject_calls *calls = injection->calls;
	uint64_t at = injection->control.request.calls;
	size_t size = calls->n_calls * sizeof(*calls->calls);
	int r = remote_read(remote, at, calls->calls, size);

	return r < 0 ? r : remote_read(remote, at + size, calls->data, calls->data_size);
}

/* So that another tool can see whether a thread of ours is still at it. */
static int note_running(struct injection *injection, struct remote *remote)
{
	uint64_t control = inject_image_header(&injection->image)->control;
	uint32_t running = remote->ours ? (uint32_t)remote->tid : 0;

	return remote_write(remote, control + offsetof(struct inject_control, running), &running,
			    sizeof(running));
}

/* Sends the request and lets the thread do it. */
static int perform(struct injection *injection, struct remote *remote)
{
	const struct inject_header *header = inject_image_header(&injection->image);
	const struct inject_request *request = &injection->control.request;
	uint64_t control = header->control;
	int r = injection->calls ? send_calls(injection, remote) : 0;

	if (r >= 0)
		r = send_request(injection, remote);
	if (r >= 0)
		r = note_running(injection, remote);
	if (r >= 0)
		r = remote_run(remote, header->start, request->groups, header->resume,
			       control + offsetof(struct inject_control, reply.finished),
			       request->session);
	if (r >= 0)
		r = remote_read(remote, control, &injection->control, sizeof(injection->control));
	if (r >= 0 && injection->calls)
		r = fetch_calls(injection, remote);
	return r < 0 ? r : injection->control.reply.result;
}

/* An image that was laid out for calls alone goes again; the thread is out of it. */
static int remove_image(struct injection *injection, struct remote *remote)
{
	uint64_t arguments[6] = {injection->base, injection->image.total};
	int64_t result;

	injection->base = 0;
	return remote_syscall(remote, SYS_munmap, arguments, &result);
}

/* What the thread that has to do it does. */
static int carry_out(struct injection *injection, struct remote *remote)
{
	int r = 0;

	if (!injection->control.laid_out)
		r = lay_out(injection, remote);
	else if (injection->control.request.command & INJECT_START)
		r = reset(injection, remote);
	return r < 0 ? r : perform(injection, remote);
}

static void note_pause(struct injection *injection, const struct remote *remote, uint64_t ns)
{
	struct inject_outcome *outcome = &injection->outcome;

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
static int spawn(struct injection *injection, struct remote *remote, const struct inject_wait *wait,
		 struct remote *errand)
{
	uint64_t park = injection->base + injection->image.park_offset;
	uint64_t tls = injection->base + injection->image.size + IMAGE_TLS_SIZE / 2;
	pid_t id;
	int r = remote_spawn(remote, park, tls, &id);

	if (r < 0)
		return remote->lost || r == -ETIMEDOUT ? r : 0;
	note_pause(injection, remote, remote_release(remote));
	inject_wait_hurry(wait, false);
	return remote_adopt(remote, id, park, errand);
}

/* The thread is stopped. */
static int work(struct injection *injection, struct remote *remote, const struct inject_wait *wait,
		struct remote *errand)
{
	struct inject_request *request = &injection->control.request;
	const bool is_new = !injection->base;
	int r = is_new ? map_image(injection, remote) : 0;
	uint64_t begun_ns;

	if (r >= 0 && request->command & INJECT_START)
		request->tid_offset = find_tid_offset(remote);
	/* the functions of an allocator need a thread that libc knows */
	if (r >= 0 && !injection->calls)
		r = spawn(injection, remote, wait, errand);
	begun_ns = remote_now_ns();
	if (r >= 0)
		r = carry_out(injection, errand->ours ? errand : remote);
	if (injection->calls && is_new && injection->base && !remote->away)
		(void)remove_image(injection, remote);
	injection->outcome.working_ns += remote_now_ns() - begun_ns;
	remote_dismiss(errand);
	note_pause(injection, remote, remote_release(remote));
	injection->outcome.n_patched += injection->control.reply.n_patched;
	injection->outcome.n_unpatched = injection->control.reply.n_refused;
	return r;
}

int injection_work(struct injection *injection)
{
	struct remote *remotes = calloc(2, sizeof(*remotes));
	struct inject_wait wait;
	int r;

	if (!remotes)
		return -ENOMEM;
	inject_wait_begin(&wait);
	r = remote_init(&remotes[0], injection->pid, &injection->facts, &injection->maps);
	inject_wait_hurry(&wait, true);
	if (r >= 0 && injection->calls) {
		injection->outside->handler_return = remotes[0].gadget_sigreturn;
		remotes[0].suits = &outside_suits;
		remotes[0].suits_userdata = injection->outside;
		remotes[0].run_ms = injection->calls->run_ms;
	}
	if (r >= 0)
		r = remote_stop(&remotes[0], &injection->maps);
	if (r >= 0)
		r = work(injection, &remotes[0], &wait, &remotes[1]);
	inject_wait_hurry(&wait, false);
	inject_wait_end(&wait);
	remote_deinit(&remotes[0]);
	free(remotes);
	return r;
}
