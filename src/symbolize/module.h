/* SPDX-License-Identifier: MIT */
/*
 * module.h: one program or library with all that is known of it: its file, its separate debug file, its
 * symbols, its debug information. Opened when the first address is asked for.
 */
#ifndef SYMBOLIZE_MODULE_H
#define SYMBOLIZE_MODULE_H

#include "symbolize/answers.h"
#include "symbolize/debuginfo.h"
#include "symbolize/demangle.h"
#include "symbolize/dwarf-scope.h"
#include "symbolize/dwarf-unit.h"
#include "symbolize/source-path.h"
#include "symbolize/symbolizer.h"

struct module;

/* What all modules of a symbolizer share. */
struct module_context {
	struct debuginfo_places places;
	struct demangler demangler;
	struct source_paths paths;
	struct dwarf_scopes scopes;
	struct answers answers;
	struct string_pool *pool;
};

/* build_id may be of size 0. */
int module_new(const char *path, const struct build_id *build_id, struct module **ret);
struct module *module_free(struct module *module);
DEFINE_CLEANUP(struct module *, module_free)

bool module_is(const struct module *module, const char *path, const struct build_id *build_id);

/*
 * What stands at address, which is one of the file: the number of the innermost frame in the context's answers,
 * and the offset of address in its function. The strings live as long as the module and the context's pool.
 * 0 or -ENOMEM.
 */
int module_resolve(struct module *module, struct module_context *context, uint64_t address,
		   uint32_t *ret_frame, uint64_t *ret_offset);
/* The context's answers are dropped: their numbers mean nothing any more. */
void module_forget(struct module *module);

#endif
