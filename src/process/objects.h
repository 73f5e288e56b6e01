/* SPDX-License-Identifier: MIT */
/*
 * objects.h: how many objects of which class are on the heap: each block that is in use is asked, by its
 * first words, of what class the object in it is.
 */
#ifndef PROCESS_OBJECTS_H
#define PROCESS_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "process/arenas.h"
#include "process/imagereader.h"
#include "process/pytypes.h"
#include "process/rtti.h"
#include "process/window.h"

enum objects_kind { OBJECTS_CXX, OBJECTS_CXX_ARRAY, OBJECTS_PYTHON };

struct objects_class {
	const char *name; /* as the runtime has it: mangled, for C++ */
	enum objects_kind kind;
	uint64_t blocks, bytes; /* blocks with their rounding */
	uint64_t largest;       /* bytes */
};

/* in_use = known + unknown + absent, in blocks and in bytes */
struct objects {
	struct window window;
	struct imagereader reader;
	struct rtti rtti;
	struct pytypes pytypes;
	struct map by_name[3]; /* of each kind: name: index in classes */
	struct objects_class *classes;
	size_t n_classes;
	uint64_t in_use_blocks, in_use_bytes;
	uint64_t known_blocks, known_bytes;
	uint64_t absent_blocks, absent_bytes; /* their first words are not resident */
	uint64_t free_bytes;
};

/* The space has to outlive it. -ENOMEM. */
int objects_init(struct objects *objects, const struct space *space);
void objects_deinit(struct objects *objects);

/* An arenas_visit; userdata is the struct objects. */
int objects_add(const struct arenas_block *block, void *objects);
enum objects_order { OBJECTS_BY_BYTES, OBJECTS_BY_BLOCKS };
/* When all were added: puts the classes in order, the most first. */
void objects_rank(struct objects *objects, enum objects_order order);

#endif
