/* SPDX-License-Identifier: MIT */
/*
 * Width is counted in code points. Names in wide scripts come out ragged by that, and nothing else.
 */
#include "render/words.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "base/units.h"
#include "profile/estimate.h"

/* Bytes a second; below, a rate is said by the hour. */
static const double SLOW_RATE = 64 << 10;

static const char *const styles[] = {
	[WORDS_STRONG] = "1",
	[WORDS_DIM] = "2",
	[WORDS_BAD] = "1;31",
	[WORDS_GOOD] = "1;32",
};

size_t words_columns(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

int words_add_styled(struct strbuf *buffer, const struct render_options *options,
		     enum words_style style, const char *text)
{
	if (!options->colour || style == WORDS_PLAIN)
		return strbuf_adds(buffer, text);
	return strbuf_addf(buffer, "\033[%sm%s\033[0m", styles[style], text);
}

/* As words_columns, of a line that may have colours in it. */
static size_t line_columns(const char *line)
{
	size_t n = 0;

	for (; *line; line++) {
		if (*line == '\033') {
			while (*line && *line != 'm')
				line++;
			if (!*line)
				break;
			continue;
		}
		n += ((unsigned char)*line & 0xc0) != 0x80;
	}
	return n;
}

int words_pad(struct strbuf *buffer, size_t line, size_t column)
{
	size_t at = line_columns(strbuf_text(buffer) + line);

	return strbuf_add_repeated(buffer, ' ', at < column ? column - at : 2);
}

/* What units.h writes has one letter that is not ASCII. */
static int add_units(struct strbuf *buffer, const struct render_options *options, const char *text)
{
	const char *micro = strstr(text, "µ");

	if (!micro || options->utf8)
		return strbuf_adds(buffer, text);
	strbuf_add(buffer, text, (size_t)(micro - text));
	strbuf_addc(buffer, 'u');
	return strbuf_adds(buffer, micro + strlen("µ"));
}

int words_add_bytes(struct strbuf *buffer, const struct render_options *options, uint64_t bytes,
		    double error)
{
	char text[UNITS_MAX];

	strbuf_adds(buffer, units_format_bytes(bytes, text));
	if (error < 0.5)
		return buffer->error;
	strbuf_adds(buffer, options->utf8 ? " ± " : " +- ");
	return strbuf_adds(
		buffer,
		units_format_bytes(error < 9e18 ? (uint64_t)(error + 0.5) : INT64_MAX, text));
}

int words_add_count(struct strbuf *buffer, uint64_t n, const char *one, const char *many)
{
	char text[UNITS_MAX];

	return strbuf_addf(buffer, "%s %s", units_format_count(n, text), n == 1 ? one : many);
}

int words_add_duration(struct strbuf *buffer, const struct render_options *options, double seconds)
{
	char text[UNITS_MAX];

	return add_units(buffer, options, units_format_duration(seconds, text));
}

int words_add_rate(struct strbuf *buffer, double per_s, double low, double high)
{
	const bool slow = fabs(per_s) < SLOW_RATE;
	const double unit = slow ? 3600 : 1;
	char text[UNITS_MAX], from[UNITS_MAX], to[UNITS_MAX];

	if (per_s < 0) {
		const double most = low;

		per_s = -per_s;
		low = -high;
		high = -most;
	}
	units_format_bytes(estimate_round(per_s * unit), text);
	units_format_bytes(estimate_round(MAX(low, 0.0) * unit), from);
	units_format_bytes(estimate_round(MAX(high, 0.0) * unit), to);
	strbuf_addf(buffer, "%s each %s", text, slow ? "hour" : "second");
	if (strcmp(from, to) == 0)
		return buffer->error;
	return strbuf_addf(buffer, " (%s to %s)", from, to);
}

int words_add_share(struct strbuf *buffer, uint64_t part, uint64_t whole)
{
	if (whole == 0)
		return buffer->error;
	return strbuf_addf(buffer, "%.1f %%", 100.0 * (double)part / (double)whole);
}

static const char *ellipsis(const struct render_options *options)
{
	return options->utf8 ? "…" : "...";
}

/* Whether the bracket at p belongs to the name of an operator: operator<<, operator->, operator(). */
static bool is_operator(const char *name, const char *p)
{
	while (p > name && strchr("<>=-", p[-1]))
		p--;
	return p - name >= 8 && strncmp(p - 8, "operator", 8) == 0;
}

/* Bytes from the open bracket at p on that stay: "(anonymous namespace)" is a name, "()" has nothing in it. */
static size_t kept_length(const char *p, char close)
{
	const char *end = strchr(p, close);

	if (p[1] != close && strncmp(p, "(anonymous", 10) != 0)
		return 0;
	return end ? (size_t)(end - p) + 1 : strlen(p);
}

/* Takes out what stands between the outermost open and close. */
static int add_without(struct strbuf *buffer, const char *name, char open, char close,
		       const char *dots)
{
	unsigned depth = 0;

	for (const char *p = name; *p; p++) {
		const bool is_bracket = (*p == open || *p == close) && !is_operator(name, p);
		const size_t kept =
			is_bracket && *p == open && depth == 0 ? kept_length(p, close) : 0;

		if (kept > 0) {
			strbuf_add(buffer, p, kept);
			p += kept - 1;
			continue;
		}
		if (is_bracket && *p == open && depth++ == 0)
			strbuf_addf(buffer, "%c%s", open, dots);
		else if (is_bracket && *p == close && depth > 0)
			depth--;
		if (depth == 0)
			strbuf_addc(buffer, *p);
	}
	return buffer->error;
}

int words_add_name(struct strbuf *buffer, const struct render_options *options, const char *name,
		   size_t columns)
{
	_cleanup_(strbuf_deinit) struct strbuf plain = {}, plainer = {};

	if (words_columns(name) <= columns)
		return strbuf_adds(buffer, name);
	if (add_without(&plain, name, '<', '>', ellipsis(options)) < 0)
		return plain.error;
	if (words_columns(strbuf_text(&plain)) <= columns)
		return strbuf_adds(buffer, strbuf_text(&plain));
	if (add_without(&plainer, strbuf_text(&plain), '(', ')', ellipsis(options)) < 0)
		return plainer.error;
	const char *text = strbuf_text(&plainer);
	size_t room = words_columns(ellipsis(options)), n = 0;

	if (words_columns(text) <= columns || columns <= room)
		return strbuf_adds(buffer, text);
	for (; *text; text++) {
		n += ((unsigned char)*text & 0xc0) != 0x80;
		if (n > columns - room)
			break;
		strbuf_addc(buffer, *text);
	}
	return strbuf_adds(buffer, ellipsis(options));
}

int words_add_paragraph(struct strbuf *buffer, const struct render_options *options, size_t line,
			size_t indent, const char *text)
{
	size_t at = line_columns(strbuf_text(buffer) + line);
	/* narrower than this, words would stand one below the other */
	size_t width = options->width ? MAX(options->width, indent + 30) : SIZE_MAX;

	for (bool first = true; *text; first = false) {
		size_t length = strcspn(text, " ");
		_cleanup_free_ char *word = strndup(text, length);

		if (!word)
			return -ENOMEM;
		size_t columns = words_columns(word);
		if (!first && at + 1 + columns > width) {
			strbuf_addc(buffer, '\n');
			strbuf_add_repeated(buffer, ' ', indent);
			at = indent;
		} else if (!first) {
			strbuf_addc(buffer, ' ');
			at++;
		}
		strbuf_adds(buffer, word);
		at += columns;
		text += length;
		text += strspn(text, " ");
	}
	return strbuf_addc(buffer, '\n');
}

int words_finish(FILE *out)
{
	errno = 0;
	if (fflush(out) == 0 && !ferror(out))
		return 0;
	return errno ? -errno : -EIO;
}

static bool is_plain_word(const char *text)
{
	return *text && text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					  "0123456789_-+=./,:@%")] == '\0';
}

int words_add_command(struct strbuf *buffer, char *const *arguments)
{
	size_t n = 0;

	while (arguments[n])
		n++;
	/* a server that writes its title over its arguments leaves empty ones behind it */
	while (n > 1 && !arguments[n - 1][0])
		n--;
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			strbuf_addc(buffer, ' ');
		if (is_plain_word(arguments[i])) {
			strbuf_adds(buffer, arguments[i]);
			continue;
		}
		strbuf_addc(buffer, '\'');
		for (const char *p = arguments[i]; *p; p++) {
			if (*p == '\'')
				strbuf_adds(buffer, "'\\''");
			else
				strbuf_addc(buffer,
					    (unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p);
		}
		strbuf_addc(buffer, '\'');
	}
	return buffer->error;
}
