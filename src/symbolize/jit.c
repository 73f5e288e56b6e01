/* SPDX-License-Identifier: MIT */
/*
 * jit.c: which perf map belongs to a process, and whether it has changed.
 *
 * The runtime names the file by the pid that it sees itself, below the /tmp that it sees itself; so
 * both the process's own root and ours are tried. The file grows while it is looked at, which its size
 * and time of change tell; asking the kernel for these once a second is cheap enough for a live view.
 */
#include "symbolize/jit.h"

#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "base/macro.h"

struct jit {
	char *paths[2]; /* the second may be NULL */
	uid_t owner;
	struct perfmap *perfmap; /* NULL: none */
	struct timespec changed; /* of the file that perfmap is from */
	off_t size;
	time_t looked; /* of the monotonic clock */
};

static uid_t owner_of(pid_t pid)
{
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	return stat(path, &st) == 0 ? st.st_uid : geteuid();
}

int jit_new(const char *root, pid_t pid, pid_t ns_pid, struct jit **ret)
{
	_cleanup_(jit_freep) struct jit *jit = calloc(1, sizeof(*jit));

	if (!jit)
		return -ENOMEM;
	jit->looked = -1;
	jit->owner = owner_of(pid);
	if (asprintf(&jit->paths[0], "%s/tmp/perf-%d.map", root, (int)ns_pid) < 0) {
		jit->paths[0] = NULL;
		return -ENOMEM;
	}
	if (root[0] && asprintf(&jit->paths[1], "/tmp/perf-%d.map", (int)pid) < 0) {
		jit->paths[1] = NULL;
		return -ENOMEM;
	}
	*ret = TAKE_PTR(jit);
	return 0;
}

struct jit *jit_free(struct jit *jit)
{
	if (!jit)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(jit->paths); i++)
		free(jit->paths[i]);
	perfmap_free(jit->perfmap);
	free(jit);
	return NULL;
}

int jit_refresh(struct jit *jit)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (jit->looked == now.tv_sec)
		return 0;
	jit->looked = now.tv_sec;

	for (size_t i = 0; i < ARRAY_SIZE(jit->paths) && jit->paths[i]; i++) {
		struct perfmap *perfmap;
		struct stat st;
		int r;

		if (stat(jit->paths[i], &st) < 0)
			continue;
		if (jit->perfmap && st.st_size == jit->size &&
		    st.st_mtim.tv_sec == jit->changed.tv_sec &&
		    st.st_mtim.tv_nsec == jit->changed.tv_nsec)
			return 0;
		r = perfmap_read(jit->paths[i], jit->owner, &perfmap);
		if (r == -ENOMEM)
			return r;
		if (r < 0)
			continue;
		perfmap_free(jit->perfmap);
		jit->perfmap = perfmap;
		jit->changed = st.st_mtim;
		jit->size = st.st_size;
		return 1;
	}
	/* a file that was removed leaves what it told */
	return 0;
}

const struct perfmap_entry *jit_find(const struct jit *jit, uint64_t address)
{
	return jit->perfmap ? perfmap_find(jit->perfmap, address) : NULL;
}

bool jit_has_map(const struct jit *jit)
{
	return jit->perfmap;
}
