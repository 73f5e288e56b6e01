/* SPDX-License-Identifier: MIT */
/*
 * cmd-strings.c: `memtrace strings TARGET`: which texts, or which 64-bit words, are most often in the
 * memory of a process: what is left to look at if nobody knows who allocated it.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/macro.h"
#include "base/progress.h"
#include "base/strbuf.h"
#include "cli/census-options.h"
#include "cli/explain-core.h"
#include "cli/space-region.h"
#include "cli/verb.h"
#include "cli/word-note.h"
#include "process/blocks.h"
#include "process/textscan.h"
#include "region/abi.h"
#include "render/census.h"

/* The table may take so much; what does not fit is counted with a bound on the error. */
enum { TABLE_MAX = 32 << 20, MIN_DEFAULT = 6 };

struct values {
	struct census_values census;
	bool words;
	unsigned min;
	int sort;
	const char *in;
};

static const struct values defaults = {.min = MIN_DEFAULT, .in = "in-use"};

static const char *const sorts[] = {"count", "bytes", NULL};

static const struct option_spec options[] = {
	{"in", 0, "WHERE", offsetof(struct values, in), &option_text,
	 "in-use (default) or free blocks, all that is writable, or one mapping"},
	{"words", 0, NULL, offsetof(struct values, words), &option_flag,
	 "64-bit words instead of texts, zeros left out"},
	{"sort", 0, "KEY", offsetof(struct values, sort), &option_choice,
	 "order by count (default) or bytes", sorts},
	{"min", 0, "N", offsetof(struct values, min), &option_count,
	 "only texts of N bytes or more (6)"},
	{NULL},
};

static const struct option_group groups[] = {
	{options, 0, "Options"},
	{census_options, offsetof(struct values, census), NULL},
	{NULL},
};

static const census_renderer renderers[3] = {
	render_strings_text,
	render_strings_json,
	render_strings_csv,
};

struct walk {
	struct textscan scan;
	struct window window;
	enum arenas_block_state state; /* of the blocks that are looked at */
	uint64_t blocks;
};

static int visit_block(const struct arenas_block *block, void *userdata)
{
	struct walk *walk = userdata;

	if (block->state != walk->state)
		return 0;
	walk->blocks++;
	return textscan_range(&walk->scan, &walk->window, block->address,
			      block->address + block->size);
}

static int scan_blocks(const struct values *values, const struct space *space, struct walk *walk,
		       char **ret_why)
{
	const struct blocks_options how = {
		.fast_root = space_region_heap_root(space),
		.no_stop = values->census.no_stop,
	};

	return blocks_visit(space, &how, visit_block, walk, ret_why);
}

/* Whether that is how people call the mapping. */
static bool is_called(const struct mapping *mapping, const char *name)
{
	const char *base = strrchr(mapping->path, '/');
	char *end;
	uint64_t address = strtoull(name, &end, 16);

	if (!strcmp(mapping->path, name) || (base && !strcmp(base + 1, name)))
		return true;
	return end > name && !*end && mapping->start <= address && address < mapping->end;
}

/* -ENOENT: there is no such mapping. */
static int scan_mappings(const struct values *values, const struct space *space, struct walk *walk)
{
	bool all = !strcmp(values->in, "all"), found = false;
	int r = 0;

	progress_begin("reading mappings", space->maps->n_mappings);

	for (size_t i = 0; i < space->maps->n_mappings && r == 0; i++) {
		const struct mapping *mapping = &space->maps->mappings[i];

		progress_step(i);
		/* the kernel's pages cannot be read from outside */
		if (!mapping->read || !strncmp(mapping->path, "[v", 2))
			continue;
		if (all ? !mapping->write || !strcmp(mapping->path, "/memfd:" MT_REGION_NAME)
			: !is_called(mapping, values->in))
			continue;
		found = true;
		r = textscan_range(&walk->scan, &walk->window, mapping->start, mapping->end);
	}
	progress_end();
	return r < 0 || found ? r : -ENOENT;
}

/* A text that was cut off in the middle of a character loses that character. */
static void cut_whole(char *text)
{
	size_t length = strlen(text), i = length;

	while (i && ((unsigned char)text[i - 1] & 0xc0) == 0x80)
		i--;
	if (!i || (unsigned char)text[i - 1] < 0xc0)
		return;
	/* bytes of the last character: as many as ones that its first one begins with */
	if (length - (i - 1) < (size_t)__builtin_clz(~((unsigned)(unsigned char)text[i - 1] << 24)))
		text[i - 1] = '\0';
}

static int add_row(const struct values *values, const struct tally_entry *entry,
		   struct word_notes *notes, struct census *census)
{
	char name[TEXTSCAN_SHOWN + 1];
	struct census_row *row;

	if (values->words) {
		snprintf(name, sizeof(name), "0x%016" PRIx64, entry->key);
	} else {
		snprintf(name, sizeof(name), "%s", entry->text);
		if (entry->length > strlen(name))
			cut_whole(name);
	}
	row = census_add(census, name);
	if (!row)
		return -ENOMEM;
	row->count = entry->count;
	row->length = entry->length;
	row->bytes = entry->count * entry->length;
	return values->words ? word_note(notes, entry->key, &row->note) : 0;
}

