/* SPDX-License-Identifier: MIT */
/*
 * rtti.h: which C++ class an object is of, from the first word of it: in programs that were stripped, too,
 * since the names stand where the language needs them (the Itanium C++ ABI, "RTTI Layout").
 */
#ifndef PROCESS_RTTI_H
#define PROCESS_RTTI_H

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "process/imagereader.h"

struct rtti {
	struct imagereader *reader; /* the caller's */
	struct map classes;         /* address point of a table: name, or NULL if it is none */
	struct map families;        /* the same of the tables of type_info's own classes */
	struct string_pool *pool;
};

/* reader has to outlive it. 0 or -ENOMEM. */
int rtti_init(struct rtti *rtti, struct imagereader *reader);
void rtti_deinit(struct rtti *rtti);

/*
 * The mangled name of the class ("N3foo3BarE") if word is what the first word of an object of it is; the
 * same pointer for the same class, for as long as the rtti lives. NULL in ret if it is not. 0 or -ENOMEM.
 */
int rtti_find(struct rtti *rtti, uint64_t word, const char **ret);

#endif
