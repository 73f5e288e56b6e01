/* SPDX-License-Identifier: MIT */
/*
 * inject-layout.c: the image in the memory of the process.
 *
 * Memory is mapped readable and executable, and only its data made writable: memory that is both, or
 * becomes executable later, is what hardened systems deny. The code is then written the way debuggers
 * write: first the pages by which an image is known and where a new thread stands, so that a tool that
 * comes after one that was killed finds the memory again; the rest when the program is going on.
 */
#include "process/inject-layout.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/macro.h"

/* The image is to be where base is from now on. */
static void settle(struct injection *injection, uint64_t base)
{
	injection->base = base;
	inject_image_relocate(&injection->image, base);
	/* what was collected for an image at 0 */
	for (size_t i = 0; i < injection->slots.n_patches; i++)
		injection->slots.patches[i].value += base;
}

int injection_map(struct injection *injection, struct remote *remote)
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

int injection_lay_out(struct injection *injection, struct remote *remote)
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

int injection_reset(struct injection *injection, struct remote *remote)
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

int injection_unmap(struct injection *injection, struct remote *remote)
{
	uint64_t arguments[6] = {injection->base, injection->image.total};
	int64_t result;

	injection->base = 0;
	return remote_syscall(remote, SYS_munmap, arguments, &result);
}
