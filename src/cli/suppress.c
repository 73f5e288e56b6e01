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
	if (ret->patterns)
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
	*suppressions = (struct suppressions){};
}

static bool any_matches(const struct suppressions *suppressions, const char *name)
{
	for (size_t i = 0; name && i < suppressions->n_patterns; i++)
		if (suppress_matches(suppressions->patterns[i], name))
			return true;
	return false;
}

static bool location_matches(const struct suppressions *suppressions, const struct profile *profile,
			     const struct profile_location *location)
{
	if (location->module != PROFILE_NO_MODULE &&
	    any_matches(suppressions, profile->modules[location->module].path))
		return true;
	for (uint32_t i = 0; i < location->n_frames; i++) {
		const struct profile_frame *frame = &profile->frames[location->first_frame + i];

		if (any_matches(suppressions, frame->function) ||
		    any_matches(suppressions, frame->file))
			return true;
	}
	return false;
}

void suppressions_apply(const struct suppressions *suppressions, const struct profile *profile,
			uint64_t *ret_live, uint64_t *ret_suppressed)
{
	uint64_t live = 0, suppressed = 0;

	for (size_t i = 0; i < profile->n_sites; i++) {
		const struct profile_site *site = &profile->sites[i];
		bool matches = false;

		if (site->kind != MT_SITE_MALLOC || site->live_bytes == 0)
			continue;
		for (uint32_t j = 0; j < site->n_locations && !matches; j++) {
			uint32_t ref = profile->location_refs[site->first_location + j];

			matches = location_matches(suppressions, profile, &profile->locations[ref]);
		}
		*(matches ? &suppressed : &live) += site->live_bytes;
	}
	*ret_live = live;
	*ret_suppressed = suppressed;
}
