/* SPDX-License-Identifier: MIT */
/*
 * cmd-objects.c: `memtrace objects TARGET`: how many objects of which class are on the heap, without an
 * agent, of a program that may be stripped, living or gone.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/census-options.h"
#include "cli/class-name.h"
#include "cli/explain-core.h"
#include "cli/space-region.h"
#include "cli/verb.h"
#include "process/blocks.h"
#include "process/objects.h"
#include "render/census.h"

struct values {
	struct census_values census;
	uint64_t min_bytes;
	int sort;
};

static const char *const sorts[] = {"bytes", "count", NULL};

static const struct option_spec options[] = {
	{"sort", 0, "KEY", offsetof(struct values, sort), &option_choice,
	 "order by bytes (default) or count", sorts},
	{"min", 0, "SIZE", offsetof(struct values, min_bytes), &option_size,
	 "leave out classes that hold less than SIZE"},
	{NULL},
};

static const struct option_group groups[] = {
	{options, 0, "Options"},
	{census_options, offsetof(struct values, census), NULL},
	{NULL},
};

static const census_renderer renderers[3] = {
	render_objects_text,
	render_objects_json,
	render_objects_csv,
};

static int name_class(const struct objects_class *class, char **ret)
{
	_cleanup_free_ char *name = NULL;
	int r;

	if (class->kind == OBJECTS_PYTHON)
		return (*ret = strdup(class->name)) ? 0 : -ENOMEM;
	r = class_name(class->name, &name);
	if (r < 0)
		return r;
	return asprintf(ret, "%s%s", name, class->kind == OBJECTS_CXX_ARRAY ? "[]" : "") < 0
		       ? -ENOMEM
		       : 0;
}

static int add_class(struct census *census, const struct objects_class *class, const char *name)
{
	struct census_row *row = census_add(census, name);

	if (!row)
		return -ENOMEM;
	row->language = class->kind == OBJECTS_PYTHON ? "Python" : "C++";
	row->count = class->blocks;
	row->bytes = class->bytes;
	row->length = class->largest;
	return 0;
}

static int fill_census(const struct values *values, const struct objects *objects,
		       const regex_t *grep, struct census *census)
{
	const size_t top = census_count(&values->census);

	census->blocks = objects->in_use_blocks;
	census->bytes = objects->in_use_bytes;
	census->known_blocks = objects->known_blocks;
	census->known_bytes = objects->known_bytes;
	census->absent_blocks = objects->absent_blocks;
	census->absent_bytes = objects->absent_bytes;
	for (size_t i = 0; i < objects->n_classes; i++) {
		const struct objects_class *class = &objects->classes[i];
		_cleanup_free_ char *name = NULL;
		int r;

		if (class->bytes < values->min_bytes)
			continue;
		r = name_class(class, &name);
		if (r < 0)
			return r;
		if (grep && regexec(grep, name, 0, NULL, 0) != 0)
			continue;
		census->n_kinds++;
		r = census->n_rows < top ? add_class(census, class, name) : 0;
		if (r < 0)
			return r;
	}
	census->where = strdup("objects in blocks of malloc");
	return census->where ? 0 : -ENOMEM;
}

static int walk(const struct values *values, const struct space *space, struct objects *objects,
		char **ret_why)
{
	const struct blocks_options walk = {
		.fast_root = space_region_heap_root(space),
		.no_stop = values->census.no_stop,
	};
	int r;

	r = blocks_visit(space, &walk, objects_add, objects, ret_why);
	if (r >= 0)
		objects_rank(objects, values->sort ? OBJECTS_BY_BLOCKS : OBJECTS_BY_BYTES);
	return r;
}

static int count(const void *values_, const char *target, const struct space *space,
		 const regex_t *grep)
{
	const struct values *values = values_;
	_cleanup_(census_deinit) struct census census = {};
	_cleanup_(objects_deinit) struct objects objects = {};
	_cleanup_free_ char *why = NULL;
	int r;

	r = objects_init(&objects, space);
	if (r >= 0)
		r = walk(values, space, &objects, &why);
	if (r >= 0)
		r = census_describe(space, &census);
	if (r >= 0)
		r = fill_census(values, &objects, grep, &census);
	if (r == -ENOTSUP)
		log_error("objects: %s: its heap cannot be read: %s; \"memtrace strings "
			  "--in=all\" looks at all of its memory",
			  target, why ?: blocks_none_why);
	else if (r == -ESRCH)
		log_error("objects: %s: the process has ended meanwhile; run it again", target);
	else if (r < 0)
		log_error("objects: %s: cannot be read: %s; try again", target, strerror(-r));
	if (r < 0)
		return STATUS_FAILED;
	if (space->core)
		core_warn(target, space->core);
	return census_print("objects", &values->census, renderers, &census);
}

static int objects_main(const void *values_, int n_operands, char **operands)
{
	const struct values *values = values_;

	return census_main("objects", operands[0], &values->census, count, values);
}

const struct verb verb_objects = {
	.name = "objects",
	.operands = "[OPTION…] TARGET",
	.summary = "count the objects on the heap by class",
	.description =
		"Counts the objects on the heap by their class: C++ classes with virtual functions, also of\n"
		"a stripped program, and types of Python. TARGET is the PID of a process, which needs no\n"
		"agent, or a core file.\n",
	.syntax = {groups},
	.values_size = sizeof(struct values),
	.min_operands = 1,
	.max_operands = 1,
	.main = objects_main,
};
