/* SPDX-License-Identifier: MIT */
/*
 * strbuf.c: text that grows at its end.
 *
 * The memory doubles, so that n additions cost O(n). There is always room for the terminating zero, and
 * it is always there: between two calls text[length] == 0 and length < capacity, or text is NULL and
 * length and capacity are 0.
 */
#include "base/strbuf.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STRBUF_FIRST = 64 };

void strbuf_deinit(struct strbuf *buffer)
{
	free(buffer->text);
	*buffer = (struct strbuf){0};
}

void strbuf_reset(struct strbuf *buffer)
{
	buffer->length = 0;
	buffer->error = 0;
	if (buffer->text)
		buffer->text[0] = '\0';
}

int strbuf_reserve(struct strbuf *buffer, size_t size)
{
	size_t needed, capacity = buffer->capacity ? buffer->capacity : STRBUF_FIRST;
	char *text;

	if (buffer->error)
		return buffer->error;
	if (__builtin_add_overflow(buffer->length, size, &needed) || needed >= SIZE_MAX / 2)
		return buffer->error = -ENOMEM;
	needed++;
	if (needed <= buffer->capacity)
		return 0;
	while (capacity < needed)
		capacity *= 2;
	text = realloc(buffer->text, capacity);
	if (!text)
		return buffer->error = -ENOMEM;
	buffer->text = text;
	buffer->capacity = capacity;
	buffer->text[buffer->length] = '\0';
	return 0;
}

int strbuf_add(struct strbuf *buffer, const void *bytes, size_t size)
{
	int r = strbuf_reserve(buffer, size);

	if (r < 0 || !size)
		return r;
	memcpy(buffer->text + buffer->length, bytes, size);
	buffer->length += size;
	buffer->text[buffer->length] = '\0';
	return 0;
}

int strbuf_adds(struct strbuf *buffer, const char *text)
{
	return strbuf_add(buffer, text, strlen(text));
}

int strbuf_addc(struct strbuf *buffer, char c)
{
	return strbuf_add(buffer, &c, 1);
}

int strbuf_add_repeated(struct strbuf *buffer, char c, size_t n)
{
	int r = strbuf_reserve(buffer, n);

	if (r < 0)
		return r;
	memset(buffer->text + buffer->length, c, n);
	buffer->length += n;
	buffer->text[buffer->length] = '\0';
	return 0;
}

int strbuf_vaddf(struct strbuf *buffer, const char *format, va_list args)
{
	va_list again;
	int n, r;

	if (buffer->error)
		return buffer->error;
	va_copy(again, args);
	n = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (n < 0)
		return buffer->error = -errno;
	r = strbuf_reserve(buffer, (size_t)n);
	if (r < 0)
		return r;
	vsnprintf(buffer->text + buffer->length, (size_t)n + 1, format, args);
	buffer->length += (size_t)n;
	return 0;
}

int strbuf_addf(struct strbuf *buffer, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = strbuf_vaddf(buffer, format, args);
	va_end(args);
	return r;
}

const char *strbuf_text(const struct strbuf *buffer)
{
	return buffer->text ? buffer->text : "";
}

int strbuf_steal(struct strbuf *buffer, char **ret)
{
	int r = strbuf_reserve(buffer, 0);

	if (r < 0)
		return r;
	*ret = buffer->text;
	*buffer = (struct strbuf){0};
	return 0;
}
