/* SPDX-License-Identifier: MIT */
/*
 * dwarf-scope.h: what is written in front of a function's name: its namespaces and classes. For the
 * functions without a linkage name, which would tell it.
 */
#ifndef SYMBOLIZE_DWARF_SCOPE_H
#define SYMBOLIZE_DWARF_SCOPE_H

#include <elfutils/libdw.h>

#include "base/map.h"

/* Remembers the scopes, not what was asked. Zeroed is empty. */
struct dwarf_scopes {
	struct map units; /* of the first entry of a unit, by address, to its scopes */
};

void dwarf_scopes_deinit(struct dwarf_scopes *scopes);

/*
 * The name of a function, with its scopes: "shop::Basket::total", from pool. declaration is the entry where it
 * was declared first, since only that stands in its scope. The first question in a unit walks all of it. 0 or
 * -ENOMEM.
 */
int dwarf_scopes_get(struct dwarf_scopes *scopes, struct string_pool *pool,
		     const Dwarf_Die *declaration, const char *name, const char **ret);

#endif
