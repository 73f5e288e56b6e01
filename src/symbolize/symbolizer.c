/* SPDX-License-Identifier: MIT */
/*
 * symbolizer.c: modules by index, answers by address.
 *
 * A module that is told is a file at a place. Files are shared: a plugin that was loaded a hundred times
 * at a hundred places is read once. Every answer is kept, since a profile asks for the same frames in
 * many stacks, and all strings live in the files or in one pool, so that an answer is a few words. When
 * very many have gathered they are dropped and worked out again as needed.
 *
 *	place 0 ─┐                     place: file, bias, answers by address
 *	place 1 ─┴→ module /lib/a.so   module: the file and all that is known of it
 *	place 2 ──→ module /bin/b
 *	no module ─→ jit               /tmp/perf-PID.map
 */
#include "symbolize/symbolizer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/grow.h"
#include "base/macro.h"
#include "symbolize/jit.h"
#include "symbolize/jitname.h"
#include "symbolize/module.h"

/* Some 200 MB of answers, at the most. */
enum { MAX_ANSWER_FRAMES = 2 << 20 };
_Static_assert((int)DWARF_MAX_CALLS == (int)ANSWERS_MAX_FRAMES, "what is found can be kept");

/* The value in the map of what was told: the first frame, and how many there are. */
enum { TOLD_COUNT_BITS = 8 };
_Static_assert(DWARF_MAX_CALLS < 1 << TOLD_COUNT_BITS, "the count fits");

/* A module as the caller told it. */
struct place {
	struct module *module; /* owned by the symbolizer */
	uint64_t bias;
	struct map
		answers; /* addresses to the innermost frame's number and the offset in 32 bits each */
};

struct symbolizer {
	struct module_context context;
	char *root;
	struct jit *jit; /* NULL: no process is known */
	struct module **modules;
	size_t n_modules;
	struct place *places;
	size_t n_places;
	struct map jit_answers; /* of addresses in no module */
	struct map told;        /* those of no module that the caller told; of told_frames */
	struct symbolizer_frame *told_frames;
	size_t n_told_frames;
	uint64_t deadline_ns;
	bool was_late;
};

