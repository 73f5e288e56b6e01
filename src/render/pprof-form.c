/* SPDX-License-Identifier: MIT */
/*
 * All memory of a message lives in one list of blocks until it is packed. Strings and functions are there
 * once each and are named by number, strings from 0, which is the empty one, functions from 1.
 */
#include "render/pprof-form.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/grow.h"
#include "render/words.h"

struct pprof_block {
	struct pprof_block *next;
	max_align_t bytes[];
};

int pprof_form_init(struct pprof_form *form)
{
	*form = (struct pprof_form){.message = PPROF__PROFILE__INIT, .pool = string_pool_new()};
	if (!form->pool)
		return -ENOMEM;
	pprof_form_string(form, "");
	return form->failed ? -ENOMEM : 0;
}

void pprof_form_deinit(struct pprof_form *form)
{
	while (form->blocks) {
		struct pprof_block *block = form->blocks;

		form->blocks = block->next;
		free(block);
	}
	string_pool_free(form->pool);
	map_deinit(&form->by_text);
	map_deinit(&form->by_function);
	free(form->strings);
	free(form->functions);
}

void *pprof_form_take(struct pprof_form *form, size_t n, size_t size)
{
	struct pprof_block *block = calloc(1, sizeof(*block) + n * size);

	if (!block) {
		form->failed = true;
		return NULL;
	}
	block->next = form->blocks;
	form->blocks = block;
	return block->bytes;
}

int64_t pprof_form_string(struct pprof_form *form, const char *text)
{
	const char *own = string_pool_add(form->pool, text ?: "");
	uint64_t *place;
	int r;

	if (!own || (r = map_add(&form->by_text, (uintptr_t)own, form->n_strings, &place)) < 0 ||
	    (r == 1 && GROW(form->strings, form->n_strings) < 0)) {
		form->failed = true;
		return 0;
	}
	if (r == 1)
		form->strings[form->n_strings++] = (char *)own;
	return (int64_t)*place;
}

uint64_t pprof_form_function(struct pprof_form *form, const char *name, const char *file)
{
	const int64_t name_index = pprof_form_string(form, name),
		      file_index = pprof_form_string(form, file);
	Pprof__Function *function;
	uint64_t *place;
	int r = map_add(&form->by_function, (uint64_t)name_index << 32 | (uint64_t)file_index,
			form->n_functions + 1, &place);

	if (r == 0)
		return *place;
	function = pprof_form_take(form, 1, sizeof(*function));
	if (r < 0 || !function || GROW(form->functions, form->n_functions) < 0) {
		form->failed = true;
		return 0;
	}
	pprof__function__init(function);
	function->id = form->n_functions + 1;
	function->name = function->system_name = name_index;
	function->filename = file_index;
	form->functions[form->n_functions++] = function;
	return function->id;
}

static int write_gzip(const uint8_t *bytes, size_t size, FILE *out)
{
	uint8_t chunk[16384];
	z_stream stream = {.next_in = (uint8_t *)bytes, .avail_in = (uInt)size};
	int r;

	if (size > UINT32_MAX)
		return -EFBIG;
	/* 16 more than the largest window asks zlib for a gzip header */
	if (deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	do {
		stream.next_out = chunk;
		stream.avail_out = sizeof(chunk);
		r = deflate(&stream, Z_FINISH);
		fwrite(chunk, 1, sizeof(chunk) - stream.avail_out, out);
	} while (r == Z_OK);
	deflateEnd(&stream);
	return r == Z_STREAM_END ? words_finish(out) : -EIO;
}

int pprof_form_write(struct pprof_form *form, FILE *out)
{
	_cleanup_free_ uint8_t *packed = NULL;
	size_t size;

	form->message.string_table = form->strings;
	form->message.n_string_table = form->n_strings;
	form->message.function = form->functions;
	form->message.n_function = form->n_functions;
	size = pprof__profile__get_packed_size(&form->message);
	packed = malloc(size ?: 1);
	if (!packed)
		return -ENOMEM;
	pprof__profile__pack(&form->message, packed);
	return write_gzip(packed, size, out);
}
