/* SPDX-License-Identifier: MIT */
/*
 * java-inspect.c: options are read from the machine's memory. Then it is asked what its memory does not tell,
 * one question after the other (process/jvm-attach.h); profile/java-answers.h reads what it says.
 */
#include "cli/java-inspect.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/macro.h"
#include "base/strbuf.h"
#include "base/units.h"
#include "process/hotspot.h"
#include "process/jvm-attach.h"
#include "profile/java-answers.h"
#include "profile/java.h"

enum { STATUS_MAX = 64 << 10, CATEGORIES_MAX = 64 };
/* Walking more would stop the machine for more than about a second. */
static const uint64_t COUNTED_HEAP_MAX = 1ull << 30;
/* For an answer of a machine that has just given another. */
static const uint64_t PLACES_LIMIT_NS = 5000000000;
/* Of addresses whose pages are looked at; 8 bytes are read for each. */
static const uint64_t MEASURED_MAX = 64ull << 30;

/* Options that say what memory is for; true or false, or bytes. */
static const struct {
	const char *name;
	unsigned size;
} options[] = {
	{"UseG1GC", 1},           {"UseParallelGC", 1},
	{"UseSerialGC", 1},       {"UseZGC", 1},
	{"UseShenandoahGC", 1},   {"UseEpsilonGC", 1},
	{"UseCompressedOops", 1}, {"PreserveFramePointer", 1},
	{"MaxHeapSize", 8},       {"MaxDirectMemorySize", 8},
	{"MaxMetaspaceSize", 8},  {"ReservedCodeCacheSize", 8},
	{"ThreadStackSize", 8},   {"TrimNativeHeapInterval", 4},
};

static int add_options(struct hotspot *hotspot, struct profile *profile)
{
	const uint64_t at = hotspot_static(hotspot, "Abstract_VM_Version", "_vm_major_version");
	uint64_t value = 0;
	int r = 0;

	if (hotspot_read(hotspot, at, &value, 4))
		r = java_add(profile, PROFILE_JAVA_FACT, "version", value, 0);
	for (size_t i = 0; i < ARRAY_SIZE(options) && r >= 0; i++) {
		if (!hotspot_flag(hotspot, options[i].name, &value))
			continue;
		if (options[i].size < 8)
			value &= (1ull << (8 * options[i].size)) - 1;
		r = java_add(profile, PROFILE_JAVA_FACT, options[i].name, value, 0);
	}
	return r;
}

/* Whether Native Memory Tracking is on, or even keeps places. */
static bool has_tracking(struct hotspot *hotspot, bool *ret_detail)
{
	char text[8] = "";
	uint64_t at;

	if (!hotspot_flag(hotspot, "NativeMemoryTracking", &at) ||
	    !hotspot_read(hotspot, at, text, sizeof(text) - 1) || strcmp(text, "off") == 0)
		return false;
	*ret_detail = strcmp(text, "detail") == 0;
	return true;
}

static pid_t read_inner(pid_t pid, pid_t tid)
{
	_cleanup_free_ char *text = NULL;
	const char *line, *last;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", (int)pid, (int)tid);
	if (file_read(path, STATUS_MAX, &text, NULL) < 0)
		return tid;
	line = strstr(text, "\nNSpid:");
	if (!line)
		return tid;
	line++;
	last = line + strcspn(line, "\n");
	while (last > line && last[-1] >= '0' && last[-1] <= '9')
		last--;
	return (pid_t)strtol(last, NULL, 10);
}

/* The ids of all threads; NULL if they are the same inside and outside, or there is no memory. */
static struct java_translation *translate(pid_t pid, size_t *ret_n)
{
	_cleanup_free_ struct procinfo_thread *threads = NULL;
	struct java_translation *all;
	size_t n;

	*ret_n = 0;
	if (read_inner(pid, pid) == pid || procinfo_read_threads(pid, &threads, &n) < 0)
		return NULL;
	all = calloc(n + 1, sizeof(*all));
	for (size_t i = 0; all && i < n; i++)
		all[i] = (struct java_translation){(uint32_t)read_inner(pid, threads[i].tid),
						   (uint32_t)threads[i].tid};
	*ret_n = all ? n : 0;
	return all;
}

static int add_threads(struct profile *profile, const char *text)
{
	_cleanup_free_ struct java_translation *ids = NULL;
	size_t n_ids;

	ids = translate((pid_t)profile->process.pid, &n_ids);
	return java_read_threads(profile, text, ids, n_ids);
}

static int compare_rows(const void *a, const void *b)
{
	const struct profile_java *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->kind == PROFILE_JAVA_NMT && x->second != y->second)
		return x->second > y->second ? -1 : 1;
	if (x->kind == PROFILE_JAVA_NMT_MALLOC || x->kind == PROFILE_JAVA_NMT_PLACE)
		return x->first > y->first ? -1 : x->first < y->first;
	return x->first < y->first ? -1 : x->first > y->first;
}

/* Where the machine said what it has mapped, what of it is resident. */
static int measure(const struct space *space, const char *text, struct profile *profile)
{
	_cleanup_free_ struct java_range *ranges = NULL;
	uint64_t left = MEASURED_MAX;
	size_t n = 0;
	int r = java_read_ranges(text, &ranges, &n);

	for (size_t i = 0, n_names = 0; i < n && r >= 0; i++) {
		uint64_t resident = 0, bytes;

		if (!ranges[i].name[0] || n_names++ >= CATEGORIES_MAX)
			continue;
		for (size_t k = i; k < n; k++) {
			if (strcmp(ranges[k].name, ranges[i].name) != 0)
				continue;
			bytes = MIN(ranges[k].end - ranges[k].start, left);
			left -= bytes;
			if (areas_count_pages(space->memory, ranges[k].start,
					      ranges[k].start + bytes, &bytes, NULL) >= 0)
				resident += bytes;
			if (k > i)
				ranges[k].name[0] = 0;
		}
		r = java_add(profile, PROFILE_JAVA_NMT_RESIDENT, ranges[i].name, resident, 0);
	}
	return r;
}

