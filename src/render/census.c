/* SPDX-License-Identifier: MIT */
/*
 * census.c: see the header. Text begins with what was looked at and how much of it is known, since a
 * table of classes alone would read as if it were everything.
 */
#include "render/census.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/macro.h"
#include "base/strbuf.h"
#include "base/units.h"
#include "profile/label.h"
#include "render/json-value.h"
#include "render/json.h"
#include "render/table.h"
#include "render/view.h"
#include "render/words.h"

enum { LABEL = 10 };

static int add_title(struct strbuf *buffer, const struct census *census)
{
	label_add_clean(buffer, census->comm);
	return strbuf_addf(buffer,
			   census->is_core ? " (pid %u, core file): %s\n\n" : " (pid %u): %s\n\n",
			   census->pid, census->where);
}

/* "Known     12 blocks, 1.5 MiB" and what is to be said of it. */
static void add_line(struct strbuf *buffer, const struct render_options *options, const char *label,
		     uint64_t blocks, uint64_t bytes, const char *more)
{
	const size_t start = buffer->length;

	words_add_styled(buffer, options, WORDS_STRONG, label);
	words_pad(buffer, start, LABEL);
	if (blocks) {
		words_add_count(buffer, blocks, "block", "blocks");
		strbuf_adds(buffer, ", ");
	}
	words_add_bytes(buffer, options, bytes, 0);
	strbuf_addf(buffer, "%s%s\n", more[0] ? ", " : "", more);
}

static double share(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : NAN;
}

static int name_row(const struct census_row *row, const struct render_options *options,
		    struct strbuf *name)
{
	_cleanup_(strbuf_deinit) struct strbuf clean = {};

	label_add_clean(&clean, row->name);
	/* what stands in front of it is 44 columns wide */
	if (options->width > 64)
		return words_add_name(name, options, strbuf_text(&clean), options->width - 44);
	return strbuf_adds(name, strbuf_text(&clean));
}

static int fill_objects(const struct census *census, const struct render_options *options, bool cut,
			struct table *table)
{
	for (size_t i = 0; i < census->n_rows; i++) {
		const struct census_row *row = &census->rows[i];
		_cleanup_(strbuf_deinit) struct strbuf name = {};

		if (cut && name_row(row, options, &name) < 0)
			return -ENOMEM;
		table_add_number(table, row->bytes);
		table_add_real(table, share(row->bytes, census->bytes));
		table_add_number(table, row->count);
		table_add_number(table, row->length);
		table_add_text(table, row->language);
		table_add_text(table, cut ? strbuf_text(&name) : row->name);
	}
	return table->error;
}

static const struct table_column object_columns[] = {
	{"bytes", "bytes", TABLE_BYTES},   {"share", "share", TABLE_SHARE},
	{"blocks", "blocks", TABLE_COUNT}, {"largest_bytes", "largest", TABLE_BYTES},
	{"language", "", TABLE_TEXT},      {"class", "class", TABLE_TEXT},
};

static int add_known(struct strbuf *buffer, const struct census *census,
		     const struct render_options *options)
{
	_cleanup_(strbuf_deinit) struct strbuf more = {};

	add_line(buffer, options, "In use", census->blocks, census->bytes, "");
	words_add_count(&more, census->n_kinds, "class", "classes");
	if (census->known_bytes) {
		strbuf_adds(&more, ", ");
		words_add_share(&more, census->known_bytes, census->bytes);
	}
	add_line(buffer, options, "Objects", census->known_blocks, census->known_bytes,
		 strbuf_text(&more));
	add_line(buffer, options, "Others",
		 census->blocks - census->known_blocks - census->absent_blocks,
		 census->bytes - census->known_bytes - census->absent_bytes,
		 "which do not say what they are");
	if (census->absent_blocks)
		add_line(buffer, options, "Absent", census->absent_blocks, census->absent_bytes,
			 "not resident, so not looked at");
	return more.error < 0 ? more.error : buffer->error;
}

