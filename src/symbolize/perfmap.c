/* SPDX-License-Identifier: MIT */
/*
 * perfmap.c: the text that JIT compilers leave for perf.
 *
 * The file grows while the runtime lives: code that moves or is compiled again is a new line, nothing is
 * ever taken back. So a later line wins over an earlier one for the bytes that both claim, which is the
 * rank of a rangemap. The last line may be half written.
 *
 * It stands in a folder that everybody may write to. Nothing in it is trusted: sizes are bounded, ends
 * do not wrap around, and a line without sense is skipped and counted.
 */
#include "symbolize/perfmap.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/grow.h"
#include "base/macro.h"

/* Large runtimes write some ten megabytes. */
enum { PERFMAP_MAX_SIZE = 512 << 20, PERFMAP_MAX_ENTRIES = 8 << 20 };

/* No function is as large, but a damaged line may say so. */
static const uint64_t PERFMAP_MAX_CODE = UINT64_C(1) << 32;

/* A hex number with or without 0x and the blanks behind it. False if there is none, or of over 64 bits. */
static bool take_number(const char **text, uint64_t *ret)
{
	const char *p = *text;
	uint64_t value = 0;
	int n = 0;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
		p += 2;
	for (; isxdigit((unsigned char)*p); p++) {
		if (value >> 60)
			return false;
		value = value << 4 |
			(uint64_t)(isdigit((unsigned char)*p) ? *p - '0' : (*p | 0x20) - 'a' + 10);
		n++;
	}
	if (n == 0 || (*p != ' ' && *p != '\t'))
		return false;
	while (*p == ' ' || *p == '\t')
		p++;
	*text = p;
	*ret = value;
	return true;
}

/* Returns 1 if the line is an entry, 0 if not, -ENOMEM. line is ended by a zero. */
static int add_line(struct perfmap *perfmap, struct rangemap_builder *builder, const char *line)
{
	uint64_t start, size;
	int r;

	if (!take_number(&line, &start) || !take_number(&line, &size) || !line[0] || size == 0 ||
	    size > PERFMAP_MAX_CODE || start + size < start ||
	    perfmap->n_entries == PERFMAP_MAX_ENTRIES)
		return 0;
	if (GROW(perfmap->entries, perfmap->n_entries) < 0)
		return -ENOMEM;
	r = rangemap_add(builder, start, start + size, perfmap->n_entries,
			 (uint32_t)perfmap->n_entries);
	if (r < 0)
		return r;
	perfmap->entries[perfmap->n_entries++] = (struct perfmap_entry){start, line};
	return 1;
}

int perfmap_new(const char *text, size_t size, struct perfmap **ret)
{
	_cleanup_(perfmap_freep) struct perfmap *perfmap = calloc(1, sizeof(*perfmap));
	_cleanup_(rangemap_builder_deinit) struct rangemap_builder builder = {};
	char *line, *end;
	int r;

	if (!perfmap)
		return -ENOMEM;
	perfmap->text = malloc(size + 1);
	if (!perfmap->text)
		return -ENOMEM;
	if (size > 0)
		memcpy(perfmap->text, text, size);
	perfmap->text[size] = 0;

	end = perfmap->text + size;
	for (line = perfmap->text; line < end;) {
		char *next = memchr(line, '\n', (size_t)(end - line));

		if (!next)
			next = end;
		*next = 0;
		if (next > line && next[-1] == '\r')
			next[-1] = 0;
		r = line[0] ? add_line(perfmap, &builder, line) : 1;
		if (r < 0)
			return r;
		perfmap->n_bad_lines += r == 0;
		line = next + 1;
	}
	r = rangemap_build(&builder, &perfmap->map);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(perfmap);
	return 0;
}

struct perfmap *perfmap_free(struct perfmap *perfmap)
{
	if (!perfmap)
		return NULL;
	free(perfmap->text);
	free(perfmap->entries);
	rangemap_deinit(&perfmap->map);
	free(perfmap);
	return NULL;
}

int perfmap_read(const char *path, uid_t owner, struct perfmap **ret)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	_cleanup_free_ char *text = NULL;
	struct stat st;
	size_t size;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) ||
	    (st.st_uid != 0 && st.st_uid != geteuid() && st.st_uid != owner))
		return -EPERM;
	r = file_read_fd(fd, PERFMAP_MAX_SIZE, &text, &size);
	if (r < 0)
		return r;
	return perfmap_new(text, size, ret);
}

const struct perfmap_entry *perfmap_find(const struct perfmap *perfmap, uint64_t address)
{
	uint32_t i = rangemap_find(&perfmap->map, address);

	return i == RANGE_NONE ? NULL : &perfmap->entries[i];
}
