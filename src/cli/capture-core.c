/* SPDX-License-Identifier: MIT */
/*
 * capture-core.c: see the header.
 *
 * The region's clock has stopped: the moment of the profile is when the core was written, counted from the
 * moment that the region has in both clocks.
 */
#include "cli/capture-core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/macro.h"
#include "base/units.h"
#include "cli/explain-core.h"
#include "cli/inspect.h"
#include "cli/names.h"
#include "cli/origin.h"
#include "cli/space-region.h"
#include "process/space.h"
#include "profile/build.h"
#include "profile/subject.h"

/* A forked child that had recorded nothing yet shows its parent's region, which is not its own. */
static bool is_own(const struct space *space, const struct region_snapshot *snapshot)
{
	if (space->info->pid == (pid_t)snapshot->header.pid)
		return true;
	for (size_t i = 0; i < space->n_tids; i++)
		if (space->tids[i] == snapshot->header.pid)
			return true;
	return false;
}

/* -ENODATA if there is none. */
static int read_region(const struct space *space, struct region_snapshot *ret)
{
	struct region *region;
	int r = space_region_open(space, &region);

	if (r < 0)
		return r;
	r = region_snapshot(region, 0, ret);
	region_free(region);
	if (r < 0 || is_own(space, ret))
		return r;
	region_snapshot_deinit(ret);
	return -ENODATA;
}

/* CLOCK_MONOTONIC when the core was taken. */
static uint64_t core_moment(const struct core *core, const struct mt_header *header)
{
	double since = core_taken_at(core) - (double)header->start_realtime_ns / 1e9;

	return header->start_ns + (since > 0 ? (uint64_t)(since * 1e9) : 0);
}

/* The program is now at exe: names are looked for there. */
static int move_program(struct region_snapshot *snapshot, const char *program, const char *exe)
{
	size_t size = strlen(exe) + 1;
	uint64_t place = snapshot->n_strings;
	char *grown;

	if (!program || place + size > UINT32_MAX)
		return 0;
	grown = realloc(snapshot->strings, place + size + 1);
	if (!grown)
		return -ENOMEM;
	memcpy(grown + place, exe, size);
	grown[place + size] = '\0';
	snapshot->strings = grown;
	snapshot->n_strings += size;
	for (uint32_t i = 1; i < snapshot->n_modules; i++) {
		struct mt_module *module = &snapshot->modules[i];

		if (module->path < place && !strcmp(grown + module->path, program)) {
			module->path = (uint32_t)place;
			module->path_length = (uint32_t)size - 1;
		}
	}
	return 0;
}

static int build_plain(const struct space *space, struct profile **ret)
{
	struct profile *profile = profile_new();
	int r;

	if (!profile)
		return -ENOMEM;
	r = subject_describe_plain(space->info, core_taken_at(space->core), profile);
	if (r < 0)
		profile_free(profile);
	else
		*ret = profile;
	return r;
}

/* snapshot: of the region; NULL if there is none. */
static int build(const struct space *space, const struct region_snapshot *snapshot, bool symbolize,
		 struct profile **ret)
{
	_cleanup_(names_deinit) struct names names = {};
	/* info stays the core's */
	const struct origin origin = {.pid = space->info->pid, .root_fd = -EBADF};
	struct symbolizer *symbolizer = NULL;
	struct profile_process *process;
	struct profile *profile;
	int r;

	if (symbolize) {
		r = names_open(&names, &origin, false, &symbolizer);
		if (r < 0)
			return r;
	}
	if (snapshot)
		r = profile_build(snapshot, space->info, symbolizer, &profile);
	else
		r = build_plain(space, &profile);
	if (r < 0)
		return r;
	process = &profile->process;
	process->pid = (uint32_t)space->info->pid;
	process->state = PROFILE_CORE;
	process->signal = core_signal(space->core);
	process->started_at = snapshot ? (double)snapshot->header.start_realtime_ns / 1e9 : 0;
	process->captured_at = MAX(process->started_at, core_taken_at(space->core));
	r = maps_format(space->maps, &profile->maps_text);
	if (r >= 0)
		r = inspect_space(space, snapshot ? &snapshot->header : NULL, profile);
	if (r < 0) {
		profile_free(profile);
		return r;
	}
	*ret = profile;
	return 0;
}

static void explain_region(const char *path, int error_number, struct strbuf *error)
{
	if (error_number == -EPROTONOSUPPORT)
		strbuf_addf(error,
			    "%s: the agent in this process was of a newer memtrace; use that one",
			    path);
	else
		strbuf_addf(error, "%s: cannot be reported on: %s; try another copy", path,
			    strerror(-error_number));
}

static void say_what_counts(const char *path, const struct core *core)
{
	char zeros[UNITS_MAX];

	log_notice("%s: a core file does not tell which pages were resident; those that hold "
		   "anything count as resident, %s of zeros that were dumped do not",
		   path, units_format_bytes(core_zero_bytes(core), zeros));
}

int capture_core(const char *path, const char *exe, bool symbolize, struct profile **ret,
		 struct strbuf *error)
{
	_cleanup_(region_snapshot_deinit) struct region_snapshot snapshot = {};
	_cleanup_(space_deinit) struct space space = {};
	int r;

	r = space_open_core(path, exe, true, &space);
	if (r < 0) {
		core_explain(path, r, error);
		return r;
	}
	r = read_region(&space, &snapshot);
	if (r == -ENODATA || r == -EPROTO) {
		/* no agent, or its region was left out of the core: what is known from outside */
		r = build(&space, NULL, false, ret);
	} else if (r == 0) {
		snapshot.taken_ns = core_moment(space.core, &snapshot.header);
		r = exe ? move_program(&snapshot, space.info->exe, exe) : 0;
		if (r == 0)
			r = build(&space, &snapshot, symbolize, ret);
	}
	if (r < 0) {
		explain_region(path, r, error);
		return r;
	}
	core_warn(path, space.core);
	say_what_counts(path, space.core);
	return 0;
}
