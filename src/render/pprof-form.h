/* SPDX-License-Identifier: MIT */
/*
 * pprof-form.h: pprof's message as it is put together: memory for its parts, its tables of strings and
 * functions, and the gzipped bytes in the end. What stands in it is pprof.c's.
 */
#ifndef RENDER_PPROF_FORM_H
#define RENDER_PPROF_FORM_H

#include <stdbool.h>
#include <stdio.h>

#include "base/map.h"
#include "render/pprof.pb-c.h"

struct pprof_block;

struct pprof_form {
	Pprof__Profile message;
	struct pprof_block *blocks; /* all that the message points to, but the tables below */
	struct string_pool *pool;
	struct map by_text; /* pointer in pool: index in strings */
	char **strings;
	size_t n_strings;
	Pprof__Function **functions;
	struct map by_function; /* name's index << 32 | file's index: number of the function */
	size_t n_functions;
	bool failed; /* no memory, once and for all: whoever takes need not look each time */
};

/* On failure, too, it may be deinited. */
int pprof_form_init(struct pprof_form *form);
void pprof_form_deinit(struct pprof_form *form);

/* Zeroed memory that lives as long as the form; NULL sets failed. */
void *pprof_form_take(struct pprof_form *form, size_t n, size_t size);

/* The number of a text; NULL is the empty one. 0 if there is no memory, and failed is set. */
int64_t pprof_form_string(struct pprof_form *form, const char *text);
/* The number of a function, which is made if there is none of that name and file. */
uint64_t pprof_form_function(struct pprof_form *form, const char *name, const char *file);

/* The message, packed and gzipped. -ENOMEM, -EFBIG, -EIO or the stream's error. */
int pprof_form_write(struct pprof_form *form, FILE *out);

#endif