static bool is_wanted(const struct values *values, const struct tally_entry *entry,
		      const regex_t *grep)
{
	char word[TEXTSCAN_SHOWN];

	if (!grep)
		return true;
	snprintf(word, sizeof(word), "0x%016" PRIx64, entry->key);
	return regexec(grep, values->words ? word : entry->text, 0, NULL, 0) == 0;
}

static int fill_census(const struct values *values, const struct space *space,
		       const struct walk *walk, const regex_t *grep, struct census *census)
{
	_cleanup_(word_notes_deinit) struct word_notes notes = {};
	_cleanup_free_ const struct tally_entry **entries = NULL;
	const struct textscan *scan = &walk->scan;
	const size_t top = census_count(&values->census);
	size_t n;
	int r;

	census->words = values->words;
	census->blocks = walk->blocks;
	census->bytes = scan->scanned;
	census->absent_bytes = scan->absent;
	census->known_blocks = scan->tally.n_added;
	census->known_bytes =
		values->words ? scan->tally.n_added * sizeof(uint64_t) : scan->text_bytes;
	census->n_kinds = scan->tally.n_entries;
	census->error = scan->tally.error;
	r = tally_rank(&scan->tally, values->sort ? TALLY_BY_BYTES : TALLY_BY_COUNT, SIZE_MAX,
		       &entries, &n);
	if (r == 0)
		r = word_notes_init(&notes, space);
	for (size_t i = 0; r == 0 && i < n && census->n_rows < top; i++)
		if (is_wanted(values, entries[i], grep))
			r = add_row(values, entries[i], &notes, census);
	return r;
}

static int describe(const struct values *values, const struct space *space, struct census *census)
{
	const char *what = values->words ? "words" : "texts";
	int r;

	if (!strcmp(values->in, "in-use"))
		r = asprintf(&census->where, "%s in blocks in use", what);
	else if (!strcmp(values->in, "free"))
		r = asprintf(&census->where, "%s in free blocks", what);
	else if (!strcmp(values->in, "all"))
		r = asprintf(&census->where, "%s in all writable memory", what);
	else
		r = asprintf(&census->where, "%s in %s", what, values->in);
	if (r < 0) {
		census->where = NULL;
		return -ENOMEM;
	}
	return census_describe(space, census);
}

static void explain(const struct values *values, const char *target, int error_number,
		    const char *why)
{
	if (error_number == -ENOTSUP)
		log_error("strings: %s: its heap cannot be read: %s; \"--in=all\" looks at all of "
			  "its memory",
			  target, why ?: blocks_none_why);
	else if (error_number == -ENOENT)
		log_error("strings: %s: has no mapping \"%s\"; \"memtrace maps %s\" lists them, "
			  "besides them there are in-use, free and all",
			  target, values->in, target);
	else if (error_number == -ESRCH)
		log_error("strings: %s: the process has ended meanwhile; run it again", target);
	else
		log_error("strings: %s: cannot be read: %s; try again", target,
			  strerror(-error_number));
}

static int count(const void *values_, const char *target, const struct space *space,
		 const regex_t *grep)
{
	const struct values *values = values_;
	_cleanup_(census_deinit) struct census census = {};
	_cleanup_free_ char *why = NULL;
	struct walk walk = {};
	int r;

	textscan_init(&walk.scan, values->words, values->min, TABLE_MAX);
	r = window_init(&walk.window, space->memory);
	if (r == 0 && !strcmp(values->in, "in-use")) {
		walk.state = ARENAS_IN_USE;
		r = scan_blocks(values, space, &walk, &why);
	} else if (r == 0 && !strcmp(values->in, "free")) {
		walk.state = ARENAS_FREE;
		r = scan_blocks(values, space, &walk, &why);
	} else if (r == 0) {
		r = scan_mappings(values, space, &walk);
	}
	if (r >= 0)
		r = fill_census(values, space, &walk, grep, &census);
	if (r >= 0)
		r = describe(values, space, &census);
	window_deinit(&walk.window);
	textscan_deinit(&walk.scan);
	if (r < 0) {
		explain(values, target, r, why);
		return STATUS_FAILED;
	}
	if (space->core)
		core_warn(target, space->core);
	return census_print("strings", &values->census, renderers, &census);
}

static int strings_main(const void *values_, int n_operands, char **operands)
{
	const struct values *values = values_;

	return census_main("strings", operands[0], &values->census, count, values);
}

const struct verb verb_strings = {
	.name = "strings",
	.operands = "[OPTION…] TARGET",
	.summary = "count the texts or words that are most often in memory",
	.description =
		"Counts texts, or 64-bit words, in the blocks that a program has in use, in those that it\n"
		"freed, or in a mapping, and shows those that take most. TARGET is the PID of a process,\n"
		"which needs no agent, or a core file. Memory that is not resident is not touched.\n",
	.syntax = {groups},
	.values_size = sizeof(struct values),
	.defaults = &defaults,
	.min_operands = 1,
	.max_operands = 1,
	.main = strings_main,
};
