/* SPDX-License-Identifier: MIT */
/*
 * debuginfo.h: where the files are: a module's own, its separate debug file, the common part of several
 * debug files, the symbols that are packed into a stripped file.
 */
#ifndef SYMBOLIZE_DEBUGINFO_H
#define SYMBOLIZE_DEBUGINFO_H

#include <elfutils/libdw.h>
#include <sys/types.h>

#include "symbolize/debugserver.h"
#include "symbolize/elffile.h"

/* Where to look. */
struct debuginfo_places {
	const char *root;           /* in front of paths; "" for none */
	pid_t pid;                  /* 0: unknown */
	struct debugserver *server; /* NULL: none */
};

/*
 * The file that was mapped: at path, or elsewhere if it can be proved by the build ID to be the same. If
 * build_id is known, a file with another one is not taken. Returns 0 with *ret NULL if there is none,
 * and then *ret_why is a sentence that lives for ever.
 */
int debuginfo_open_module(const struct debuginfo_places *places, const char *path,
			  const struct build_id *build_id, struct elffile **ret,
			  const char **ret_why);

/*
 * The separate debug file, by build ID, then by the link in file (which may be NULL: then by build ID
 * only), then from a server. 0 with *ret NULL if there is none.
 */
int debuginfo_open_separate(const struct debuginfo_places *places, const struct elffile *file,
			    const struct build_id *build_id, struct elffile **ret);

/* The file that dwz moved common parts of several debug files to. 0 with *ret NULL if none is named or found. */
int debuginfo_open_alternate(const struct debuginfo_places *places, const struct elffile *file,
			     Dwarf *dwarf, struct elffile **ret);

/* The symbols in .gnu_debugdata. 0 with *ret NULL if there are none. */
int debuginfo_open_mini(const struct elffile *file, struct elffile **ret);

#endif