int render_objects_text(const struct census *census, const struct render_options *options,
			FILE *out)
{
	_cleanup_(strbuf_deinit) struct strbuf buffer = {};
	_cleanup_(table_deinit) struct table table;
	int r;

	table_init(&table, object_columns, ARRAY_SIZE(object_columns));
	add_title(&buffer, census);
	r = add_known(&buffer, census, options);
	if (r >= 0)
		r = fill_objects(census, options, true, &table);
	if (r < 0)
		return r;
	if (census->n_rows)
		strbuf_addc(&buffer, '\n');
	fputs(strbuf_text(&buffer), out);
	if (census->n_rows)
		r = table_print_text(&table, options, out);
	if (census->n_rows && census->n_rows < census->n_kinds)
		fprintf(out, "  and %" PRIu64 " more\n", census->n_kinds - census->n_rows);
	return r < 0 ? r : words_finish(out);
}

int render_objects_csv(const struct census *census, const struct render_options *options, FILE *out)
{
	_cleanup_(table_deinit) struct table table;
	int r;

	table_init(&table, object_columns, ARRAY_SIZE(object_columns));
	r = fill_objects(census, options, false, &table);
	if (r >= 0)
		r = table_print_csv(&table, out);
	return r < 0 ? r : words_finish(out);
}

static json_t *make_process(const struct census *census)
{
	return json_pack("{s:I, s:o, s:o, s:s}", "pid", (json_int_t)census->pid, "comm",
			 json_value_text(census->comm), "exe", json_value_text(census->exe),
			 "state", census->is_core ? "core" : "running");
}

static int print_json(const struct census *census, const char *name, json_t *content, FILE *out)
{
	return json_write(json_pack("{s:s, s:s, s:o, s:o}", "schema", "memtrace/1", "version",
				    MEMTRACE_VERSION, "process", make_process(census), name,
				    content),
			  out);
}

int render_objects_json(const struct census *census, const struct render_options *options,
			FILE *out)
{
	json_t *classes = json_array();

	for (size_t i = 0; i < census->n_rows; i++) {
		const struct census_row *row = &census->rows[i];

		json_array_append_new(classes,
				      json_pack("{s:o, s:s, s:I, s:I, s:I}", "name",
						json_value_text(row->name), "language",
						row->language, "blocks", (json_int_t)row->count,
						"bytes", (json_int_t)row->bytes, "largest_bytes",
						(json_int_t)row->length));
	}
	return print_json(census, "objects",
			  json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "in_use_blocks",
				    (json_int_t)census->blocks, "in_use_bytes",
				    (json_int_t)census->bytes, "known_blocks",
				    (json_int_t)census->known_blocks, "known_bytes",
				    (json_int_t)census->known_bytes, "absent_blocks",
				    (json_int_t)census->absent_blocks, "absent_bytes",
				    (json_int_t)census->absent_bytes, "n_classes",
				    (json_int_t)census->n_kinds, "classes", classes),
			  out);
}

static const struct table_column text_columns[] = {
	{"count", "count", TABLE_COUNT},
	{"bytes", "bytes", TABLE_BYTES},
	{"length", "length", TABLE_COUNT},
	{"text", "text", TABLE_TEXT},
};

static const struct table_column word_columns[] = {
	{"count", "count", TABLE_COUNT},
	{"bytes", "bytes", TABLE_BYTES},
	{"word", "word", TABLE_TEXT},
	{"note", "what it may be", TABLE_TEXT},
};

