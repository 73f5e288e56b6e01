/* SPDX-License-Identifier: MIT */
/*
 * java.c: what the Java machine is and what of its heap holds memory outside of it. A class gets a line only if
 * it holds enough for anybody to care.
 */
#include <errno.h>
#include <string.h>

#include "base/units.h"
#include "profile/java.h"
#include "profile/label.h"
#include "render/json-value.h"
#include "render/json.h"
#include "render/text.h"
#include "render/words.h"

/* Less is every program's. */
static const uint64_t NATIVE_MIN = 256 << 10, OBJECTS_MIN = 100;

static bool is_worth_a_line(const struct java_native *native)
{
	return native->native_bytes >= NATIVE_MIN ||
	       (native->n_objects != PROFILE_UNKNOWN && native->n_objects >= OBJECTS_MIN);
}

static int add_machine(struct strbuf *text, const struct profile *profile)
{
	const uint64_t version = java_fact(profile, "version", 0);
	const uint64_t heap = java_fact(profile, "MaxHeapSize", 0);
	const char *collector = java_collector(profile);
	char bytes[UNITS_MAX];

	strbuf_adds(text, "HotSpot");
	if (version)
		strbuf_addf(text, " %u", (unsigned)version);
	if (collector)
		strbuf_addf(text, ", %s collector", collector);
	if (heap)
		strbuf_addf(text, ", Java heap up to %s", units_format_bytes(heap, bytes));
	return text->error;
}

static int add_caller(struct strbuf *text, const struct profile *profile,
		      const struct profile_site *site)
{
	const struct profile_location *location;
	const struct profile_frame *frame;

	if (!site || !java_find_caller(profile, site, &location, &frame))
		return 0;
	strbuf_adds(text, ", most by ");
	label_add_clean(text, frame->function);
	strbuf_adds(text, " (");
	label_place(profile, location, frame, text);
	return strbuf_addc(text, ')');
}

static int add_native(struct strbuf *text, const struct profile *profile,
		      const struct render_options *options, const struct java_native *native)
{
	const uint64_t n =
		native->n_objects != PROFILE_UNKNOWN ? native->n_objects : native->n_native;
	char count[UNITS_MAX];

	if (n > 0)
		strbuf_addf(text, "%s %s ", units_format_count(n, count), native->class_name);
	else
		strbuf_addf(text, "objects of %s ", native->class_name);
	if (native->native_bytes > 0) {
		strbuf_adds(text, java_began_before(profile) && native->n_objects != PROFILE_UNKNOWN
					  ? "in the Java heap; what they allocated since memtrace "
					    "attached holds "
					  : "hold ");
		words_add_bytes(text, options, native->native_bytes, 0);
		strbuf_addf(text, " in %s", native->where);
		add_caller(text, profile, native->worst);
	} else {
		strbuf_addf(text, "in the Java heap, each with memory of %s", native->where);
	}
	return strbuf_addf(text, "; freed by %s%s", native->ended_by,
			   strchr(native->ended_by, ',') && strstr(native->ended_by, "()")
				   ? ", else some time after the collector finds them unused"
				   : "");
}

static int add_natives(struct strbuf *buffer, const struct profile *profile,
		       const struct render_options *options, const char **label)
{
	struct java_native natives[JAVA_NATIVES];

	java_find_natives(profile, natives);
	for (size_t i = 0; i < JAVA_NATIVES; i++) {
		_cleanup_(strbuf_deinit) struct strbuf text = {};

		if (!is_worth_a_line(&natives[i]))
			continue;
		add_native(&text, profile, options, &natives[i]);
		text_add_item(buffer, options, *label, strbuf_text(&text));
		*label = "";
		if (text.error < 0)
			return text.error;
	}
	return buffer->error;
}

int text_add_java(struct strbuf *buffer, const struct profile *profile,
		  const struct render_options *options, const struct ledger *ledger)
{
	_cleanup_(strbuf_deinit) struct strbuf head = {};
	const char *label = "Java";
	const size_t before = buffer->length;
	int r;

	if (!java_is_machine(profile))
		return 0;
	if (java_fact(profile, "version", 0)) {
		add_machine(&head, profile);
		text_add_item(buffer, options, label, strbuf_text(&head));
		label = "";
	}
	r = add_natives(buffer, profile, options, &label);
	if (r < 0)
		return r;
	text_add_tracking(buffer, profile, options, ledger);
	for (size_t i = 0; i < profile->n_java; i++) {
		_cleanup_(strbuf_deinit) struct strbuf text = {};

		if (profile->java[i].kind != PROFILE_JAVA_MISSING)
			continue;
		strbuf_adds(&text, "missing: ");
		label_add_clean(&text, profile->java[i].name);
		text_add_item(buffer, options, label, strbuf_text(&text));
		label = "";
	}
	if (buffer->length > before)
		strbuf_addc(buffer, '\n');
	return buffer->error < 0 ? buffer->error : head.error;
}

static json_t *number_of(const struct profile *profile, enum profile_java_kind kind,
			 const char *name)
{
	const struct profile_java *row = java_find_row(profile, kind, name);

	return row ? json_value_number(row->first) : json_null();
}

static json_t *make_classes(const struct profile *profile)
{
	struct java_native natives[JAVA_NATIVES];
	json_t *classes = json_array();

	java_find_natives(profile, natives);
	for (size_t i = 0; i < JAVA_NATIVES; i++)
		json_array_append_new(
			classes,
			json_pack("{s:s, s:o, s:o, s:o}", "name", natives[i].class_name, "objects",
				  json_value_number(natives[i].n_objects), "native_bytes",
				  json_value_number(natives[i].native_bytes), "native_objects",
				  json_value_number(natives[i].n_native)));
	return classes;
}

static json_t *make_rows(const struct profile *profile, enum profile_java_kind kind)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < profile->n_java; i++) {
		const struct profile_java *row = &profile->java[i];

		if (row->kind != (uint32_t)kind)
			continue;
		if (kind == PROFILE_JAVA_MISSING)
			json_array_append_new(rows, json_value_text(row->name));
		else if (kind == PROFILE_JAVA_NMT)
			json_array_append_new(
				rows,
				json_pack(
					"{s:o, s:o, s:o, s:o, s:o}", "category",
					json_value_text(row->name), "reserved_bytes",
					json_value_number(row->first), "committed_bytes",
					json_value_number(row->second), "malloc_bytes",
					number_of(profile, PROFILE_JAVA_NMT_MALLOC, row->name),
					"mapped_resident_bytes",
					number_of(profile, PROFILE_JAVA_NMT_RESIDENT, row->name)));
		else if (kind == PROFILE_JAVA_NMT_PLACE)
			json_array_append_new(rows,
					      json_pack("{s:o, s:o, s:o}", "place",
							json_value_text(row->name), "bytes",
							json_value_number(row->first), "blocks",
							json_value_number(row->second)));
		else
			json_array_append_new(rows, json_pack("{s:o, s:o}", "name",
							      json_value_text(row->name), "value",
							      json_value_number(row->first)));
	}
	return rows;
}

json_t *json_make_java(const struct profile *profile)
{
	if (!java_is_machine(profile))
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "version",
			 json_value_number(java_fact(profile, "version", PROFILE_UNKNOWN)),
			 "collector", json_value_text(java_collector(profile)), "options",
			 make_rows(profile, PROFILE_JAVA_FACT), "classes", make_classes(profile),
			 "tracking", make_rows(profile, PROFILE_JAVA_NMT), "places",
			 make_rows(profile, PROFILE_JAVA_NMT_PLACE), "missing",
			 make_rows(profile, PROFILE_JAVA_MISSING));
}