int symbolizer_new(const struct symbolizer_options *options, struct symbolizer **ret)
{
	_cleanup_(symbolizer_freep) struct symbolizer *symbolizer = calloc(1, sizeof(*symbolizer));
	struct debuginfo_places *places;
	size_t length;
	int r;

	if (!symbolizer)
		return -ENOMEM;
	symbolizer->root = strdup(options->root ?: "");
	symbolizer->context.pool = string_pool_new();
	if (!symbolizer->root || !symbolizer->context.pool)
		return -ENOMEM;
	/* "/" is no prefix, and paths begin with one */
	length = strlen(symbolizer->root);
	while (length > 0 && symbolizer->root[length - 1] == '/')
		symbolizer->root[--length] = 0;

	places = &symbolizer->context.places;
	places->root = symbolizer->root;
	places->pid = options->pid;
	if (!options->no_debuginfod) {
		r = debugserver_new(&places->server);
		if (r < 0 && r != -ENOENT)
			return r;
	}
	if (options->pid > 0) {
		r = jit_new(symbolizer->root, options->pid, options->ns_pid ?: options->pid,
			    &symbolizer->jit);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(symbolizer);
	return 0;
}

static void forget_answers(struct symbolizer *symbolizer)
{
	for (size_t i = 0; i < symbolizer->n_places; i++)
		map_deinit(&symbolizer->places[i].answers);
	map_deinit(&symbolizer->jit_answers);
	answers_deinit(&symbolizer->context.answers);
}

struct symbolizer *symbolizer_free(struct symbolizer *symbolizer)
{
	if (!symbolizer)
		return NULL;
	forget_answers(symbolizer);
	for (size_t i = 0; i < symbolizer->n_modules; i++)
		module_free(symbolizer->modules[i]);
	free(symbolizer->modules);
	free(symbolizer->places);
	map_deinit(&symbolizer->told);
	free(symbolizer->told_frames);
	jit_free(symbolizer->jit);
	debugserver_free(symbolizer->context.places.server);
	demangler_deinit(&symbolizer->context.demangler);
	dwarf_scopes_deinit(&symbolizer->context.scopes);
	source_paths_deinit(&symbolizer->context.paths);
	string_pool_free(symbolizer->context.pool);
	free(symbolizer->root);
	free(symbolizer);
	return NULL;
}

/* The one module of that file. */
static int get_module(struct symbolizer *symbolizer, const char *path,
		      const struct build_id *build_id, struct module **ret)
{
	_cleanup_(module_freep) struct module *module = NULL;
	int r;

	for (size_t i = 0; i < symbolizer->n_modules; i++) {
		if (module_is(symbolizer->modules[i], path, build_id)) {
			*ret = symbolizer->modules[i];
			return 0;
		}
	}
	r = module_new(path, build_id, &module);
	if (r < 0)
		return r;
	if (GROW(symbolizer->modules, symbolizer->n_modules) < 0)
		return -ENOMEM;
	*ret = symbolizer->modules[symbolizer->n_modules++] = TAKE_PTR(module);
	return 0;
}

int symbolizer_add_module(struct symbolizer *symbolizer, const struct symbolizer_module *told,
			  uint32_t *ret_index)
{
	struct build_id build_id = {};
	struct module *module;
	int r;

	/* of an ID that is too long to be kept nothing is known */
	if (told->build_id && told->build_id_size <= sizeof(build_id.bytes)) {
		memcpy(build_id.bytes, told->build_id, told->build_id_size);
		build_id.size = told->build_id_size;
	}
	r = get_module(symbolizer, told->path ?: "", &build_id, &module);
	if (r < 0)
		return r;
	for (size_t i = 0; i < symbolizer->n_places; i++) {
		if (symbolizer->places[i].bias == told->bias &&
		    symbolizer->places[i].module == module) {
			*ret_index = (uint32_t)i;
			return 0;
		}
	}
	if (GROW(symbolizer->places, symbolizer->n_places) < 0)
		return -ENOMEM;
	symbolizer->places[symbolizer->n_places] = (struct place){module, told->bias, {}};
	*ret_index = (uint32_t)symbolizer->n_places++;
	return 0;
}

int symbolizer_tell(struct symbolizer *symbolizer, uint64_t address,
		    const struct symbolizer_frame *frames, size_t n)
{
	const size_t first = symbolizer->n_told_frames;

	if (map_find(&symbolizer->told, address))
		return 0;
	n = MIN(n, (size_t)DWARF_MAX_CALLS);
	for (size_t i = 0; i < n; i++) {
		struct symbolizer_frame frame = frames[i];
		const char **texts[] = {&frame.function, &frame.linkage_name, &frame.file,
					&frame.why};

		for (size_t k = 0; k < ARRAY_SIZE(texts); k++) {
			if (!*texts[k])
				continue;
			*texts[k] = string_pool_add(symbolizer->context.pool, *texts[k]);
			if (!*texts[k])
				return -ENOMEM;
		}
		if (GROW(symbolizer->told_frames, symbolizer->n_told_frames) < 0)
			return -ENOMEM;
		symbolizer->told_frames[symbolizer->n_told_frames++] = frame;
	}
	/* an answer that was given before it was told is none any more */
	map_deinit(&symbolizer->jit_answers);
	return map_set(&symbolizer->told, address, (uint64_t)first << TOLD_COUNT_BITS | n);
}

/* By a name of the perf map. */
static int name_jit(struct symbolizer *symbolizer, const char *name, struct symbolizer_frame *frame)
{
	struct jitname split;

	jitname_split(name, &split);
	frame->function = split.function_length
				  ? string_pool_add_n(symbolizer->context.pool, split.function,
						      split.function_length)
				  : "(anonymous)";
	if (split.file) {
		frame->file =
			string_pool_add_n(symbolizer->context.pool, split.file, split.file_length);
		if (!frame->file)
			return -ENOMEM;
	}
	frame->line = split.line;
	frame->why = split.line ? NULL : "no line: the perf map has only names";
	return frame->function ? 0 : -ENOMEM;
}

/* What stands at an address in no module. */
static int resolve_jit(struct symbolizer *symbolizer, uint64_t address,
		       struct symbolizer_frame *frame, size_t *ret_n)
{
	const uint64_t *told = map_find(&symbolizer->told, address);
	const struct perfmap_entry *entry =
		symbolizer->jit ? jit_find(symbolizer->jit, address) : NULL;

	*ret_n = 1;
	if (told && (*told & ((1 << TOLD_COUNT_BITS) - 1))) {
		*ret_n = *told & ((1 << TOLD_COUNT_BITS) - 1);
		memcpy(frame, &symbolizer->told_frames[*told >> TOLD_COUNT_BITS],
		       *ret_n * sizeof(*frame));
		return 0;
	}
	*frame = (struct symbolizer_frame){};
	if (entry) {
		frame->offset = address - entry->start;
		return name_jit(symbolizer, entry->name, frame);
	}
	frame->why = symbolizer->jit && jit_has_map(symbolizer->jit)
			     ? "in no module, and not in the perf map"
			     : "in no module, and there is no perf map";
	return 0;
}

/* Works out what stands at an address, and keeps it. place is NULL for one in no module. */
static int answer(struct symbolizer *symbolizer, struct place *place, uint64_t address,
		  uint64_t *ret)
{
	struct map *answers = place ? &place->answers : &symbolizer->jit_answers;
	struct symbolizer_frame frames[ANSWERS_MAX_FRAMES];
	uint64_t offset;
	uint32_t number;
	size_t n;
	int r;

	if (symbolizer->context.answers.n_frames > MAX_ANSWER_FRAMES) {
		forget_answers(symbolizer);
		for (size_t i = 0; i < symbolizer->n_modules; i++)
			module_forget(symbolizer->modules[i]);
	}
	if (place) {
		r = module_resolve(place->module, &symbolizer->context, address - place->bias,
				   &number, &offset);
	} else {
		r = resolve_jit(symbolizer, address, frames, &n);
		if (r >= 0)
			r = answers_add(&symbolizer->context.answers, frames, n, &number);
		offset = frames[0].offset;
	}
	if (r < 0)
		return r;
	*ret = (uint64_t)number << 32 | MIN(offset, (uint64_t)UINT32_MAX);
	return map_set(answers, address, *ret);
}

void symbolizer_set_deadline(struct symbolizer *symbolizer, uint64_t deadline_ns)
{
	symbolizer->deadline_ns = deadline_ns;
	symbolizer->was_late = false;
}

bool symbolizer_was_late(const struct symbolizer *symbolizer)
{
	return symbolizer->was_late;
}

static bool is_late(struct symbolizer *symbolizer)
{
	if (symbolizer->deadline_ns == 0 || clock_ns(CLOCK_MONOTONIC) < symbolizer->deadline_ns)
		return false;
	symbolizer->was_late = true;
	return true;
}

int symbolizer_resolve(struct symbolizer *symbolizer, uint32_t module, uint64_t address,
		       const struct symbolizer_frame **ret_frames, size_t *ret_n)
{
	static const struct symbolizer_frame unnamed = {.why = "not named yet"};
	struct place *place = module < symbolizer->n_places ? &symbolizer->places[module] : NULL;
	struct map *answers = place ? &place->answers : &symbolizer->jit_answers;
	const uint64_t *known;
	uint64_t found;
	int r;

	if (!place && symbolizer->jit) {
		r = jit_refresh(symbolizer->jit);
		if (r < 0)
			return r;
		if (r > 0)
			map_deinit(answers);
	}
	known = map_find(answers, address);
	if (!known && is_late(symbolizer)) {
		*ret_frames = &unnamed;
		*ret_n = 1;
		return 0;
	}
	if (known) {
		found = *known;
	} else {
		r = answer(symbolizer, place, address, &found);
		if (r < 0)
			return r;
	}
	answers_get(&symbolizer->context.answers, (uint32_t)(found >> 32), (uint32_t)found,
		    ret_frames, ret_n);
	return 0;
}
