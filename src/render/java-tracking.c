/* SPDX-License-Identifier: MIT */
/*
 * java-tracking.c: Native Memory Tracking beside the ledger. The machine counts what it reserved, what it
 * committed, and what its own code has from malloc; it knows neither what of it is resident nor what
 * libraries allocate. What is resident of its mappings is known where it told their addresses ("detail"). What
 * malloc's live blocks are more than it counts is the libraries', which is where native leaks of Java
 * programs hide.
 */
#include <string.h>

#include "base/units.h"
#include "profile/java.h"
#include "profile/label.h"
#include "render/text.h"
#include "render/words.h"

enum {
	LABEL_COLUMNS = 11,
	CATEGORIES_SHOWN = 6,
	PLACES_SHOWN = 3,
	NAME_COLUMNS = 26,
	FIGURE_COLUMNS = 13
};

static void add_figure(struct strbuf *buffer, const struct render_options *options, size_t line,
		       unsigned column, uint64_t bytes)
{
	_cleanup_(strbuf_deinit) struct strbuf text = {};
	const size_t end = LABEL_COLUMNS + NAME_COLUMNS + (column + 1) * FIGURE_COLUMNS;

	if (bytes == PROFILE_UNKNOWN)
		return;
	words_add_bytes(&text, options, bytes, 0);
	words_pad(buffer, line, end - words_columns(strbuf_text(&text)));
	strbuf_adds(buffer, strbuf_text(&text));
}

static void add_head(struct strbuf *buffer, bool has_resident)
{
	static const char *const heads[] = {"reserved", "committed", "from malloc", "resident"};
	const size_t line = buffer->length;

	words_pad(buffer, line, LABEL_COLUMNS);
	strbuf_adds(buffer, "Native Memory Tracking");
	for (size_t i = 0; i < (has_resident ? 4 : 3); i++) {
		const size_t end = LABEL_COLUMNS + NAME_COLUMNS + (i + 1) * FIGURE_COLUMNS;

		words_pad(buffer, line, end - strlen(heads[i]));
		strbuf_adds(buffer, heads[i]);
	}
	strbuf_addc(buffer, '\n');
}

static uint64_t first_of(const struct profile *profile, enum profile_java_kind kind,
			 const char *name)
{
	const struct profile_java *row = java_find_row(profile, kind, name);

	return row ? row->first : PROFILE_UNKNOWN;
}

/* What of a category is resident: its mappings, and all that it has from malloc. */
static uint64_t find_resident(const struct profile *profile, const char *name)
{
	const uint64_t mapped = first_of(profile, PROFILE_JAVA_NMT_RESIDENT, name);
	const uint64_t blocks = first_of(profile, PROFILE_JAVA_NMT_MALLOC, name);
	uint64_t sum = 0;

	if (strcmp(name, "Total") != 0)
		return mapped == PROFILE_UNKNOWN
			       ? blocks
			       : mapped + (blocks == PROFILE_UNKNOWN ? 0 : blocks);
	for (size_t i = 0; i < profile->n_java; i++)
		if (profile->java[i].kind == PROFILE_JAVA_NMT_RESIDENT)
			sum += profile->java[i].first;
	return sum + (blocks == PROFILE_UNKNOWN ? 0 : blocks);
}

static void add_row(struct strbuf *buffer, const struct profile *profile,
		    const struct render_options *options, const struct profile_java *row,
		    const char *name, bool has_resident)
{
	const size_t line = buffer->length;
	const uint64_t from_malloc = first_of(profile, PROFILE_JAVA_NMT_MALLOC, row->name);

	words_pad(buffer, line, LABEL_COLUMNS + 2);
	label_add_clean(buffer, name);
	add_figure(buffer, options, line, 0, row->first);
	add_figure(buffer, options, line, 1, row->second);
	add_figure(buffer, options, line, 2, from_malloc == PROFILE_UNKNOWN ? 0 : from_malloc);
	if (has_resident)
		add_figure(buffer, options, line, 3, find_resident(profile, row->name));
	strbuf_addc(buffer, '\n');
}

