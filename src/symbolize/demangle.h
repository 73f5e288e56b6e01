/* SPDX-License-Identifier: MIT */
/*
 * demangle.h: names as the linker knows them to names as people wrote them: C++, Rust (both manglings)
 * and D.
 */
#ifndef SYMBOLIZE_DEMANGLE_H
#define SYMBOLIZE_DEMANGLE_H

#include "base/map.h"

/* Whether name has the look of a mangled one; demangle may still refuse it. Cheap. */
bool demangle_is_mangled(const char *name);

/*
 * Returns 1 and the readable name, which the caller frees; 0 if name is none that is understood, or if
 * what it stands for is absurdly long; -ENOMEM.
 */
int demangle(const char *name, char **ret);

/* Remembers what was asked. Zeroed is empty. */
struct demangler {
	struct map names; /* of names by their address, which must not be reused meanwhile */
};

/* The names stay in the pool that gave them out. */
void demangler_deinit(struct demangler *demangler);

/*
 * The readable name of a name that lives as long as the demangler, from pool; NULL in *ret_text if there
 * is none. 0 or -ENOMEM.
 */
int demangler_get(struct demangler *demangler, struct string_pool *pool, const char *name,
		  const char **ret_text);

#endif