static int note_missing(struct profile *profile, const char *what, const char *why)
{
	_cleanup_(strbuf_deinit) struct strbuf text = {};

	strbuf_addf(&text, "%s: %s", what, why);
	return java_add(profile, PROFILE_JAVA_MISSING, strbuf_text(&text), 0, 0);
}

static const struct question {
	const char *command, *what;
	int (*add)(struct profile *profile, const char *text);
} questions[] = {
	{"Thread.print", "the threads' own names", add_threads},
	{"GC.class_histogram -all", "counts of Java objects", java_read_classes},
	{"VM.native_memory summary", "Native Memory Tracking", java_read_tracking},
};
enum { THREADS, CLASSES, TRACKING };

static uint64_t resident_heap(const struct profile *profile)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < profile->n_areas; i++)
		if (profile->areas[i].kind == AREA_JVM_HEAP)
			bytes += profile->areas[i].resident;
	return bytes;
}

/*
 * Has the places in text as well. To name them the machine reads the debug information of its libraries, which takes
 * longer than an answer may, so it is asked only after it has told the sums.
 */
static int ask_places(const struct space *space, struct profile *profile, char **text)
{
	_cleanup_(strbuf_deinit) struct strbuf why = {};
	char *detail;
	int r = jvm_attach_ask(space, "VM.native_memory detail", PLACES_LIMIT_NS, &detail, &why);

	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return note_missing(profile, "places of Native Memory Tracking", strbuf_text(&why));
	free(*text);
	*text = detail;
	return 0;
}

/* Whether it is asked at all. 0 if it is not, and that is noted; -errno. */
static int is_wanted(size_t number, struct hotspot *hotspot, struct profile *profile,
		     bool *ret_detail)
{
	const uint64_t heap = resident_heap(profile);
	char bytes[UNITS_MAX];
	_cleanup_(strbuf_deinit) struct strbuf why = {};
	int r;

	if (number == TRACKING)
		return has_tracking(hotspot, ret_detail);
	if (number != CLASSES || heap <= COUNTED_HEAP_MAX)
		return 1;
	strbuf_addf(&why,
		    "to count them stops the machine while it walks its heap of %s; \"jcmd %u "
		    "GC.class_histogram -all\" does",
		    units_format_bytes(heap, bytes), profile->process.pid);
	r = note_missing(profile, questions[number].what, strbuf_text(&why));
	return r < 0 ? r : 0;
}

/* What stands in the way of one question stands in the way of all, unless the machine says otherwise. */
static int ask_all(const struct space *space, struct hotspot *hotspot, struct profile *profile)
{
	for (size_t i = 0; i < ARRAY_SIZE(questions); i++) {
		_cleanup_(strbuf_deinit) struct strbuf why = {};
		_cleanup_free_ char *text = NULL;
		bool detail = false;
		int r = is_wanted(i, hotspot, profile, &detail), asked;

		if (r < 0)
			return r;
		if (r == 0)
			continue;
		asked = jvm_attach_ask(space, questions[i].command, JVM_ATTACH_LIMIT_NS, &text,
				       &why);
		if (asked == -ENOMEM)
			return asked;
		if (asked >= 0 && detail)
			r = ask_places(space, profile, &text);
		if (r < 0)
			return r;
		if (asked >= 0)
			r = questions[i].add(profile, text);
		else
			r = note_missing(profile,
					 asked == -EBADMSG || i > THREADS
						 ? questions[i].what
						 : "names of threads and counts of objects",
					 strbuf_text(&why));
		if (r >= 0 && asked >= 0 && i == TRACKING)
			r = measure(space, text, profile);
		if (r < 0)
			return r;
		if (asked < 0 && asked != -EBADMSG)
			break;
	}
	return 0;
}

static bool has_library(const struct maps *maps, const char *prefix)
{
	for (size_t i = 0; i < maps->n_mappings; i++) {
		const char *slash = strrchr(maps->mappings[i].path, '/');

		if (slash && strncmp(slash + 1, prefix, strlen(prefix)) == 0)
			return true;
	}
	return false;
}

static int inspect(const struct space *space, struct profile *profile)
{
	_cleanup_(hotspot_freep) struct hotspot *hotspot = NULL;
	int r;

	if (has_library(space->maps, "libj9vm"))
		return note_missing(profile, "what the Java machine says of itself",
				    "it is an OpenJ9, which is asked in another way");
	if (!has_library(space->maps, "libjvm.so"))
		return 0;
	r = hotspot_open(space, &hotspot);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return note_missing(profile, "what the Java machine says of itself",
				    r == -EAGAIN ? "it has just been started"
						 : "its tables cannot be read");
	r = add_options(hotspot, profile);
	return r < 0 ? r : ask_all(space, hotspot, profile);
}

int java_inspect(pid_t pid, struct profile *profile)
{
	_cleanup_(space_deinit) struct space space = {};
	int r;

	free(profile->java);
	profile->java = NULL;
	profile->n_java = 0;
	r = space_open_pid(pid, false, &space);
	if (r >= 0)
		r = inspect(&space, profile);
	/* the categories that have most come first */
	if (profile->n_java > 0)
		qsort(profile->java, profile->n_java, sizeof(*profile->java), compare_rows);
	return r == -ENOMEM ? r : 0;
}
