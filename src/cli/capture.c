/* SPDX-License-Identifier: MIT */
/*
 * capture.c: see the header. Everything in here works on copies: the process, if it still lives, is read
 * and never stopped.
 */
#include "cli/capture.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/inspect.h"
#include "cli/java-inspect.h"
#include "cli/recent.h"
#include "process/procinfo.h"
#include "profile/build.h"
#include "profile/session.h"

enum { YAMA_FILE_MAX = 64 };

int capture_look(const struct region_snapshot *snapshot, const struct origin *origin,
		 struct profile **ret)
{
	_cleanup_(profile_freep) struct profile *seen = profile_new();
	int r = seen ? inspect_process(origin->pid, &snapshot->header, seen) : -ENOMEM;

	*ret = r < 0 ? NULL : TAKE_PTR(seen);
	return r;
}

/* A process that ended just now has no mappings: the profile does without. */
static void take_seen(struct profile *profile, struct profile *seen)
{
	profile->maps_text = TAKE_PTR(seen->maps_text);
	profile->arenas = TAKE_PTR(seen->arenas);
	profile->areas = TAKE_PTR(seen->areas);
	profile->n_areas = seen->n_areas;
	seen->n_areas = 0;
	profile_count_before_attach(profile);
}

static int build(const struct region_snapshot *snapshot, const struct origin *origin,
		 struct profile *seen, struct symbolizer *symbolizer, struct profile **ret)
{
	struct profile *profile;
	int r = profile_build(snapshot, origin->has_info ? &origin->info : NULL, symbolizer,
			      &profile);

	if (r < 0)
		return r;
	/* the region knows the pid of its own namespace; people know the one of ours */
	profile->process.pid = (uint32_t)origin->pid;
	if (seen)
		take_seen(profile, seen);
	*ret = profile;
	return 0;
}

int capture_seen(const struct region_snapshot *snapshot, const struct origin *origin, bool live,
		 struct profile *seen, struct names *names, struct profile **ret)
{
	struct symbolizer *symbolizer = NULL;
	int r;

	if (names) {
		r = names_open(names, origin, live, &symbolizer);
		if (r >= 0 && live && origin->java)
			java_names_learn_frames(origin->java, snapshot->frames, snapshot->n_frames);
		if (r >= 0 && origin->java)
			r = java_names_tell(origin->java, symbolizer);
		if (r < 0)
			return r;
	}
	return build(snapshot, origin, seen, symbolizer, ret);
}

int capture_snapshot(const struct region_snapshot *snapshot, const struct origin *origin, bool live,
		     struct names *names, struct profile **ret)
{
	_cleanup_(profile_freep) struct profile *seen = NULL;
	int r = live ? capture_look(snapshot, origin, &seen) : 0;

	return r < 0 ? r : capture_seen(snapshot, origin, live, seen, names, ret);
}

int capture_named(const struct region_snapshot *snapshot, const struct origin *origin, bool live,
		  struct symbolizer *symbolizer, struct profile **ret)
{
	_cleanup_(profile_freep) struct profile *seen = NULL;
	int r = live ? capture_look(snapshot, origin, &seen) : 0;

	return r < 0 ? r : build(snapshot, origin, seen, symbolizer, ret);
}

int capture(struct region *region, const struct origin *origin, bool live, struct names *names,
	    struct profile **ret)
{
	_cleanup_(region_snapshot_deinit) struct region_snapshot snapshot = {};
	int r = region_snapshot(region, 0, &snapshot);

	if (r < 0)
		return r;
	return capture_snapshot(&snapshot, origin, live, names, ret);
}

/* Yama's restriction; 0: there is none. */
static long ptrace_scope(void)
{
	_cleanup_free_ char *text = NULL;

	if (file_read("/proc/sys/kernel/yama/ptrace_scope", YAMA_FILE_MAX, &text, NULL) < 0)
		return 0;
	return strtol(text, NULL, 10);
}

static uid_t owner_of(pid_t pid)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	return stat(path, &st) < 0 ? geteuid() : st.st_uid;
}

static bool has_no_memory(pid_t pid)
{
	_cleanup_(procinfo_deinit) struct procinfo info = {};

	return procinfo_read_brief(pid, &info) < 0 || info.vsz == 0;
}

/* Why the kernel will not let us look, and what would help. */
static void explain_permission(pid_t pid, struct strbuf *error)
{
	uid_t owner = owner_of(pid);
	long scope = ptrace_scope();

	strbuf_addf(error, "%d: ", (int)pid);
	if (has_no_memory(pid))
		strbuf_adds(error, "has no memory to look at: it has just ended, or is a thread of "
				   "the kernel");
	else if (owner != geteuid())
		strbuf_addf(
			error,
			"belongs to another user (uid %u); run memtrace as that user or as root",
			(unsigned)owner);
	else if (scope > 0)
		strbuf_addf(error,
			    "the kernel forbids it (kernel.yama.ptrace_scope is %ld); run memtrace "
			    "as root, or set it to 0",
			    scope);
	else
		strbuf_adds(error,
			    "the kernel forbids it (the process has other privileges, or made "
			    "itself undumpable); run memtrace as root");
}

void capture_explain_pid(pid_t pid, int error_number, struct strbuf *error)
{
	switch (error_number) {
	case -ENOSYS:
		strbuf_adds(error, "/proc is not mounted; mount it: mount -t proc proc /proc");
		break;
	case -ESRCH:
		strbuf_addf(error,
			    "%d: there is no such process; \"memtrace ps\" lists those with the "
			    "agent",
			    (int)pid);
		break;
	case -EPERM:
	case -EACCES:
		explain_permission(pid, error);
		break;
	default:
		strbuf_addf(error, "%d: its memory cannot be read: %s; try again", (int)pid,
			    strerror(-error_number));
	}
}

