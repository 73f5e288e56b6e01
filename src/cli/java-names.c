/* SPDX-License-Identifier: MIT */
/*
 * java-names.c: each address is looked up once, when it is first met; so a stack keeps the names that its
 * code had when it was recorded, or soon after. The machine's tables are read once and stay open. What is
 * not known in a process that has none yet is asked again, less and less often.
 *
 * The newest frames are looked at twice: they may have been half written the first time.
 */
#include "cli/java-names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/macro.h"
#include "base/map.h"
#include "process/jvm-code.h"

enum {
	LOOK_BACK = 4096,
	ADDRESSES_MAX = 1 << 20,
	COUNT_BITS = 8,
	SOON_NS = 20000000,
	LATE_NS = 1000000000
};
_Static_assert(JVM_FRAMES_MAX < 1 << COUNT_BITS, "the count fits");

struct java_names {
	pid_t pid;
	bool is_open;
	struct space space;
	struct hotspot *hotspot;
	struct jvm_code *code;
	struct string_pool *pool;
	uint64_t n_seen;             /* frames of the region */
	uint64_t changed_ns, due_ns; /* when there were new ones, and of the next look */
	uint32_t n_tries, n_skipped; /* to open it */
	struct map known;            /* address: first frame and count; 0: it has no name */
	struct symbolizer_frame *frames;
	size_t n_frames;
};

struct java_names *java_names_new(pid_t pid)
{
	struct java_names *names = calloc(1, sizeof(*names));

	if (names)
		names->pid = pid;
	return names;
}

static void close_machine(struct java_names *names)
{
	names->code = jvm_code_free(names->code);
	names->hotspot = hotspot_free(names->hotspot);
	if (names->is_open)
		space_deinit(&names->space);
	names->is_open = false;
}

struct java_names *java_names_free(struct java_names *names)
{
	if (!names)
		return NULL;
	close_machine(names);
	map_deinit(&names->known);
	free(names->frames);
	string_pool_free(names->pool);
	free(names);
	return NULL;
}

static bool has_machine(const struct maps *maps)
{
	for (size_t i = 0; i < maps->n_mappings; i++) {
		const char *slash = strrchr(maps->mappings[i].path, '/');

		if (slash && strncmp(slash, "/libjvm.so", 10) == 0)
			return true;
	}
	return false;
}

static int open_machine(struct java_names *names)
{
	int r = space_open_pid(names->pid, false, &names->space);

	if (r < 0)
		return r;
	names->is_open = true;
	if (!has_machine(names->space.maps))
		return -ENODATA;
	if (!names->pool)
		names->pool = string_pool_new();
	if (!names->pool)
		return -ENOMEM;
	r = hotspot_open(&names->space, &names->hotspot);
	return r < 0 ? r : jvm_code_open(names->hotspot, names->pool, &names->code);
}

/* Whether it can be asked; at the 1st, 2nd, 4th, 8th time that it could not, it is tried again. */
static bool is_ready(struct java_names *names)
{
	if (names->code)
		return true;
	if (names->n_skipped > 0) {
		names->n_skipped--;
		return false;
	}
	if (open_machine(names) >= 0)
		return true;
	close_machine(names);
	names->n_skipped = (1u << MIN(names->n_tries, 10u)) - 1;
	names->n_tries++;
	return false;
}

static int keep(struct java_names *names, uint64_t address, const struct jvm_frame *found, size_t n)
{
	const size_t first = names->n_frames;

	for (size_t i = 0; i < n; i++) {
		if (GROW(names->frames, names->n_frames) < 0)
			return -ENOMEM;
		names->frames[names->n_frames++] = (struct symbolizer_frame){
			.function = found[i].method,
			.file = found[i].file,
			.line = found[i].line,
			.inlined = found[i].inlined,
			.why = found[i].line   ? NULL
			       : found[i].file ? "no line: the Java machine does not say"
					       : "made by the Java machine",
		};
	}
	return map_set(&names->known, address, n ? (uint64_t)first << COUNT_BITS | n : 0);
}

uint64_t java_names_learn_frames(struct java_names *names, const uint64_t *frames, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		/* a frame is a return address */
		const uint64_t address = MT_FRAME_PC(frames[i]) - 1;
		struct jvm_frame found[JVM_FRAMES_MAX];

		if (frames[i] == 0 || MT_FRAME_MODULE(frames[i]) != MT_MODULE_NONE ||
		    map_find(&names->known, address) || names->known.n_entries >= ADDRESSES_MAX)
			continue;
		if (!is_ready(names) ||
		    keep(names, address, found, jvm_code_find(names->code, address, found)) < 0)
			return i;
	}
	return n;
}

uint64_t java_names_look(struct java_names *names, struct region *region, uint64_t now_ns)
{
	const uint64_t first = names->n_seen > LOOK_BACK ? names->n_seen - LOOK_BACK : 0;
	_cleanup_free_ uint64_t *frames = NULL;
	uint64_t n, seen;

	if (now_ns < names->due_ns)
		return names->due_ns;
	if (names->changed_ns == 0)
		names->changed_ns = now_ns;
	if (region_frames(region, first, &frames, &n) >= 0) {
		seen = first + java_names_learn_frames(names, frames, n);
		if (seen != names->n_seen)
			names->changed_ns = now_ns;
		names->n_seen = MAX(seen, names->n_seen);
	}
	names->due_ns = now_ns + MIN(MAX((now_ns - names->changed_ns) / 8, (uint64_t)SOON_NS),
				     (uint64_t)LATE_NS);
	return names->due_ns;
}

bool java_names_any(const struct java_names *names)
{
	return names && names->n_frames > 0;
}

int java_names_tell(const struct java_names *names, struct symbolizer *symbolizer)
{
	map_for_each (entry, &names->known) {
		const size_t n = entry->value & ((1 << COUNT_BITS) - 1);
		int r;

		if (n == 0)
			continue;
		r = symbolizer_tell(symbolizer, entry->key,
				    &names->frames[entry->value >> COUNT_BITS], n);
		if (r < 0)
			return r;
	}
	return 0;
}
