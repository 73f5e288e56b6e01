/* SPDX-License-Identifier: MIT */
/*
 * objects.c: see the header.
 *
 * What a block holds is told by its first words. A C++ object with virtual functions begins with the
 * pointer to its table. An array of such objects, if they have destructors, begins with their number, and
 * the first object follows. Nothing is guessed: a block that says nothing is counted as such.
 */
#include "process/objects.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/macro.h"

enum { WORDS = 4 };

int objects_init(struct objects *objects, const struct space *space)
{
	int r;

	*objects = (struct objects){0};
	imagereader_init(&objects->reader, space);
	r = window_init(&objects->window, space->memory);
	if (r == 0)
		r = rtti_init(&objects->rtti, &objects->reader);
	if (r == 0)
		r = pytypes_init(&objects->pytypes, space, &objects->reader);
	if (r < 0)
		objects_deinit(objects);
	return r;
}

void objects_deinit(struct objects *objects)
{
	for (size_t i = 0; i < ARRAY_SIZE(objects->by_name); i++)
		map_deinit(&objects->by_name[i]);
	pytypes_deinit(&objects->pytypes);
	rtti_deinit(&objects->rtti);
	imagereader_deinit(&objects->reader);
	window_deinit(&objects->window);
	free(objects->classes);
	*objects = (struct objects){0};
}

static struct objects_class *get_class(struct objects *objects, enum objects_kind kind,
				       const char *name)
{
	uint64_t *place;
	int r = map_add(&objects->by_name[kind], (uintptr_t)name, objects->n_classes, &place);

	if (r < 0)
		return NULL;
	if (r == 0)
		return &objects->classes[*place];
	if (GROW(objects->classes, objects->n_classes) < 0) {
		map_remove(&objects->by_name[kind], (uintptr_t)name);
		return NULL;
	}
	objects->classes[objects->n_classes] = (struct objects_class){.name = name, .kind = kind};
	return &objects->classes[objects->n_classes++];
}

/* Of what class the object is that begins with these words; NULL in ret_name: none that is known. */
static int classify(struct objects *objects, const uint64_t *words, size_t n, uint64_t size,
		    enum objects_kind *ret_kind, const char **ret_name)
{
	int r;

	*ret_kind = OBJECTS_CXX;
	r = rtti_find(&objects->rtti, words[0], ret_name);
	if (r < 0 || *ret_name)
		return r;
	/* each object of an array has at least the pointer to its table */
	if (n > 1 && words[0] && words[0] <= (size - sizeof(*words)) / sizeof(*words)) {
		*ret_kind = OBJECTS_CXX_ARRAY;
		r = rtti_find(&objects->rtti, words[1], ret_name);
		if (r < 0 || *ret_name)
			return r;
	}
	*ret_kind = OBJECTS_PYTHON;
	return pytypes_find(&objects->pytypes, words, n, ret_name);
}

int objects_add(const struct arenas_block *block, void *userdata)
{
	struct objects *objects = userdata;
	struct objects_class *class;
	enum objects_kind kind;
	uint64_t words[WORDS];
	const char *name;
	const void *bytes;
	size_t size;
	int r;

	if (block->state != ARENAS_IN_USE) {
		objects->free_bytes += block->size;
		return 0;
	}
	objects->in_use_blocks++;
	objects->in_use_bytes += block->size;
	if (block->size < sizeof(*words))
		return 0;
	r = window_get_some(&objects->window, block->address, MIN(block->size, sizeof(words)),
			    &bytes, &size);
	if (r < 0)
		return r;
	if (size < sizeof(*words)) {
		objects->absent_blocks++;
		objects->absent_bytes += block->size;
		return 0;
	}
	memcpy(words, bytes, size);
	r = classify(objects, words, size / sizeof(*words), block->size, &kind, &name);
	if (r < 0 || !name)
		return r;
	class = get_class(objects, kind, name);
	if (!class)
		return -ENOMEM;
	class->blocks++;
	class->bytes += block->size;
	class->largest = MAX(class->largest, block->size);
	objects->known_blocks++;
	objects->known_bytes += block->size;
	return 0;
}

static int compare_classes(const void *a, const void *b, void *order)
{
	const struct objects_class *x = a, *y = b;

	if (*(enum objects_order *)order == OBJECTS_BY_BLOCKS && x->blocks != y->blocks)
		return x->blocks < y->blocks ? 1 : -1;
	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	if (x->blocks != y->blocks)
		return x->blocks < y->blocks ? 1 : -1;
	return strcmp(x->name, y->name);
}

void objects_rank(struct objects *objects, enum objects_order order)
{
	/* the indices by name are of no use from here on */
	for (size_t i = 0; i < ARRAY_SIZE(objects->by_name); i++)
		map_deinit(&objects->by_name[i]);
	if (objects->n_classes)
		qsort_r(objects->classes, objects->n_classes, sizeof(*objects->classes),
			compare_classes, &order);
}
