/* SPDX-License-Identifier: MIT */
/*
 * agent-path.c: the executable's own folder decides first, so that a build that was not installed, or
 * that was moved, takes the agent that it was built with and never another version's.
 */
#include "cli/agent-path.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "base/cleanup.h"

#define AGENT_NAME "libmemtrace-agent.so"

/* Relative to the folder of the executable: in a build folder, then as installed. */
static const char *const beside[] = {
	"../agent/preload/" AGENT_NAME,
	"../lib/memtrace/" AGENT_NAME,
	"../lib/x86_64-linux-gnu/memtrace/" AGENT_NAME,
	"../lib/aarch64-linux-gnu/memtrace/" AGENT_NAME,
	"../lib64/memtrace/" AGENT_NAME,
	NULL,
};

/* Where `--allocator=libfoo.so` is looked for if it is no path. */
static const char *const library_folders[] = {
	"/usr/local/lib",
	"/usr/lib/x86_64-linux-gnu",
	"/usr/lib/aarch64-linux-gnu",
	"/usr/lib64",
	"/usr/lib",
	"/lib/x86_64-linux-gnu",
	"/lib/aarch64-linux-gnu",
	"/lib64",
	"/lib",
	NULL,
};

/* The loader takes LD_PRELOAD apart at colons and white space and has no way to quote them. */
static int check_preloadable(const char *path, struct strbuf *error)
{
	if (!strpbrk(path, ": \t\n"))
		return 0;
	strbuf_addf(
		error,
		"%s: the path has a blank or a colon in it, which LD_PRELOAD cannot carry; put it "
		"(or a link to it) elsewhere",
		path);
	return -EINVAL;
}

static int take_readable(const char *path, char **ret)
{
	_cleanup_free_ char *absolute = realpath(path, NULL);

	if (!absolute || access(absolute, R_OK) < 0)
		return -errno;
	*ret = TAKE_PTR(absolute);
	return 0;
}

static int executable_folder(char **ret)
{
	_cleanup_free_ char *path = realpath("/proc/self/exe", NULL);
	char *slash;

	if (!path)
		path = realpath((const char *)getauxval(AT_EXECFN), NULL);
	if (!path)
		return -errno;
	slash = strrchr(path, '/');
	*slash = 0;
	*ret = TAKE_PTR(path);
	return 0;
}

static int find_beside(char **ret)
{
	_cleanup_free_ char *folder = NULL;
	int r = executable_folder(&folder);

	if (r < 0)
		return r;
	for (int i = 0; beside[i]; i++) {
		_cleanup_(strbuf_deinit) struct strbuf path = {};

		r = strbuf_addf(&path, "%s/%s", folder, beside[i]);
		if (r < 0)
			return r;
		r = take_readable(path.text, ret);
		if (r != -ENOENT && r != -ENOTDIR)
			return r;
	}
	return -ENOENT;
}

int agent_path_find(char **ret, struct strbuf *error)
{
	const char *asked = getenv("MEMTRACE_AGENT");
	_cleanup_free_ char *path = NULL;
	int r;

	if (asked && asked[0]) {
		r = take_readable(asked, &path);
		if (!path) {
			strbuf_addf(error, "%s: %s; MEMTRACE_AGENT has to name the agent's library",
				    asked, strerror(-r));
			return r;
		}
	} else {
		r = find_beside(&path);
		if (r == -ENOENT)
			r = take_readable(MEMTRACE_LIBDIR "/" AGENT_NAME, &path);
		if (!path) {
			strbuf_addf(error,
				    AGENT_NAME ": %s beside this memtrace or in " MEMTRACE_LIBDIR
					       "; install memtrace whole, or set MEMTRACE_AGENT to "
					       "its path",
				    r == -ENOENT ? "not there" : strerror(-r));
			return r;
		}
	}
	r = check_preloadable(path, error);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(path);
	return 0;
}

int agent_path_find_library(const char *name, char **ret, struct strbuf *error)
{
	_cleanup_free_ char *path = NULL;
	int r = take_readable(name, &path);

	for (int i = 0; r == -ENOENT && library_folders[i] && !strchr(name, '/'); i++) {
		_cleanup_(strbuf_deinit) struct strbuf candidate = {};

		r = strbuf_addf(&candidate, "%s/%s", library_folders[i], name);
		if (r < 0)
			return r;
		r = take_readable(candidate.text, &path);
	}
	if (!path) {
		strbuf_addf(error, "--allocator=%s: %s; give fast, system or the path of a library",
			    name, strerror(-r));
		return r;
	}
	r = check_preloadable(path, error);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(path);
	return 0;
}
