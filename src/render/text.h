/* SPDX-License-Identifier: MIT */
/*
 * text.h: the parts of the report for people; render_text puts them together. Parts add to a buffer, so
 * that a test can have one alone, and return 0 or a negative errno.
 */
#ifndef RENDER_TEXT_H
#define RENDER_TEXT_H

#include "base/strbuf.h"
#include "profile/ledger.h"
#include "profile/verdict.h"
#include "render/view.h"

/* "leaky (pid 4711), exited with status 0 after 13 s", without a line end. */
int text_add_process(struct strbuf *buffer, const struct profile *profile,
		     const struct render_options *options);
/* Label and lines behind it, as all parts of the first screen have. */
int text_add_item(struct strbuf *buffer, const struct render_options *options, const char *label,
		  const char *text);

/* The verdict and what to do. */
int text_add_verdict(struct strbuf *buffer, const struct render_options *options,
		     const struct verdict *verdict);

/* What is known of the Java machine, and an empty line behind it; nothing if it is none. ledger may be NULL. */
int text_add_java(struct strbuf *buffer, const struct profile *profile,
		  const struct render_options *options, const struct ledger *ledger);
/* Its own account of its memory, and what is outside of that; nothing if it keeps none. */
int text_add_tracking(struct strbuf *buffer, const struct profile *profile,
		      const struct render_options *options, const struct ledger *ledger);

/* How frames that have no names would get some. */
int text_add_hints(struct strbuf *buffer, const struct profile *profile,
		   const struct render_options *options);

/* How the figures were recorded, how far they can be trusted, and what recording took. */
int text_add_recording(struct strbuf *buffer, const struct profile *profile,
		       const struct render_options *options);

/* How it went over time; a line that says who keeps that if only the agent recorded. */
int text_add_course(struct strbuf *buffer, const struct profile *profile,
		    const struct render_options *options);

/* The ranked sites with their stacks. */
int text_add_sites(struct strbuf *buffer, const struct profile *profile,
		   const struct render_options *options, const struct view *view);

/* A site's stack, innermost call first, a line a frame. */
int text_add_stack(struct strbuf *buffer, const struct profile *profile,
		   const struct render_options *options, const struct profile_site *site);

#endif