static void explain_no_agent(pid_t pid, struct strbuf *error)
{
	struct procinfo info;

	strbuf_addf(error, "%d", (int)pid);
	if (procinfo_read_brief(pid, &info) >= 0) {
		strbuf_addf(error, " (%s)", info.comm);
		procinfo_deinit(&info);
	}
	strbuf_addf(
		error,
		": has no agent in it; begin with `memtrace attach %d`, or start the program with "
		"`memtrace run PROGRAM`",
		(int)pid);
}

int capture_open_pid(pid_t pid, struct region **ret, struct strbuf *error)
{
	struct region *region = NULL;
	struct procinfo info;
	int r = procinfo_read_brief(pid, &info);

	if (r == -ENOSYS) {
		capture_explain_pid(pid, r, error);
		return r;
	}
	if (r >= 0) {
		procinfo_deinit(&info);
		r = region_open_pid(pid, &region);
	}
	if (region) {
		*ret = region;
		return 0;
	}
	switch (r) {
	case -ENODATA:
		explain_no_agent(pid, error);
		break;
	case -EPROTO:
		strbuf_addf(error, "%d: its region is damaged beyond use; it cannot be reported on",
			    (int)pid);
		break;
	case -EPROTONOSUPPORT:
		strbuf_addf(error, "%d: its agent is of a newer memtrace; use that one", (int)pid);
		break;
	default:
		capture_explain_pid(pid, r, error);
	}
	return r;
}

/* Without the agent: what can be seen from outside. */
static int capture_plain(const struct origin *origin, struct profile **ret, struct strbuf *error)
{
	int r = inspect_plain(origin, ret);

	if (r == -EPERM)
		explain_permission(origin->pid, error);
	else if (r < 0)
		strbuf_addf(error, "%d: cannot be looked at: %s; try again", (int)origin->pid,
			    strerror(-r));
	return r;
}

static int capture_silent(pid_t pid, bool symbolize, struct profile **ret, struct strbuf *error)
{
	_cleanup_(origin_deinit) struct origin origin = {.root_fd = -EBADF};
	_cleanup_(names_deinit) struct names names = {};
	struct region *region = NULL;
	int r = capture_open_pid(pid, &region, error);

	if (r < 0 && r != -ENODATA)
		return r;
	origin_init(&origin, pid);
	origin_refresh(&origin);
	if (r == -ENODATA) {
		strbuf_reset(error);
		return capture_plain(&origin, ret, error);
	}
	r = capture(region, &origin, true, symbolize ? &names : NULL, ret);
	region_free(region);
	if (r < 0)
		strbuf_addf(error, "%d: its region cannot be read: %s; try again", (int)pid,
			    strerror(-r));
	return r;
}

int capture_pid(pid_t pid, bool symbolize, struct profile **ret, struct strbuf *error)
{
	int r = capture_silent(pid, symbolize, ret, error);

	if (r >= 0 && symbolize) {
		r = java_inspect(pid, *ret);
		if (r < 0) {
			*ret = profile_free(*ret);
			strbuf_addf(error, "%d: %s", (int)pid, strerror(-r));
		}
	}
	return r;
}

static void add_name(struct strbuf *path, const char *comm)
{
	for (; *comm; comm++)
		strbuf_addc(path, isgraph((unsigned char)*comm) && *comm != '/' ? *comm : '_');
}

int capture_default_path(const char *comm, pid_t pid, char **ret)
{
	return capture_child_path(NULL, comm, pid, ret);
}

int capture_child_path(const char *output, const char *comm, pid_t pid, char **ret)
{
	static const char suffix[] = ".memtrace";
	_cleanup_(strbuf_deinit) struct strbuf path = {};
	size_t length = output ? strlen(output) : 0;

	if (length > strlen(suffix) && strcmp(output + length - strlen(suffix), suffix) == 0)
		length -= strlen(suffix);
	if (output)
		strbuf_add(&path, output, length);
	else
		strbuf_adds(&path, "memtrace");
	strbuf_addc(&path, '.');
	add_name(&path, comm[0] ? comm : "unknown");
	strbuf_addf(&path, ".%d%s", (int)pid, suffix);
	return strbuf_steal(&path, ret);
}

int capture_write(const char *verb, const struct profile *profile, const char *path)
{
	const char *way_out = "give another place with -o FILE";
	int r = session_write(profile, path);

	if (r >= 0)
		return 0;
	if (r == -ENOSPC || r == -EDQUOT)
		way_out = "make room, or give another place with -o FILE";
	log_error("%s: %s: the session file cannot be written: %s; %s", verb, path, strerror(-r),
		  way_out);
	return r;
}

int capture_keep(const char *verb, const struct profile *profile, const char *output,
		 char **ret_path)
{
	_cleanup_free_ char *path = NULL;
	int r;

	if (output)
		r = (path = strdup(output)) ? 0 : -ENOMEM;
	else
		r = capture_default_path(profile->process.comm ?: "", (pid_t)profile->process.pid,
					 &path);
	if (r < 0) {
		log_error("%s: no memory for the name of the session file; there is none", verb);
		return r;
	}
	r = capture_write(verb, profile, path);
	if (r < 0)
		return r;
	(void)recent_add(path);
	*ret_path = TAKE_PTR(path);
	return 0;
}