static void add_rows(struct strbuf *buffer, const struct profile *profile,
		     const struct render_options *options, bool has_resident)
{
	const struct profile_java *total = java_find_row(profile, PROFILE_JAVA_NMT, "Total");
	struct profile_java rest = {.name = ""};
	unsigned n = 0, n_rest = 0;

	for (size_t i = 0; i < profile->n_java; i++) {
		const struct profile_java *row = &profile->java[i];

		if (row->kind != PROFILE_JAVA_NMT || row == total || row->second == 0)
			continue;
		if (n++ < CATEGORIES_SHOWN) {
			add_row(buffer, profile, options, row, row->name, has_resident);
			continue;
		}
		n_rest++;
		rest.first += row->first;
		rest.second += row->second;
	}
	if (n_rest > 0) {
		const size_t line = buffer->length;

		words_pad(buffer, line, LABEL_COLUMNS + 2);
		strbuf_addf(buffer, "%u more", n_rest);
		add_figure(buffer, options, line, 0, rest.first);
		add_figure(buffer, options, line, 1, rest.second);
		strbuf_addc(buffer, '\n');
	}
	if (total)
		add_row(buffer, profile, options, total, "in all", has_resident);
}

/* "outside of it: 571.0 MiB of malloc's live blocks, …" */
static void add_outside(struct strbuf *buffer, const struct profile *profile,
			const struct render_options *options, const struct ledger *ledger)
{
	static const struct {
		enum ledger_owner owner;
		const char *what;
	} others[] = {
		{LEDGER_HEAP_FREE, "malloc's free memory"},
		{LEDGER_MAPPED, "mappings that the program made itself"},
		{LEDGER_IMAGES, "program and libraries"},
		{LEDGER_FILES, "mapped files"},
		{LEDGER_MEMTRACE, "memtrace itself"},
	};
	_cleanup_(strbuf_deinit) struct strbuf text = {};
	const uint64_t counted = first_of(profile, PROFILE_JAVA_NMT_MALLOC, "Total");
	const uint64_t live = ledger->lines[LEDGER_HEAP_LIVE].resident +
			      ledger->lines[LEDGER_HEAP_BEFORE].resident;

	strbuf_adds(&text, "outside of it are resident: ");
	if (counted != PROFILE_UNKNOWN && live > counted) {
		words_add_bytes(&text, options, live - counted, 0);
		strbuf_adds(&text, " of malloc's live blocks, which libraries allocated");
	} else {
		strbuf_adds(&text, "none of malloc's live blocks");
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		const uint64_t bytes = ledger->lines[others[i].owner].resident;

		if (bytes < 1 << 20)
			continue;
		strbuf_adds(&text, "; ");
		words_add_bytes(&text, options, bytes, 0);
		strbuf_addf(&text, " of %s", others[i].what);
	}
	text_add_item(buffer, options, "", strbuf_text(&text));
}

static void add_places(struct strbuf *buffer, const struct profile *profile,
		       const struct render_options *options)
{
	unsigned n = 0;

	for (size_t i = 0; i < profile->n_java && n < PLACES_SHOWN; i++) {
		const struct profile_java *row = &profile->java[i];
		size_t line;

		if (row->kind != PROFILE_JAVA_NMT_PLACE)
			continue;
		if (n++ == 0)
			text_add_item(buffer, options, "", "of malloc, its own code has most in");
		line = buffer->length;
		words_pad(buffer, line, LABEL_COLUMNS + 2);
		words_add_bytes(buffer, options, row->first, 0);
		strbuf_adds(buffer, " in ");
		words_add_count(buffer, row->second, "block", "blocks");
		strbuf_adds(buffer, ": ");
		label_add_clean(buffer, row->name);
		strbuf_addc(buffer, '\n');
	}
}

int text_add_tracking(struct strbuf *buffer, const struct profile *profile,
		      const struct render_options *options, const struct ledger *ledger)
{
	bool has_resident = false, any = false;

	for (size_t i = 0; i < profile->n_java; i++) {
		any |= profile->java[i].kind == PROFILE_JAVA_NMT;
		has_resident |= profile->java[i].kind == PROFILE_JAVA_NMT_RESIDENT;
	}
	if (!any)
		return 0;
	add_head(buffer, has_resident);
	add_rows(buffer, profile, options, has_resident);
	if (ledger)
		add_outside(buffer, profile, options, ledger);
	add_places(buffer, profile, options);
	return buffer->error;
}