static int fill_texts(const struct census *census, const struct render_options *options, bool cut,
		      struct table *table)
{
	if (census->words)
		table_init(table, word_columns, ARRAY_SIZE(word_columns));
	else
		table_init(table, text_columns, ARRAY_SIZE(text_columns));
	for (size_t i = 0; i < census->n_rows; i++) {
		const struct census_row *row = &census->rows[i];
		_cleanup_(strbuf_deinit) struct strbuf name = {};

		if (cut && label_add_clean(&name, row->name) < 0)
			return -ENOMEM;
		if (cut && !census->words && row->length > strlen(row->name))
			strbuf_adds(&name, options->utf8 ? "…" : "...");
		table_add_number(table, row->count);
		table_add_number(table, row->bytes);
		if (!census->words)
			table_add_number(table, row->length);
		table_add_text(table, cut ? strbuf_text(&name) : row->name);
		if (census->words)
			table_add_text(table, row->note);
	}
	return table->error;
}

static void add_scanned(struct strbuf *buffer, const struct census *census,
			const struct render_options *options)
{
	const char *one = census->words ? "word" : "text",
		   *many = census->words ? "words" : "texts";
	_cleanup_(strbuf_deinit) struct strbuf more = {};

	add_line(buffer, options, "Read", census->blocks, census->bytes, "");
	if (census->absent_bytes)
		add_line(buffer, options, "Absent", census->absent_blocks, census->absent_bytes,
			 "not resident, so not read");
	words_add_count(&more, census->known_blocks, one, many);
	if (!census->error) {
		strbuf_adds(&more, ", ");
		words_add_count(&more, census->n_kinds, "different one", "different ones");
	}
	add_line(buffer, options, census->words ? "Words" : "Texts", 0, census->known_bytes,
		 strbuf_text(&more));
	if (!census->error)
		return;
	strbuf_reset(&more);
	strbuf_adds(&more, "there were too many to count each: what follows is there at least so "
			   "often, and at most ");
	words_add_count(&more, census->error, "time", "times");
	strbuf_adds(&more, " more");
	strbuf_addf(buffer, "%-*s%s\n", LABEL, "", strbuf_text(&more));
}

int render_strings_text(const struct census *census, const struct render_options *options,
			FILE *out)
{
	_cleanup_(strbuf_deinit) struct strbuf buffer = {};
	_cleanup_(table_deinit) struct table table = {};
	int r;

	add_title(&buffer, census);
	add_scanned(&buffer, census, options);
	r = fill_texts(census, options, true, &table);
	if (r < 0 || buffer.error < 0)
		return -ENOMEM;
	if (census->n_rows)
		strbuf_addc(&buffer, '\n');
	fputs(strbuf_text(&buffer), out);
	r = census->n_rows ? table_print_text(&table, options, out) : 0;
	return r < 0 ? r : words_finish(out);
}

int render_strings_csv(const struct census *census, const struct render_options *options, FILE *out)
{
	_cleanup_(table_deinit) struct table table = {};
	int r;

	r = fill_texts(census, options, false, &table);
	if (r >= 0)
		r = table_print_csv(&table, out);
	return r < 0 ? r : words_finish(out);
}

int render_strings_json(const struct census *census, const struct render_options *options,
			FILE *out)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < census->n_rows; i++) {
		const struct census_row *row = &census->rows[i];

		json_array_append_new(
			rows,
			json_pack("{s:o, s:I, s:I, s:I, s:o}", census->words ? "word" : "text",
				  json_value_text(row->name), "count", (json_int_t)row->count,
				  "bytes", (json_int_t)row->bytes, "length",
				  (json_int_t)row->length, "note", json_value_text(row->note)));
	}
	return print_json(census, "strings",
			  json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:b, s:I, s:o}", "kind",
				    census->words ? "words" : "texts", "where", census->where,
				    "blocks", (json_int_t)census->blocks, "read_bytes",
				    (json_int_t)census->bytes, "absent_bytes",
				    (json_int_t)census->absent_bytes, "n_found",
				    (json_int_t)census->known_blocks, "found_bytes",
				    (json_int_t)census->known_bytes, "exact", !census->error,
				    "count_error", (json_int_t)census->error, "rows", rows),
			  out);
}
