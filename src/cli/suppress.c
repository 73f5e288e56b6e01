/* SPDX-License-Identifier: MIT */
/*
 * suppress.c: see the header. Matching is the usual walk over a glob with one place to go back to, so
 * that no pattern takes longer than the product of both lengths.
 */
#include "cli/suppress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "profile/label.h"
#include "region/abi.h"

enum { FILE_MAX = 1024 * 1024 };

/* Whether name, or with open_end a beginning of it, matches pattern[0..length). */
static bool glob(const char *pattern, size_t length, bool open_end, const char *name)
{
	const char *end = pattern + length, *star = NULL, *back = NULL;

	for (;;) {
		if (pattern == end && (open_end || !*name))
			return true;
		if (pattern < end && *pattern == '*') {
			star = pattern++;
			back = name;
		} else if (pattern < end && *name && *pattern == *name) {
			pattern++;
			name++;
		} else if (star && *back) {
			pattern = star + 1;
			name = ++back;
		} else {
			return false;
		}
	}
}

bool suppress_matches(const char *pattern, const char *name)
{
	size_t length = strlen(pattern);
	bool at_start = length > 0 && pattern[0] == '^', at_end;

	pattern += at_start;
	length -= at_start;
	at_end = length > 0 && pattern[length - 1] == '$';
	length -= at_end;
	do
		if (glob(pattern, length, !at_end, name))
			return true;
	while (!at_start && *name++);
	return false;
}

static int complain(struct strbuf *error, unsigned line, const char *text)
{
	strbuf_addf(error, "line %u: \"%.60s\" is no suppression; write leak:PATTERN", line, text);
	return -EINVAL;
}

static char *strip(char *line)
{
	char *end;

	line += strspn(line, " \t\r");
	end = line + strlen(line);
	while (end > line && strchr(" \t\r", end[-1]))
		*--end = 0;
	return line;
}

static int parse_lines(struct suppressions *suppressions, struct strbuf *error)
{
	char *next = suppressions->text, *line;
	unsigned number = 0;

	while ((line = strsep(&next, "\n"))) {
		number++;
		line = strip(line);
		if (!line[0] || line[0] == '#')
			continue;
		if (strncmp(line, "leak:", 5) != 0 || !line[5])
			return complain(error, number, line);
		suppressions->patterns[suppressions->n_patterns++] = line + 5;
	}
	return 0;
}

int suppressions_parse(char *text, struct suppressions *ret, struct strbuf *error)
{
	size_t n_lines = 1;
	int r = -ENOMEM;

	for (const char *c = text; *c; c++)
		n_lines += *c == '\n';
	*ret = (struct suppressions){.text = text};
	ret->patterns = calloc(n_lines, sizeof(*ret->patterns));
	ret->used = calloc(n_lines, sizeof(*ret->used));
	if (ret->patterns && ret->used)
		r = parse_lines(ret, error);
	if (r < 0)
		suppressions_deinit(ret);
	return r;
}

int suppressions_read(const char *path, struct suppressions *ret, struct strbuf *error)
{
	char *text;
	int r = file_read(path, FILE_MAX, &text, NULL);

	if (r < 0) {
		strbuf_addf(error, "--suppressions=%s: %s; give a file of lines \"leak:PATTERN\"",
			    path, strerror(-r));
		return r;
	}
	strbuf_addf(error, "--suppressions=%s: ", path);
	r = suppressions_parse(text, ret, error);
	if (r >= 0)
		strbuf_reset(error);
	return r;
}

void suppressions_deinit(struct suppressions *suppressions)
{
	free(suppressions->text);
	free(suppressions->patterns);
	free(suppressions->used);
	*suppressions = (struct suppressions){};
}

/* Marks each that does: two that name one leak are both in use. */
static bool any_matches(struct suppressions *suppressions, const char *name)
{
	bool any = false;

	for (size_t i = 0; name && i < suppressions->n_patterns; i++)
		if (suppress_matches(suppressions->patterns[i], name))
			any = suppressions->used[i] = true;
	return any;
}

static bool location_matches(struct suppressions *suppressions, const struct profile *profile,
			     const struct profile_location *location)
{
	bool any = false;

	if (location->module != PROFILE_NO_MODULE)
		any = any_matches(suppressions, profile->modules[location->module].path);
	for (uint32_t i = 0; i < location->n_frames; i++) {
		const struct profile_frame *frame = &profile->frames[location->first_frame + i];

		any |= any_matches(suppressions, frame->function);
		any |= any_matches(suppressions, frame->file);
	}
	return any;
}

/* A program may have a function of any name; its libraries, and an interpreter, have theirs from elsewhere. */
static bool is_library(const struct profile *profile, const struct profile_location *location)
{
	const char *path;

	if (location->module == PROFILE_NO_MODULE)
		return false;
	path = profile->modules[location->module].path;
	return strstr(path, ".so") || strncmp(label_base_name(path), "python", 6) == 0;
}

/* Whether the call is in a function of a library that allocates for good. */
static bool is_known_function(const struct profile *profile,
			      const struct profile_location *location)
{
	for (uint32_t i = 0; is_library(profile, location) && i < location->n_frames; i++) {
		const char *function = profile->frames[location->first_frame + i].function;

		for (size_t k = 0; function && suppress_known[k]; k++)
			if (suppress_matches(suppress_known[k], function))
				return true;
	}
	return false;
}

static bool is_of_constructor(const struct profile *profile, const struct profile_site *site)
{
	const struct profile_location *inner = profile_location_get(profile, site, 0);
	bool known = false;

	if (inner->module == PROFILE_NO_MODULE)
		return false;
	for (size_t i = 0; !known && suppress_constructors[i].module; i++)
		known = suppress_matches(suppress_constructors[i].module,
					 profile->modules[inner->module].path);
	for (uint32_t i = 1; known && i < site->n_locations; i++) {
		const struct profile_location *location = profile_location_get(profile, site, i);
		const char *function = profile->frames[location->first_frame].function;

		if (function && strcmp(function, "call_init") == 0)
			return true;
	}
	return false;
}

static bool is_suppressed(struct suppressions *suppressions, const struct profile *profile,
			  const struct profile_site *site)
{
	bool matches = false;

	for (uint32_t i = 0; i < site->n_locations; i++)
		matches |= location_matches(suppressions, profile,
					    profile_location_get(profile, site, i));
	if (matches || suppressions->without_known || site->n_locations == 0)
		return matches;
	for (uint32_t i = 0; i < site->n_locations; i++)
		if (is_known_function(profile, profile_location_get(profile, site, i)))
			return true;
	return is_of_constructor(profile, site);
}

void suppressions_apply(struct suppressions *suppressions, const struct profile *profile,
			bool *hidden, uint64_t *ret_live, uint64_t *ret_suppressed)
{
	uint64_t live = 0, suppressed = 0;

	for (size_t i = 0; i < profile->n_sites; i++) {
		const struct profile_site *site = &profile->sites[i];
		bool matches;

		if (site->kind != MT_SITE_MALLOC || site->live_bytes == 0)
			continue;
		matches = is_suppressed(suppressions, profile, site);
		if (hidden)
			hidden[i] = matches;
		*(matches ? &suppressed : &live) += site->live_bytes;
	}
	*ret_live = live;
	*ret_suppressed = suppressed;
}
