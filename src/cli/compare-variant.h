/* SPDX-License-Identifier: MIT */
/*
 * compare-variant.h: what `compare` runs a program under: an allocator, and settings of it, as they stand
 * in --with=glibc,fast,glibc:MALLOC_ARENA_MAX=2,jemalloc:MALLOC_CONF=dirty_decay_ms:0,muzzy_decay_ms:0.
 */
#ifndef CLI_COMPARE_VARIANT_H
#define CLI_COMPARE_VARIANT_H

#include <stddef.h>

#include "base/strbuf.h"

struct variant {
	char *name;        /* as it was given */
	char *preload;     /* path of a library; NULL: the program as it is */
	char **settings;   /* NAME=VALUE, NULL terminated; never NULL */
	size_t n_settings; /* with the NULL */
};

struct variants {
	struct variant *list;
	size_t n;
};

/*
 * list is separated by commas; NULL: glibc, memtrace's own, and what is installed of jemalloc, tcmalloc and
 * mimalloc. On failure -EINVAL, -ENOENT (and others of the file system) and the line in error; -ENOMEM.
 */
int variants_init(struct variants *variants, const char *list, struct strbuf *error);
void variants_deinit(struct variants *variants);

/* The environment with what the variant wants added, NULL terminated; the caller frees it whole. */
int variant_environment(const struct variant *variant, char *const *environment, char ***ret);

#endif
