/* SPDX-License-Identifier: MIT */
/*
 * java-answers.c: what is known of a line is how it begins; that has been the same from JDK 11 to 25, but for
 * the number of a thread, which is hex in older versions and decimal since 21, and for what comes behind. The
 * parts of Native Memory Tracking's answer are told apart by their headings: the categories, each with its
 * lines, then a map, which is passed over, then the places, each some frames and a sum.
 */
#include "profile/java-answers.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/grow.h"
#include "base/macro.h"
#include "profile/java.h"

enum {
	NAME_SIZE = 256,
	THREADS_MAX = 32768,
	CATEGORIES_MAX = 64,
	PLACES_MAX = 20,
	RANGES_MAX = 8192
};
static const uint64_t KILOBYTES_MAX = UINT64_MAX >> 11;

static const char *const counted_classes[] = {"java.util.zip.Inflater",    "java.util.zip.Deflater",
					      "java.nio.DirectByteBuffer", "java.util.zip.ZipFile",
					      "java.lang.Thread",          "java.lang.ref.Cleaner",
					      "jdk.internal.ref.Cleaner"};

/* A line that is being read; it ends at the text's or the line's end. */
static const char *next_line(const char *text)
{
	text += strcspn(text, "\n");
	return text + (*text != 0);
}

/* Takes blanks and what is expected off the text; false if it is not there. */
static bool take(const char **text, const char *expected)
{
	const char *at = *text + strspn(*text, " \t");
	const size_t length = strlen(expected);

	if (strncmp(at, expected, length) != 0)
		return false;
	*text = at + length;
	return true;
}

/* The same with a number behind it, which is no more than max. */
static bool take_number(const char **text, const char *before, uint64_t max, uint64_t *ret)
{
	const char *at = *text;
	char *end;

	if (!take(&at, before))
		return false;
	at += strspn(at, " ");
	if (*at < '0' || *at > '9')
		return false;
	*ret = strtoull(at, &end, 10);
	*text = end;
	return *ret <= max;
}

/* As much of it as a name may have. */
static void copy_name(char name[static NAME_SIZE], const char *from, size_t length)
{
	snprintf(name, NAME_SIZE, "%.*s", (int)MIN(length, (size_t)NAME_SIZE - 1), from);
}

static uint32_t translate(uint64_t tid, const struct java_translation *ids, size_t n_ids)
{
	for (size_t i = 0; i < n_ids; i++)
		if (ids[i].inner == tid)
			return ids[i].outer;
	return (uint32_t)tid;
}

/* "name" #12 … nid=0x622c …; the name may hold anything but the end of a line. Returns whether it is one. */
static bool read_thread(const char *line, char name[static NAME_SIZE], uint64_t *ret_tid)
{
	const size_t length = strcspn(line, "\n");
	_cleanup_free_ char *copy = line[0] == '"' ? strndup(line + 1, length - 1) : NULL;
	char *quote = copy ? strrchr(copy, '"') : NULL, *nid;

	nid = quote ? strstr(quote, " nid=") : NULL;
	if (!nid)
		return false;
	copy_name(name, copy, (size_t)(quote - copy));
	*ret_tid = strtoull(nid + strlen(" nid="), NULL, 0);
	return *ret_tid > 0 && *ret_tid <= INT32_MAX;
}

int java_read_threads(struct profile *profile, const char *text, const struct java_translation *ids,
		      size_t n_ids)
{
	char name[NAME_SIZE];
	uint64_t tid;
	int r = 0;

	for (unsigned n = 0; *text && n < THREADS_MAX && r >= 0; text = next_line(text)) {
		if (!read_thread(text, name, &tid))
			continue;
		r = java_add(profile, PROFILE_JAVA_THREAD, name, translate(tid, ids, n_ids), 0);
		n++;
	}
	return r;
}

/* "  12:   16000   640000  java.util.zip.Inflater (java.base@17)"; which of the counted ones; -1: none */
static int read_class(const char *line, uint64_t *ret_count, uint64_t *ret_bytes)
{
	uint64_t rank;
	size_t length;

	if (!take_number(&line, "", UINT64_MAX, &rank) ||
	    !take_number(&line, ":", INT64_MAX, ret_count) ||
	    !take_number(&line, "", INT64_MAX, ret_bytes))
		return -1;
	line += strspn(line, " ");
	length = strcspn(line, " \n");
	for (size_t i = 0; i < ARRAY_SIZE(counted_classes); i++)
		if (strlen(counted_classes[i]) == length &&
		    strncmp(line, counted_classes[i], length) == 0)
			return (int)i;
	return -1;
}

