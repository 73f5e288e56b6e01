/* SPDX-License-Identifier: MIT */
/*
 * maps.c: /proc/PID/maps and smaps as an array (proc(5), and the kernel's Documentation/filesystems/proc).
 *
 * Both files have one line a mapping; smaps puts lines "Name: value" behind each. The kernel promises that
 * addresses never go backwards, even if the file is read while the process maps and unmaps, and 6.18 does
 * not keep that. Text that breaks the promise is refused, so that maps_find can search by halves.
 */
#include "process/maps.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/grow.h"
#include "base/macro.h"
#include "base/search.h"

/* A process with a million mappings has less than that of smaps. */
static const size_t text_max = (size_t)2 << 30;

/* What is left of the text. */
struct cursor {
	const char *at, *end;
};

static bool take_char(struct cursor *cursor, char c)
{
	if (cursor->at == cursor->end || *cursor->at != c)
		return false;
	cursor->at++;
	return true;
}

static void skip_blanks(struct cursor *cursor)
{
	while (cursor->at < cursor->end && (*cursor->at == ' ' || *cursor->at == '\t'))
		cursor->at++;
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

/* At least one digit, and no more than 64 bits. */
static bool take_number(struct cursor *cursor, unsigned base, uint64_t *ret)
{
	const char *start = cursor->at;
	uint64_t number = 0;

	for (; cursor->at < cursor->end; cursor->at++) {
		unsigned digit = (unsigned)digit_value(*cursor->at);

		if (digit >= base)
			break;
		if (__builtin_mul_overflow(number, base, &number) ||
		    __builtin_add_overflow(number, digit, &number))
			return false;
	}
	*ret = number;
	return cursor->at > start;
}

static bool take_flag(struct cursor *cursor, const char *letters, bool *ret)
{
	if (cursor->at == cursor->end || (*cursor->at != letters[0] && *cursor->at != letters[1]))
		return false;
	*ret = *cursor->at++ == letters[0];
	return true;
}

/* Cuts the next line off, without its end. */
static struct cursor take_line(struct cursor *text)
{
	const char *end = memchr(text->at, '\n', (size_t)(text->end - text->at));
	struct cursor line = {text->at, end ? end : text->end};

	text->at = end ? end + 1 : text->end;
	return line;
}

/* The path as it is: the kernel writes a line feed in it as \012. */
static int parse_path(struct cursor line, struct mapping *mapping)
{
	static const char deleted[] = " (deleted)";
	size_t size = (size_t)(line.end - line.at), suffix = sizeof(deleted) - 1;
	char *to;

	if (size > suffix && !memcmp(line.end - suffix, deleted, suffix)) {
		mapping->deleted = true;
		size -= suffix;
	}
	mapping->path = to = malloc(size + 1);
	if (!to)
		return -ENOMEM;
	for (; size && *line.at; to++) {
		if (size >= 4 && !memcmp(line.at, "\\012", 4)) {
			*to = '\n';
			line.at += 4;
			size -= 4;
		} else {
			*to = *line.at++;
			size--;
		}
	}
	*to = '\0';
	return 0;
}

/* "start-end rwxp offset major:minor inode   path" */
static int parse_mapping(struct cursor line, struct mapping *ret)
{
	struct mapping mapping = {0};
	uint64_t major, minor;
	int r;

	if (!take_number(&line, 16, &mapping.start) || !take_char(&line, '-') ||
	    !take_number(&line, 16, &mapping.end) || !take_char(&line, ' ') ||
	    !take_flag(&line, "r-", &mapping.read) || !take_flag(&line, "w-", &mapping.write) ||
	    !take_flag(&line, "x-", &mapping.exec) || !take_flag(&line, "sp", &mapping.shared) ||
	    !take_char(&line, ' ') || !take_number(&line, 16, &mapping.offset) ||
	    !take_char(&line, ' ') || !take_number(&line, 16, &major) || !take_char(&line, ':') ||
	    !take_number(&line, 16, &minor) || !take_char(&line, ' ') ||
	    !take_number(&line, 10, &mapping.inode))
		return -EBADMSG;
	if (mapping.start >= mapping.end || major > UINT32_MAX || minor > UINT32_MAX)
		return -EBADMSG;
	if (line.at < line.end && *line.at != ' ')
		return -EBADMSG;
	mapping.dev_major = (uint32_t)major;
	mapping.dev_minor = (uint32_t)minor;
	skip_blanks(&line);
	r = parse_path(line, &mapping);
	if (r < 0)
		return r;
	*ret = mapping;
	return 0;
}

enum { READ_TRIES = 8 };

static const struct {
	const char *name;
	size_t place;
} usage_fields[] = {
	{"Rss", offsetof(struct mapping, rss)},
	{"Pss", offsetof(struct mapping, pss)},
	{"Shared_Clean", offsetof(struct mapping, shared_clean)},
	{"Shared_Dirty", offsetof(struct mapping, shared_dirty)},
	{"Private_Clean", offsetof(struct mapping, private_clean)},
	{"Private_Dirty", offsetof(struct mapping, private_dirty)},
	{"Anonymous", offsetof(struct mapping, anonymous)},
	{"AnonHugePages", offsetof(struct mapping, anon_huge)},
	{"Swap", offsetof(struct mapping, swap)},
	{"SwapPss", offsetof(struct mapping, swap_pss)},
	{"Locked", offsetof(struct mapping, locked)},
	{"KernelPageSize", offsetof(struct mapping, kernel_page_size)},
};

/* "Name:   value kB", or any line of that form with a name that is not known. */
static int parse_usage(struct cursor line, struct mapping *mapping)
{
	const char *colon = memchr(line.at, ':', (size_t)(line.end - line.at));
	size_t i, length;
	uint64_t value;

	if (!colon)
		return -EBADMSG;
	length = (size_t)(colon - line.at);
	for (i = 0; i < ARRAY_SIZE(usage_fields); i++)
		if (strlen(usage_fields[i].name) == length &&
		    !memcmp(line.at, usage_fields[i].name, length))
			break;
	if (i == ARRAY_SIZE(usage_fields))
		return 0;
	line.at = colon + 1;
	skip_blanks(&line);
	if (!take_number(&line, 10, &value) || line.end - line.at != 3 ||
	    memcmp(line.at, " kB", 3) != 0 || value > UINT64_MAX / 1024)
		return -EBADMSG;
	value *= 1024;
	memcpy((char *)mapping + usage_fields[i].place, &value, sizeof(value));
	mapping->has_usage = true;
	return 0;
}

/* A mapping's line begins with a lower-case hexadecimal digit, a name with a capital. */
static bool is_mapping(const struct cursor *line)
{
	return line->at < line->end && digit_value(*line->at) < 16 &&
	       !(*line->at >= 'A' && *line->at <= 'F');
}

/*
 * Lines of one mapping, which grew in between, made one after the other. Returns whether the last one is worth keeping.
 */
static bool mend(struct maps *maps)
{
	struct mapping *mapping = &maps->mappings[maps->n_mappings - 1];

	if (mapping->end <= mapping[-1].end)
		return false;
	mapping->start = MAX(mapping->start, mapping[-1].end);
	return true;
}

static int add_mapping(struct maps *maps, struct cursor line, bool mends)
{
	struct mapping *mapping;
	int r;

	if (GROW(maps->mappings, maps->n_mappings) < 0)
		return -ENOMEM;
	mapping = &maps->mappings[maps->n_mappings];
	r = parse_mapping(line, mapping);
	if (r < 0)
		return r;
	maps->n_mappings++;
	if (maps->n_mappings == 1 || mapping->start >= mapping[-1].end)
		return 0;
	if (!mends)
		return -EBADMSG;
	if (!mend(maps)) {
		maps->n_mappings--;
		free(mapping->path);
	}
	return 0;
}

static int parse(const char *text, size_t size, bool mends, struct maps *ret)
{
	_cleanup_(maps_deinit) struct maps maps = {0};
	struct cursor rest = {text, text + size};
	int r;

	while (rest.at < rest.end) {
		struct cursor line = take_line(&rest);

		if (is_mapping(&line))
			r = add_mapping(&maps, line, mends);
		else if (maps.n_mappings)
			r = parse_usage(line, &maps.mappings[maps.n_mappings - 1]);
		else
			r = -EBADMSG;
		if (r < 0)
			return r;
	}
	*ret = maps;
	maps = (struct maps){0};
	return 0;
}

int maps_parse(const char *text, size_t size, struct maps *ret)
{
	return parse(text, size, false, ret);
}

static int read_once(const char *path, bool mends, struct maps *ret)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	int r = file_read(path, text_max, &text, &size);

	if (r < 0)
		return r == -ENOENT ? -ESRCH : r == -EACCES ? -EPERM : r;
	return parse(text, size, mends, ret);
}

/*
 * The kernel writes as many mappings at a time as fit into its buffer. One that grows between two of them is written
 * twice, with different bounds: such a text is no state that there was, and is read again; if that does not
 * help, the process changes them all the time, and what was written last of each byte counts.
 */
int maps_read(pid_t pid, bool usage, struct maps *ret)
{
	char path[64];
	int r = -EBADMSG;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, usage ? "smaps" : "maps");
	for (int i = 0; r == -EBADMSG && i < READ_TRIES; i++)
		r = read_once(path, i == READ_TRIES - 1, ret);
	return r;
}

void maps_deinit(struct maps *maps)
{
	size_t i;

	for (i = 0; i < maps->n_mappings; i++)
		free(maps->mappings[i].path);
	free(maps->mappings);
	*maps = (struct maps){0};
}

const struct mapping *maps_find(const struct maps *maps, uint64_t address)
{
	/* the first mapping that ends above address */
	const size_t low = SEARCH(maps->n_mappings, i, maps->mappings[i].end <= address);

	if (low == maps->n_mappings || maps->mappings[low].start > address)
		return NULL;
	return &maps->mappings[low];
}
