/* SPDX-License-Identifier: MIT */
/*
 * Objects of a Java heap that own native memory: streams that inflate, direct buffers. Whether they are still
 * in use only a collection can tell, which is the user's to order. The places are those of the rule for leaks
 * as well; where they are most of what it sees, this rule says it better.
 */
#include "base/strbuf.h"
#include "base/units.h"
#include "profile/java.h"
#include "profile/label.h"
#include "profile/verdict-rule.h"

/* zlib's window of an Inflater, as a block of glibc's; fewer of them are no find. */
enum { WINDOW_SIZE = (32 << 10) + 16, WINDOWS_MIN = 100 };

static void find_largest(const struct evidence *evidence, enum java_native_class *ret_class,
			 struct java_native *ret)
{
	struct java_native natives[JAVA_NATIVES];
	size_t largest = 0;

	java_find_natives(evidence->profile, natives);
	for (size_t i = 1; i < JAVA_NATIVES; i++)
		if (natives[i].native_bytes > natives[largest].native_bytes)
			largest = i;
	*ret = natives[largest];
	*ret_class = (enum java_native_class)largest;
}

static uint64_t stake_java(const struct evidence *evidence)
{
	enum java_native_class class;
	struct java_native native;

	if (!evidence->has_agent || !java_is_machine(evidence->profile))
		return 0;
	find_largest(evidence, &class, &native);
	if (!evidence_is_material(evidence, native.native_bytes) ||
	    native.native_bytes < evidence->gathering.bytes / 2)
		return 0;
	return MAX(native.native_bytes, evidence->gathering.bytes);
}

/* "CaseInflaters.openNested (CaseInflaters.java:46)"; empty if no Java frame is known. */
static int name_caller(const struct evidence *evidence, const struct java_native *native,
		       struct strbuf *text)
{
	const struct profile_location *location;
	const struct profile_frame *frame;

	if (!native->worst ||
	    !java_find_caller(evidence->profile, native->worst, &location, &frame))
		return 0;
	label_add_clean(text, frame->function);
	strbuf_adds(text, " (");
	label_place(evidence->profile, location, frame, text);
	return strbuf_addc(text, ')');
}

static int say_objects(const struct evidence *evidence, const struct java_native *native,
		       const char *caller, struct verdict *verdict)
{
	const uint64_t n =
		native->n_objects != PROFILE_UNKNOWN ? native->n_objects : native->n_native;
	char count[UNITS_MAX], bytes[UNITS_MAX];
	int r;

	units_format_bytes(native->native_bytes, bytes);
	if (native->n_objects != PROFILE_UNKNOWN && java_began_before(evidence->profile))
		r = verdict_say(verdict,
				"there are %s %s; what they allocated since memtrace attached "
				"holds %s in %s",
				units_format_count(n, count), native->class_name, bytes,
				native->where);
	else
		r = verdict_say(verdict, "%s %s hold %s in %s",
				n ? units_format_count(n, count) : "objects of", native->class_name,
				bytes, native->where);

	if (r >= 0 && caller[0])
		r = verdict_say(verdict, "%s asked for most of them", caller);
	return r;
}

static int judge_buffers(const struct evidence *evidence, struct verdict *verdict)
{
	const uint64_t option = java_fact(evidence->profile, "MaxDirectMemorySize", 0);
	const uint64_t heap = java_fact(evidence->profile, "MaxHeapSize", 0);
	char bytes[UNITS_MAX];
	int r;

	r = verdict_say(verdict, "their memory is freed some time after the collector finds that "
				 "nobody refers to them, and not before");
	if (r >= 0 && (option || heap))
		r = verdict_say(verdict, "together they may have %s (-XX:MaxDirectMemorySize%s)",
				units_format_bytes(option ?: heap, bytes),
				option ? "" : ", by default as much as the Java heap");
	if (r >= 0)
		r = verdict_advise(
			verdict, PROFILE_UNKNOWN,
			"use buffers again instead of allocating new ones, or bound them: "
			"-XX:MaxDirectMemorySize");
	return r;
}

static int judge_streams(const struct java_native *native, const char *caller,
			 struct verdict *verdict)
{
	int r = verdict_say(verdict,
			    "what is not closed waits for the collector, which does not know how "
			    "much it holds and has no reason to hurry");

	if (r < 0)
		return r;
	return verdict_advise(verdict, native->native_bytes,
			      "close them (%s)%s%s: try-with-resources", native->ended_by,
			      caller[0] ? " in " : "", caller);
}

static int judge_java(const struct evidence *evidence, struct verdict *verdict)
{
	_cleanup_(strbuf_deinit) struct strbuf caller = {};
	enum java_native_class class;
	struct java_native native;
	char target[16];
	int r;

	verdict->code = VERDICT_LEAK;
	verdict->confidence = 0.7;
	find_largest(evidence, &class, &native);
	r = name_caller(evidence, &native, &caller);
	if (r >= 0)
		r = say_objects(evidence, &native, strbuf_text(&caller), verdict);
	if (r >= 0)
		r = class == JAVA_BUFFER ? judge_buffers(evidence, verdict)
					 : judge_streams(&native, strbuf_text(&caller), verdict);
	if (r < 0 || !evidence->running)
		return r;
	return verdict_advise(
		verdict, PROFILE_UNKNOWN,
		"to see what of it nobody refers to any more, collect and look again: "
		"jcmd %s GC.run (a full collection, which stops the program)",
		verdict_target(evidence, target));
}

int verdict_java_say_windows(const struct evidence *evidence, struct verdict *verdict)
{
	const struct arena_sizes_count windows =
		evidence->arenas->sizes.in_use[arena_sizes_class(WINDOW_SIZE)];
	struct java_native natives[JAVA_NATIVES];
	char count[UNITS_MAX], n[UNITS_MAX], bytes[UNITS_MAX];
	uint64_t n_objects;
	int r;

	java_find_natives(evidence->profile, natives);
	n_objects = natives[JAVA_INFLATER].n_objects;
	if (n_objects == PROFILE_UNKNOWN || n_objects < WINDOWS_MIN ||
	    windows.blocks < n_objects / 2 || windows.blocks > n_objects + n_objects / 4)
		return 0;
	r = verdict_say(
		verdict,
		"there are %s %s, and %s blocks of the size of the window that each has: "
		"these hold about %s, until they are closed or the collector finds them unused",
		units_format_count(n_objects, count), natives[JAVA_INFLATER].class_name,
		units_format_count(windows.blocks, n), units_format_bytes(windows.bytes, bytes));
	return r < 0 ? r
		     : verdict_advise(verdict, windows.bytes, "close them (%s): try-with-resources",
				      natives[JAVA_INFLATER].ended_by);
}

int verdict_java_advise_trim(const struct evidence *evidence, struct verdict *verdict)
{
	/* 0: it has the option, and it is off */
	if (java_fact(evidence->profile, "TrimNativeHeapInterval", 1) != 0)
		return 0;
	return verdict_advise(verdict, PROFILE_UNKNOWN,
			      "or have the Java machine do it each minute: start it with "
			      "-XX:+UnlockDiagnosticVMOptions -XX:TrimNativeHeapInterval=60000");
}

const struct verdict_rule verdict_rule_java = {
	stake_java, judge_java, "of native memory are held by objects of the Java heap",
	&verdict_rule_leak};
