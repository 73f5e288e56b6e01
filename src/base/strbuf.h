/* SPDX-License-Identifier: MIT */
/*
 * strbuf.h: text (or bytes) that grows at its end.
 *
 *	_cleanup_(strbuf_deinit) struct strbuf buffer = {};
 *	strbuf_addf(&buffer, "%s:%u", file, line);
 *	r = strbuf_steal(&buffer, &text);
 *
 * Running out of memory is remembered: additions after it do nothing, every one returns -ENOMEM, and so
 * does strbuf_steal, so that a caller may check once at the end.
 */
#ifndef BASE_STRBUF_H
#define BASE_STRBUF_H

#include <stdarg.h>
#include <stddef.h>

#include "base/macro.h"

struct strbuf {
	char *text;      /* zero terminated if not NULL; strbuf_text is never NULL */
	size_t length;   /* without the zero */
	size_t capacity; /* bytes at text; length < capacity if text is not NULL */
	int error;       /* 0 or the first error */
};

void strbuf_deinit(struct strbuf *buffer);
/* Empties it and forgets the error; the memory is kept for what comes. */
void strbuf_reset(struct strbuf *buffer);

/* Each returns 0 or -ENOMEM. */
int strbuf_add(struct strbuf *buffer, const void *bytes, size_t size);
int strbuf_adds(struct strbuf *buffer, const char *text);
int strbuf_addc(struct strbuf *buffer, char c);
int strbuf_add_repeated(struct strbuf *buffer, char c, size_t n);
int strbuf_addf(struct strbuf *buffer, const char *format, ...) _printf_(2, 3);
int strbuf_vaddf(struct strbuf *buffer, const char *format, va_list args) _printf_(2, 0);
/* Makes room for size more bytes, so that adding them cannot fail. */
int strbuf_reserve(struct strbuf *buffer, size_t size);

/* The text so far; lives until the next addition. */
const char *strbuf_text(const struct strbuf *buffer);

/* Hands the text to the caller, who frees it, and leaves the buffer empty. */
int strbuf_steal(struct strbuf *buffer, char **ret);

#endif