int java_read_classes(struct profile *profile, const char *text)
{
	bool seen[ARRAY_SIZE(counted_classes)] = {};
	int r = 0;

	for (; *text && r >= 0; text = next_line(text)) {
		uint64_t count, bytes;
		const int class = read_class(text, &count, &bytes);

		if (class < 0 || seen[class])
			continue;
		seen[class] = true;
		r = java_add(profile, PROFILE_JAVA_CLASS, counted_classes[class], count, bytes);
	}
	return r;
}

/*
 * "-                 Java Heap (reserved=8388608KB, committed=524288KB)", and
 * "Total: reserved=9732190KB, committed=679450KB"
 */
static bool read_category(const char *line, char name[static NAME_SIZE], uint64_t *ret_reserved,
			  uint64_t *ret_committed)
{
	const char *open = line + strcspn(line, "(\n");

	if (line[0] == '-' && *open == '(') {
		const char *start = line + 1 + strspn(line + 1, " ");
		const char *end = open;

		while (end > start && end[-1] == ' ')
			end--;
		copy_name(name, start, start < end ? (size_t)(end - start) : 0);
		line = open + 1;
	} else if (take(&line, "Total:")) {
		copy_name(name, "Total", strlen("Total"));
	} else {
		return false;
	}
	return name[0] && take_number(&line, "reserved=", KILOBYTES_MAX, ret_reserved) &&
	       take_number(&line, "KB, committed=", KILOBYTES_MAX, ret_committed);
}

/*
 * "(malloc=99KB #1129) (at peak)" and "(arena=25KB #44)", whose chunks are from malloc as well. Only JDK 21
 * and late updates of 17 tell the sum of all: "malloc: 7151KB #8674"; so it is always added up.
 */
static bool read_malloc(const char *line, uint64_t *ret_bytes, uint64_t *ret_blocks)
{
	if (!take_number(&line, "(malloc=", KILOBYTES_MAX, ret_bytes) &&
	    !take_number(&line, "(arena=", KILOBYTES_MAX, ret_bytes))
		return false;
	return take_number(&line, "KB #", INT64_MAX, ret_blocks);
}

/* "(malloc=2048KB type=GC #2)"; JDK 24 says tag in place of type. */
static bool read_place(const char *line, char type[static NAME_SIZE], uint64_t *ret_bytes,
		       uint64_t *ret_blocks)
{
	size_t length;

	if (!take_number(&line, "(malloc=", KILOBYTES_MAX, ret_bytes) ||
	    (!take(&line, "KB type=") && !take(&line, "KB tag=")))
		return false;
	length = strcspn(line, "#\n");
	copy_name(type, line, length > 0 ? length - 1 : 0);
	line += length;
	return take_number(&line, "#", INT64_MAX, ret_blocks);
}

/* "[0x00007f4234cfccb9] G1ConcurrentMark::G1ConcurrentMark(G1CollectedHeap*)+0x5d9" */
static bool read_function(const char *line, char name[static NAME_SIZE])
{
	const char *close = line[0] == '[' ? strchr(line, ']') : NULL;
	size_t length;

	if (!close || close[1] != ' ' || close > line + strcspn(line, "\n"))
		return false;
	length = strcspn(close + 2, "(+\n");
	copy_name(name, close + 2, length);
	return length > 0;
}

struct reading {
	struct profile *profile;
	unsigned n_categories, n_places;
	char category[NAME_SIZE]; /* "" before the first */
	uint64_t bytes, blocks;   /* of its malloc */
	uint64_t all_bytes, all_blocks;
	bool in_places;
	char inner[NAME_SIZE], outer[NAME_SIZE]; /* the innermost functions of a place */
};

/* What the category that ends here has from malloc. */
static int end_category(struct reading *reading)
{
	int r = 0;

	if (reading->category[0] && reading->bytes > 0)
		r = java_add(reading->profile, PROFILE_JAVA_NMT_MALLOC, reading->category,
			     reading->bytes << 10, reading->blocks);
	reading->all_bytes = MIN(reading->all_bytes + reading->bytes, KILOBYTES_MAX);
	reading->all_blocks = MIN(reading->all_blocks + reading->blocks, (uint64_t)INT64_MAX);
	reading->category[0] = 0;
	reading->bytes = reading->blocks = 0;
	return r;
}

