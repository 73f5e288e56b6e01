/* SPDX-License-Identifier: MIT */
/*
 * demangle.c: libiberty's demanglers, with a bound.
 *
 * Mangled names abbreviate: "the type that stood there" is two letters. A hostile name of a hundred
 * bytes can so stand for more text than there is memory, and libiberty bounds its recursion but not its
 * output. So the callback forms of its demanglers are used, which hand out the text piece by piece
 * without keeping it, and a name that has become too long is left by a jump. The C++ demangler in this
 * form works on its stack only, so that nothing is lost by that; the Rust one may lose one small buffer.
 *
 * Rust comes first: its older mangling is valid C++ too, with a hash at the end that says nothing.
 */
#include "symbolize/demangle.h"

#include <errno.h>
#include <libiberty/demangle.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

/* libiberty's own, and the same */
#undef ARRAY_SIZE
#include "base/strbuf.h"

/* What the compiler was told to call a function is longer than anybody reads. */
enum { DEMANGLE_MAX_INPUT = 32 << 10, DEMANGLE_MAX_OUTPUT = 64 << 10 };

struct sink {
	struct strbuf text;
	jmp_buf too_long;
};

typedef int (*demangler_fn)(const char *name, int options, demangle_callbackref callback,
			    void *opaque);

static void sink_deinit(struct sink *sink)
{
	strbuf_deinit(&sink->text);
}

static void sink_add(const char *piece, size_t length, void *opaque)
{
	struct sink *sink = opaque;

	if (sink->text.length + length > DEMANGLE_MAX_OUTPUT)
		longjmp(sink->too_long, 1);
	/* an error is kept by the buffer */
	(void)strbuf_add(&sink->text, piece, length);
}

/* What demangle returns, by one demangler. */
static int demangle_by(demangler_fn demangler, const char *name, struct sink *sink, char **ret)
{
	int r;

	strbuf_reset(&sink->text);
	if (setjmp(sink->too_long))
		return 0;
	if (!demangler(name, DMGL_PARAMS | DMGL_ANSI, sink_add, sink))
		return 0;
	r = strbuf_steal(&sink->text, ret);
	return r < 0 ? r : 1;
}

static int demangle_d(const char *name, char **ret)
{
	char *text = dlang_demangle(name, 0);

	if (!text)
		return 0;
	*ret = text;
	return 1;
}

bool demangle_is_mangled(const char *name)
{
	if (name[0] != '_')
		return false;
	/* C++ and older Rust; clang's blocks; Rust v0; D */
	return (name[1] == 'Z') || strncmp(name, "___Z", 4) == 0 || name[1] == 'R' ||
	       name[1] == 'D';
}

int demangle(const char *name, char **ret)
{
	_cleanup_(sink_deinit) struct sink sink = {};
	int r;

	if (!demangle_is_mangled(name) || strnlen(name, DEMANGLE_MAX_INPUT) == DEMANGLE_MAX_INPUT)
		return 0;
	if (name[1] == 'D')
		return demangle_d(name, ret);
	r = demangle_by(rust_demangle_callback, name, &sink, ret);
	if (r == 0 && name[1] != 'R')
		r = demangle_by(cplus_demangle_v3_callback, name, &sink, ret);
	return r;
}

void demangler_deinit(struct demangler *demangler)
{
	map_deinit(&demangler->names);
}

int demangler_get(struct demangler *demangler, struct string_pool *pool, const char *name,
		  const char **ret_text)
{
	_cleanup_free_ char *text = NULL;
	const char *pooled = NULL;
	uint64_t *place;
	int r;

	*ret_text = NULL;
	if (!demangle_is_mangled(name))
		return 0;
	place = map_find(&demangler->names, (uintptr_t)name);
	if (place) {
		*ret_text = (const char *)(uintptr_t)*place;
		return 0;
	}
	r = demangle(name, &text);
	if (r < 0)
		return r;
	if (r > 0) {
		pooled = string_pool_add(pool, text);
		if (!pooled)
			return -ENOMEM;
	}
	r = map_set(&demangler->names, (uintptr_t)name, (uintptr_t)pooled);
	if (r < 0)
		return r;
	*ret_text = pooled;
	return 0;
}
