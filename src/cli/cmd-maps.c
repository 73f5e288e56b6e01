/* SPDX-License-Identifier: MIT */
/*
 * cmd-maps.c: `memtrace maps [TARGET]`: every mapping, and whose it is.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/stream.h"
#include "cli/target.h"
#include "cli/verb.h"
#include "render/maps.h"

static const char *const formats[] = {"text", "json", "csv", NULL};
static int (*const renderers[])(const struct profile *, const struct maps_options *,
				FILE *) = {render_maps_text, render_maps_json, render_maps_csv};
static const char *const bys[] = {"mapping", "owner", "path", NULL};
static const char *const sorts[] = {"address", "rss", "pss", "dirty", "swap", "size", "name", NULL};

struct values {
	int format, by, sort, color;
	unsigned top;
	uint64_t min_bytes;
};

#define AT(member) offsetof(struct values, member)

static const struct option_spec options[] = {
	{"format", 0, "FORMAT", AT(format), &option_choice, "text (default), json or csv", formats},
	{"by", 0, "KEY", AT(by), &option_choice,
	 "a line for each mapping (default), or put together by owner or path", bys},
	{"sort", 0, "KEY", AT(sort), &option_choice,
	 "order by address, rss, pss, dirty, swap, size or name", sorts},
	{"top", 0, "N", AT(top), &option_count, "only the first N lines, and the rest in one"},
	{"min", 0, "SIZE", AT(min_bytes), &option_size,
	 "put together what has less than SIZE resident"},
	STREAM_COLOR_OPTION(AT(color)),
	{NULL},
};

static const struct option_group groups[] = {{options, 0, "Options"}, {NULL}};

static int maps_main(const void *values_, int n_operands, char **operands)
{
	const struct values *values = values_;
	_cleanup_(profile_freep) struct profile *profile = NULL;
	_cleanup_(strbuf_deinit) struct strbuf error = {};
	_cleanup_free_ char *name = NULL;
	const struct render_options render = stream_options(values->color, stdout);
	const struct maps_options maps = {
		.by = (enum maps_by)values->by,
		.sort = (enum maps_sort)values->sort,
		.top = values->top,
		.min_bytes = values->min_bytes,
		.render = &render,
	};
	int r;

	if (target_load(operands[0], false, &profile, &name, &error) < 0) {
		log_error("maps: %s", strbuf_text(&error));
		return STATUS_FAILED;
	}
	if (n_operands == 0)
		log_notice("maps: %s", name ?: "the newest session");
	r = renderers[values->format](profile, &maps, stdout);
	if (r == -ENODATA) {
		log_error("maps: %s: has no mappings: the process was gone when it was written; "
			  "take a snapshot while it runs",
			  name ?: "that session");
		return STATUS_FAILED;
	}
	return stream_finish("maps", "the mappings", "try again", r);
}

const struct verb verb_maps = {
	.name = "maps",
	.operands = "[OPTION…] [TARGET]",
	.summary = "show every mapping of a process and whose it is",
	.description =
		"Shows the mappings of a process with their resident, shared and dirty memory, and whose\n"
		"each is: malloc's arenas, stacks of threads, images, files, runtimes. The sums are those of\n"
		"/proc/PID/smaps to the byte. TARGET is a PID, with the agent in it or not, a session\n"
		"file or a core file. Without it the newest session of this user is taken.\n",
	.syntax = {groups},
	.values_size = sizeof(struct values),
	.max_operands = 1,
	.main = maps_main,
};
