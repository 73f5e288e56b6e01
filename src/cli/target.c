/* SPDX-License-Identifier: MIT */
/*
 * target.c: see the header.
 */
#include "cli/target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/capture-core.h"
#include "cli/capture.h"
#include "cli/explain-core.h"
#include "cli/recent.h"
#include "process/maps.h"
#include "process/procinfo.h"
#include "profile/session.h"
#include "region/region.h"

bool target_parse_pid(const char *text, pid_t *ret)
{
	char *end;
	long pid;

	if (!text[0] || strspn(text, "0123456789") != strlen(text))
		return false;
	errno = 0;
	pid = strtol(text, &end, 10);
	*ret = errno || pid > 0x7fffffff ? 0x7fffffff : (pid_t)pid;
	return true;
}

int target_need_pid(const char *text, pid_t *ret, struct strbuf *error)
{
	if (target_parse_pid(text, ret) && *ret > 0)
		return 0;
	strbuf_addf(error, "%s: is not a PID; \"memtrace ps\" lists the processes with the agent",
		    text);
	return -EINVAL;
}

int target_has_agent(pid_t pid)
{
	struct maps maps;
	int r = maps_read(pid, false, &maps);
	bool found = false;

	if (r < 0)
		return r;
	for (size_t i = 0; i < maps.n_mappings && !found; i++)
		/* a memtrace that reads a region maps it as well, but cannot write to it */
		found = maps.mappings[i].write &&
			strcmp(maps.mappings[i].path, "/memfd:" MT_REGION_NAME) == 0;
	maps_deinit(&maps);
	return found;
}

static void explain_session(const char *path, int error_number, struct strbuf *error)
{
	switch (error_number) {
	case -EPROTO:
		strbuf_addf(error,
			    "%s: is not a session file of memtrace, nor a core file; give one of "
			    "them, or a PID",
			    path);
		break;
	case -EPROTONOSUPPORT:
		strbuf_addf(error, "%s: was written by a newer memtrace; read it with that one",
			    path);
		break;
	case -EBADMSG:
		strbuf_addf(error, "%s: is truncated or damaged; take a new session", path);
		break;
	case -ENOENT:
		strbuf_addf(error, "%s: there is no such file; give a session file or a PID", path);
		break;
	case -EACCES:
		strbuf_addf(error, "%s: may not be read by this user; ask its owner", path);
		break;
	default:
		strbuf_addf(error, "%s: cannot be read: %s; give a session file or a PID", path,
			    strerror(-error_number));
	}
}

static int load_file(const char *path, const char *exe, bool symbolize, struct profile **ret,
		     struct strbuf *error)
{
	struct stat st;
	int r;

	if (stat(path, &st) < 0) {
		r = -errno;
		explain_session(path, r, error);
		return r;
	}
	if (S_ISDIR(st.st_mode)) {
		strbuf_addf(error, "%s: is a folder; give a session file, a core file or a PID",
			    path);
		return -EISDIR;
	}
	/* a pipe is read once only, by session_read */
	if (S_ISREG(st.st_mode) && core_is_one(path))
		return capture_core(path, exe, symbolize, ret, error);
	if (S_ISREG(st.st_mode) && core_explain_compressed(path, error))
		return -EPROTO;
	r = session_read(path, ret);
	if (r < 0)
		explain_session(path, r, error);
	return r;
}

/* Whether pid is this user's and has a region of its own; a forked child has one when it recorded. */
static bool is_session(pid_t pid)
{
	struct region *region;
	struct stat st;
	char path[64];

	/* the owner is asked first: it costs one call, and most processes are somebody else's */
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	if (stat(path, &st) < 0 || st.st_uid != geteuid() || target_has_agent(pid) <= 0)
		return false;
	if (region_open_pid(pid, &region) < 0)
		return false;
	region_free(region);
	return true;
}

/* The process of this user with the agent that was started last; 0 if there is none. */
static pid_t newest_process(void)
{
	_cleanup_free_ pid_t *pids = NULL;
	uint64_t newest_ticks = 0;
	pid_t newest = 0;
	size_t n;

	if (procinfo_list(&pids, &n) < 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		struct procinfo info;

		if (!is_session(pids[i]) || procinfo_read_brief(pids[i], &info) < 0)
			continue;
		if (info.state != 'Z' && info.start_ticks >= newest_ticks) {
			newest = pids[i];
			newest_ticks = info.start_ticks;
		}
		procinfo_deinit(&info);
	}
	return newest;
}

static int load_pid(pid_t pid, bool symbolize, struct profile **ret, char **ret_name,
		    struct strbuf *error)
{
	int r = capture_pid(pid, symbolize, ret, error);

	if (r < 0)
		return r;
	if (asprintf(ret_name, "process %d", (int)pid) < 0)
		*ret_name = NULL;
	return 0;
}

static void explain_no_session(struct strbuf *error)
{
	strbuf_adds(
		error,
		"there is no session yet; begin with \"memtrace run PROGRAM\", or give a PID or "
		"a session file");
}

static int load_newest(bool symbolize, struct profile **ret, char **ret_name, struct strbuf *error)
{
	_cleanup_free_ char *path = NULL;
	pid_t pid = newest_process();
	int r;

	/* it may have ended since: then the newest file is the answer after all */
	if (pid > 0 && load_pid(pid, symbolize, ret, ret_name, error) >= 0)
		return 0;
	strbuf_reset(error);
	r = recent_find(&path);
	if (r < 0) {
		explain_no_session(error);
		return -ENOENT;
	}
	r = load_file(path, NULL, symbolize, ret, error);
	if (r >= 0)
		*ret_name = TAKE_PTR(path);
	return r;
}

int target_load(const char *target, bool symbolize, struct profile **ret, char **ret_name,
		struct strbuf *error)
{
	return target_load_exe(target, NULL, symbolize, ret, ret_name, error);
}

int target_load_exe(const char *target, const char *exe, bool symbolize, struct profile **ret,
		    char **ret_name, struct strbuf *error)
{
	pid_t pid;
	int r;

	if (!target)
		return load_newest(symbolize, ret, ret_name, error);
	if (target_parse_pid(target, &pid)) {
		r = target_need_pid(target, &pid, error);
		return r < 0 ? r : load_pid(pid, symbolize, ret, ret_name, error);
	}
	r = load_file(target, exe, symbolize, ret, error);
	if (r >= 0)
		*ret_name = strdup(target);
	return r;
}

int target_open_space(const char *target, const char *exe, bool usage, struct space *ret,
		      struct strbuf *error)
{
	pid_t pid;
	int r;

	if (target_parse_pid(target, &pid)) {
		r = target_need_pid(target, &pid, error);
		if (r < 0)
			return r;
		r = space_open_pid(pid, usage, ret);
		if (r < 0)
			capture_explain_pid(pid, r, error);
		return r;
	}
	if (core_explain_compressed(target, error))
		return -EPROTO;
	r = space_open_core(target, exe, usage, ret);
	if (r == -EPROTO)
		strbuf_addf(error,
			    "%s: is neither a PID nor a core file, and this cannot be read from "
			    "anything else; \"gcore PID\" writes a core file",
			    target);
	else if (r < 0)
		core_explain(target, r, error);
	return r;
}
