/* SPDX-License-Identifier: MIT */
/*
 * words.h: what text is made of: colours that are there only if asked for, figures with their errors,
 * names that fit, lines that wrap. All adders return 0 or -ENOMEM, as strbuf's do.
 */
#ifndef RENDER_WORDS_H
#define RENDER_WORDS_H

#include <stdbool.h>
#include <stdio.h>

#include "base/strbuf.h"
#include "render/render.h"

enum words_style { WORDS_PLAIN, WORDS_STRONG, WORDS_DIM, WORDS_BAD, WORDS_GOOD };

/* Columns that text takes on a terminal: code points; wide characters count as one. */
size_t words_columns(const char *text);

int words_add_styled(struct strbuf *buffer, const struct render_options *options,
		     enum words_style style, const char *text);
/* Spaces up to column, or two if text is there already; line is where the line begins in buffer. */
int words_pad(struct strbuf *buffer, size_t line, size_t column);

/* "1.5 MiB", "1.5 MiB ± 12.0 KiB". */
int words_add_bytes(struct strbuf *buffer, const struct render_options *options, uint64_t bytes,
		    double error);
int words_add_count(struct strbuf *buffer, uint64_t n, const char *one, const char *many);
int words_add_duration(struct strbuf *buffer, const struct render_options *options, double seconds);
/* "1.5 MiB each second (1.4 MiB to 1.6 MiB)", by the hour if that is slow; signs are left off. */
int words_add_rate(struct strbuf *buffer, double per_s, double low, double high);
/* "94.0 %"; nothing if there is no whole. */
int words_add_share(struct strbuf *buffer, uint64_t part, uint64_t whole);

/* A demangled name in at most columns: template arguments go first, then parameters, then the rest. */
int words_add_name(struct strbuf *buffer, const struct render_options *options, const char *name,
		   size_t columns);

/*
 * A paragraph: the first line goes on where the line (that begins at line in buffer) stands, the others
 * begin at column indent, breaks at spaces. Ends the line.
 */
int words_add_paragraph(struct strbuf *buffer, const struct render_options *options, size_t line,
			size_t indent, const char *text);

/* Flushes: 0, or the stream's error as -errno. */
int words_finish(FILE *out);

/* The command line as a shell would take it. */
int words_add_command(struct strbuf *buffer, char *const *arguments);

#endif
