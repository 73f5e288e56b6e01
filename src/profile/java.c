/* SPDX-License-Identifier: MIT */
/*
 * java.c: objects of some classes are a handle on memory that malloc gave out: it is freed when they are
 * closed, and if nobody does that, by the collector's cleaner, some time after nobody refers to them. The
 * collector does not know how much they hold, so in a large heap that may be never. Which blocks belong to
 * such a class shows in their stacks: only its own native methods allocate them.
 */
#include "profile/java.h"

#include <errno.h>
#include <string.h>

#include "base/grow.h"
#include "base/macro.h"
#include "base/map.h"
#include "profile/label.h"

static const struct {
	const char *class_name, *where, *ended_by;
	const char *owns;   /* beginning of a function that is on each of its stacks */
	const char *begins; /* the same of one that allocates one block for each object */
} classes[JAVA_NATIVES] = {
	[JAVA_INFLATER] = {"java.util.zip.Inflater", "inflateInit2_ and inflate",
			   "end(), or close() of its stream", "Java_java_util_zip_Inflater_",
			   "inflateInit2_"},
	[JAVA_DEFLATER] = {"java.util.zip.Deflater", "deflateInit2_",
			   "end(), or close() of its stream", "Java_java_util_zip_Deflater_", NULL},
	[JAVA_BUFFER] = {"java.nio.DirectByteBuffer", "Unsafe.allocateMemory",
			 "the collector only, when nobody refers to it",
			 "java.nio.DirectByteBuffer.<init>", "java.nio.DirectByteBuffer.<init>"},
};

/* Beginnings of the names of what comes with the machine. */
static const char *const jdk[] = {"java.", "javax.", "jdk.", "sun.", "com.sun."};

static bool begins_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

int java_add(struct profile *profile, enum profile_java_kind kind, const char *name, uint64_t first,
	     uint64_t second)
{
	const char *kept = string_pool_add(profile->strings, name);

	if (!kept || GROW(profile->java, profile->n_java) < 0)
		return -ENOMEM;
	profile->java[profile->n_java++] = (struct profile_java){kind, kept, first, second};
	return 0;
}

bool java_is_machine(const struct profile *profile)
{
	for (size_t i = 0; i < profile->n_modules; i++)
		if (begins_with(label_base_name(profile->modules[i].path), "libjvm.so"))
			return true;
	return profile->n_java > 0;
}

const struct profile_java *java_find_row(const struct profile *profile, enum profile_java_kind kind,
					 const char *name)
{
	for (size_t i = 0; i < profile->n_java; i++)
		if (profile->java[i].kind == (uint32_t)kind &&
		    strcmp(profile->java[i].name, name) == 0)
			return &profile->java[i];
	return NULL;
}

uint64_t java_fact(const struct profile *profile, const char *name, uint64_t or_else)
{
	const struct profile_java *fact = java_find_row(profile, PROFILE_JAVA_FACT, name);

	return fact ? fact->first : or_else;
}

const char *java_collector(const struct profile *profile)
{
	static const struct {
		const char *option, *name;
	} collectors[] = {
		{"UseG1GC", "G1"}, {"UseParallelGC", "Parallel"},     {"UseSerialGC", "Serial"},
		{"UseZGC", "ZGC"}, {"UseShenandoahGC", "Shenandoah"}, {"UseEpsilonGC", "Epsilon"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(collectors); i++)
		if (java_fact(profile, collectors[i].option, 0))
			return collectors[i].name;
	return NULL;
}

const char *java_thread_name(const struct profile *profile, uint32_t tid)
{
	for (size_t i = 0; tid && i < profile->n_java; i++)
		if (profile->java[i].kind == PROFILE_JAVA_THREAD && profile->java[i].first == tid)
			return profile->java[i].name;
	return NULL;
}

const char *java_name_of(const struct profile *profile, const struct profile_thread *thread)
{
	return java_thread_name(profile, thread->tid) ?: thread->name;
}

/* Whether a function on the site's stack begins with prefix. */
static bool has_function(const struct profile *profile, const struct profile_site *site,
			 const char *prefix)
{
	for (uint32_t i = 0; i < site->n_locations; i++) {
		const struct profile_location *location = profile_location_get(profile, site, i);

		for (uint32_t k = 0; k < location->n_frames; k++) {
			const char *name = profile->frames[location->first_frame + k].function;

			if (name && begins_with(name, prefix))
				return true;
		}
	}
	return false;
}

bool java_began_before(const struct profile *profile)
{
	return profile->agent.mode == MT_MODE_INJECTED;
}

void java_find_natives(const struct profile *profile, struct java_native ret[JAVA_NATIVES])
{
	const bool is_machine = java_is_machine(profile);

	for (size_t c = 0; c < JAVA_NATIVES; c++) {
		const struct profile_java *counted =
			java_find_row(profile, PROFILE_JAVA_CLASS, classes[c].class_name);

		ret[c] = (struct java_native){
			.class_name = classes[c].class_name,
			.where = classes[c].where,
			.ended_by = classes[c].ended_by,
			.n_objects = counted ? counted->first : PROFILE_UNKNOWN,
		};
	}
	for (size_t i = 0; is_machine && i < profile->n_sites; i++) {
		const struct profile_site *site = &profile->sites[i];

		for (size_t c = 0;
		     site->kind == MT_SITE_MALLOC && site->live_bytes > 0 && c < JAVA_NATIVES;
		     c++) {
			if (!has_function(profile, site, classes[c].owns))
				continue;
			ret[c].native_bytes += site->live_bytes;
			/* sites stand in the order of their weight */
			ret[c].worst = ret[c].worst ?: site;
			if (classes[c].begins && has_function(profile, site, classes[c].begins))
				ret[c].n_native += site->live_blocks;
			break;
		}
	}
}

static bool is_java(const struct profile_location *location, const struct profile_frame *frame)
{
	const size_t length = frame->file ? strlen(frame->file) : 0;

	return location->module == PROFILE_NO_MODULE && frame->function && length > 0 &&
	       strchr(frame->function, '.');
}

bool java_is_own(const struct profile_location *location, const struct profile_frame *frame)
{
	if (location->module != PROFILE_NO_MODULE || !frame->function)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(jdk); i++)
		if (begins_with(frame->function, jdk[i]))
			return true;
	return strcmp(frame->function, "call_stub") == 0 ||
	       strcmp(frame->function, "Interpreter") == 0;
}

bool java_find_caller(const struct profile *profile, const struct profile_site *site,
		      const struct profile_location **ret_location,
		      const struct profile_frame **ret_frame)
{
	for (uint32_t i = 0; i < site->n_locations; i++) {
		const struct profile_location *location = profile_location_get(profile, site, i);

		for (uint32_t k = 0; k < location->n_frames; k++) {
			const struct profile_frame *frame =
				&profile->frames[location->first_frame + k];

			if (!is_java(location, frame) || java_is_own(location, frame))
				continue;
			*ret_location = location;
			*ret_frame = frame;
			return true;
		}
	}
	return false;
}
