/* SPDX-License-Identifier: MIT */
/*
 * label.h: what a frame, a place and a site are called in a sentence. Nothing that comes from the process
 * is trusted: control characters in names become "?".
 */
#ifndef PROFILE_LABEL_H
#define PROFILE_LABEL_H

#include <stdbool.h>

#include "base/strbuf.h"
#include "profile/profile.h"

/* Adds text with its control characters replaced. */
int label_add_clean(struct strbuf *buffer, const char *text);

/* What stands behind the last slash. */
const char *label_base_name(const char *path);
/* The last two parts of an absolute path, a relative one as it is: enough to find the file by. */
const char *label_path_tail(const char *path);

/*
 * The function's name; "module+0x1234" where it has none, the offset being that of the call in the
 * file, as addr2line takes it; "0x7f…" where there is no module. Each adds to buffer, 0 or -ENOMEM.
 */
int label_function(const struct profile *profile, const struct profile_location *location,
		   const struct profile_frame *frame, struct strbuf *buffer);
/*
 * The same as people speak of it: without the standard library's default template arguments, parameters,
 * and what it returns, none of which are needed beside a place.
 */
int label_short_function(const struct profile *profile, const struct profile_location *location,
			 const struct profile_frame *frame, struct strbuf *buffer);
/* "src/list.c:42"; else the module's name; else why there is none. */
int label_place(const struct profile *profile, const struct profile_location *location,
		const struct profile_frame *frame, struct strbuf *buffer);

/*
 * Who allocated, in a few words: "make_node (src/list.c:42)". Where that is not the program's own code, or
 * has no line, or is a wrapper like xmalloc, it is what the nearest own code called, and that code:
 * "strdup for parse_line (src/config.c:88)", "std::vector<int>::resize for fill (src/fill.cc:9)".
 */
int label_site(const struct profile *profile, const struct profile_site *site,
	       struct strbuf *buffer);

/* The call that label_site names as the place; NULL if the stack is empty. */
const struct profile_frame *label_site_frame(const struct profile *profile,
					     const struct profile_site *site);

/* Whether a function is what starts programs and threads, which says nothing about anybody. */
bool label_is_start(const char *function);

#endif