static int read_summary_line(struct reading *reading, const char *line)
{
	uint64_t first, second;
	char name[NAME_SIZE];
	int r;

	if (reading->category[0] && read_malloc(line, &first, &second)) {
		reading->bytes = MIN(reading->bytes + first, KILOBYTES_MAX);
		reading->blocks = MIN(reading->blocks + second, (uint64_t)INT64_MAX);
		return 0;
	}
	if (reading->n_categories >= CATEGORIES_MAX || !read_category(line, name, &first, &second))
		return 0;
	r = end_category(reading);
	if (r < 0)
		return r;
	reading->n_categories++;
	if (line[0] == '-')
		copy_name(reading->category, name, sizeof(name));
	return java_add(reading->profile, PROFILE_JAVA_NMT, name, first << 10, second << 10);
}

/* "G1ConcurrentMark::G1ConcurrentMark, called by G1CollectedHeap::initialize (GC)" */
static int add_place(struct reading *reading, const char *type, uint64_t bytes, uint64_t blocks)
{
	char name[3 * NAME_SIZE + 32];

	snprintf(name, sizeof(name), "%s%s%s (%s)", reading->inner[0] ? reading->inner : "?",
		 reading->outer[0] ? ", called by " : "", reading->outer, type);
	reading->n_places++;
	return java_add(reading->profile, PROFILE_JAVA_NMT_PLACE, name, bytes << 10, blocks);
}

static int read_place_line(struct reading *reading, const char *line)
{
	char name[NAME_SIZE];
	uint64_t bytes, blocks;
	int r = 0;

	if (read_function(line, name)) {
		if (!reading->inner[0])
			copy_name(reading->inner, name, sizeof(name));
		else if (!reading->outer[0])
			copy_name(reading->outer, name, sizeof(name));
		return 0;
	}
	if (reading->n_places < PLACES_MAX && read_place(line, name, &bytes, &blocks))
		r = add_place(reading, name, bytes, blocks);
	reading->inner[0] = reading->outer[0] = 0;
	return r;
}

int java_read_tracking(struct profile *profile, const char *text)
{
	struct reading reading = {.profile = profile};
	int r = 0;

	for (; *text && r >= 0; text = next_line(text)) {
		if (strncmp(text, "Virtual memory map:", 19) == 0)
			r = end_category(&reading);
		else if (strncmp(text, "Details:", 8) == 0)
			reading.in_places = true;
		else if (reading.in_places)
			r = read_place_line(&reading, text);
		else
			r = read_summary_line(&reading, text);
	}
	if (r >= 0)
		r = end_category(&reading);
	if (r >= 0 && reading.all_bytes > 0)
		r = java_add(profile, PROFILE_JAVA_NMT_MALLOC, "Total", reading.all_bytes << 10,
			     reading.all_blocks);
	return r;
}

static bool take_hex(const char **text, const char *before, uint64_t *ret)
{
	char *end;

	if (!take(text, before))
		return false;
	*ret = strtoull(*text, &end, 16);
	if (end == *text)
		return false;
	*text = end;
	return true;
}

/* "[0x0f0000000 - 0x100000000] reserved and committed 262144KB for Java Heap from" */
static bool read_range(const char *line, struct java_range *ret)
{
	uint64_t size;
	size_t length;

	if (line[0] != '[' || !take_hex(&line, "[0x", &ret->start) ||
	    !take_hex(&line, "- 0x", &ret->end) || !take(&line, "] reserved"))
		return false;
	(void)take(&line, "and committed");
	if (ret->start >= ret->end || ret->end > 1ull << 47 ||
	    !take_number(&line, "", UINT64_MAX, &size) || !take(&line, "KB for "))
		return false;
	length = strcspn(line, "\n");
	if (length > 5 && strncmp(line + length - 5, " from", 5) == 0)
		length -= 5;
	snprintf(ret->name, sizeof(ret->name), "%.*s", (int)MIN(length, sizeof(ret->name) - 1),
		 line);
	/* the map tells stacks apart from what else threads have */
	if (strcmp(ret->name, "Thread Stack") == 0)
		ret->name[strlen("Thread")] = 0;
	return ret->name[0];
}

int java_read_ranges(const char *text, struct java_range **ret, size_t *ret_n)
{
	_cleanup_free_ struct java_range *ranges = NULL;
	struct java_range range;
	size_t n = 0;

	for (; *text && n < RANGES_MAX; text = next_line(text)) {
		if (!read_range(text, &range))
			continue;
		if (GROW(ranges, n) < 0)
			return -ENOMEM;
		ranges[n++] = range;
	}
	*ret = TAKE_PTR(ranges);
	*ret_n = n;
	return 0;
}
