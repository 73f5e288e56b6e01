/* SPDX-License-Identifier: MIT */
/*
 * names.c: a process needs a symbolizer of its own if there is something that only it has: a perf map, a
 * root folder, a living /proc entry through which a replaced executable can still be read. All others
 * share one, which is dropped now and then, so that following a build of thousands of processes does not
 * gather answers without end.
 */
#include "cli/names.h"

#include <stdio.h>
#include <unistd.h>

enum { SHARED_USES_MAX = 100 };

void names_deinit(struct names *names)
{
	symbolizer_free(names->shared);
	symbolizer_free(names->own);
	*names = (struct names){};
}

static bool has_perf_map(const struct origin *origin)
{
	char path[64];

	snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)(origin->ns_pid ?: origin->pid));
	return access(path, F_OK) == 0;
}

static int open_own(struct names *names, const struct origin *origin, struct symbolizer **ret)
{
	struct symbolizer_options options = {.pid = origin->pid, .ns_pid = origin->ns_pid};
	char root[64];
	int r;

	symbolizer_free(names->own);
	names->own = NULL;
	if (origin->root_fd >= 0) {
		snprintf(root, sizeof(root), "/proc/self/fd/%d", origin->root_fd);
		options.root = root;
	}
	r = symbolizer_new(&options, &names->own);
	if (r >= 0)
		*ret = names->own;
	return r;
}

int names_open(struct names *names, const struct origin *origin, bool live, struct symbolizer **ret)
{
	static const struct symbolizer_options nothing_special = {};
	int r;

	if (live || origin->root_fd >= 0 || has_perf_map(origin) || java_names_any(origin->java))
		return open_own(names, origin, ret);
	if (names->n_shared_uses++ >= SHARED_USES_MAX) {
		symbolizer_free(names->shared);
		names->shared = NULL;
		names->n_shared_uses = 1;
	}
	if (!names->shared) {
		r = symbolizer_new(&nothing_special, &names->shared);
		if (r < 0)
			return r;
	}
	*ret = names->shared;
	return 0;
}
