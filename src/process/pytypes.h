/* SPDX-License-Identifier: MIT */
/*
 * pytypes.h: of which Python type an object of CPython is, from its first words.
 */
#ifndef PROCESS_PYTYPES_H
#define PROCESS_PYTYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "process/imagereader.h"

struct pytypes {
	const struct space *space;
	struct imagereader *reader; /* the caller's */
	bool is_python;             /* CPython is mapped */
	struct map types;           /* address of a type: name, or NULL if it is none */
	struct string_pool *pool;
};

/* space and reader have to outlive it. 0 or -ENOMEM. */
int pytypes_init(struct pytypes *pytypes, const struct space *space, struct imagereader *reader);
void pytypes_deinit(struct pytypes *pytypes);

/*
 * words are the n first ones of a block. NULL in ret if it is no object of Python, or if the process is
 * none of CPython; the same pointer for the same name. 0 or -ENOMEM.
 */
int pytypes_find(struct pytypes *pytypes, const uint64_t *words, size_t n, const char **ret);

#endif
