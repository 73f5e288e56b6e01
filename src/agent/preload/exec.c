/* SPDX-License-Identifier: MIT */
/*
 * exec.c: exec and posix_spawn, forwarded, with the agent taken out of the new environment where it
 * cannot work: in static programs it is only noise, in those of another libc or architecture it keeps
 * them from starting or makes their loader complain. Also where the agent's file cannot be reached any
 * more (chroot), and with MEMTRACE_FOLLOW=0. Nothing is ever added to an environment.
 *
 * What libc starts itself (system, popen) does not pass here. It starts the shell, which can.
 *
 * Context: async-signal-safe as exec is, and in children of vfork, which run on the parent's memory:
 * everything is on the stack but for environments larger than ENTRIES_MAX, and the core marks a region as
 * replaced only if this process is the one that it belongs to.
 */
#include "agent/preload/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <unistd.h>

#include "agent/core/core.h"
#include "agent/core/sys.h"
#include "agent/preload/boot.h"
#include "agent/preload/confine.h"
#include "agent/preload/environment.h"
#include "agent/preload/linkmap.h"
#include "agent/preload/program.h"
#include "base/macro.h"

enum {
	ENTRIES_MAX = 4096, /* environment entries that are copied to the stack */
	BYTES_MAX = 16384,  /* and the length of LD_PRELOAD */
};

static struct {
	int (*execve)(const char *, char *const[], char *const[]);
	int (*execvpe)(const char *, char *const[], char *const[]);
	int (*fexecve)(int, char *const[], char *const[]);
	int (*execveat)(int, const char *, char *const[], char *const[], int);
	int (*posix_spawn)(pid_t *, const char *, const posix_spawn_file_actions_t *,
			   const posix_spawnattr_t *, char *const[], char *const[]);
	int (*posix_spawnp)(pid_t *, const char *, const posix_spawn_file_actions_t *,
			    const posix_spawnattr_t *, char *const[], char *const[]);
} next;

/* One call of any of the functions. */
struct request {
	enum { BY_PATH, BY_NAME, BY_FD, AT, SPAWN_BY_PATH, SPAWN_BY_NAME } how;
	int fd; /* BY_FD, AT */
	int flags;
	const char *path;
	char *const *argv;
	char *const *environment;
	pid_t *ret_pid;
	const posix_spawn_file_actions_t *actions;
	const posix_spawnattr_t *attributes;
};

void exec_find(void)
{
	next.execve = linkmap_find_next("execve", NULL);
	next.execvpe = linkmap_find_next("execvpe", NULL);
	next.fexecve = linkmap_find_next("fexecve", NULL);
	next.execveat = linkmap_find_next("execveat", NULL);
	next.posix_spawn = linkmap_find_next("posix_spawn", NULL);
	next.posix_spawnp = linkmap_find_next("posix_spawnp", NULL);
	program_find();
}

void exec_strip_environment(char **environment)
{
	if (environment)
		environment_strip(environment, boot_agent_path(), environment, NULL);
}

static bool agent_is_reachable(void)
{
	const char *path = boot_agent_path();
	long fd;

	if (!path)
		return false;
	fd = sys_call4(SYS_NR_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return false;
	(void)sys_call3(SYS_NR_close, fd, 0, 0);
	return true;
}

static enum program_verdict judge(const struct request *request)
{
	switch (request->how) {
	case BY_FD:
		return program_judge_fd(request->fd);
	case AT:
		if (!request->path[0])
			return program_judge_fd(request->fd);
		return program_judge_at(request->fd, request->path);
	case BY_NAME:
	case SPAWN_BY_NAME:
		return program_judge_name(request->path);
	case BY_PATH:
	case SPAWN_BY_PATH:
		break;
	}
	return program_judge_at(AT_FDCWD, request->path);
}

/* Behind a seccomp filter nothing is asked: a system call too many is the end of the process. */
static bool goes_without_agent(const struct request *request)
{
	return !boot_config.follow || confine_is_in_force() || !agent_is_reachable() ||
	       judge(request) == PROGRAM_CANNOT;
}

static int forward(const struct request *request, char *const *environment)
{
	bool spawns = request->how == SPAWN_BY_PATH || request->how == SPAWN_BY_NAME;
	bool marked = !spawns && !confine_is_in_force();
	int r = -1;

	if (marked)
		core_set_state(MT_STATE_REPLACED);
	switch (request->how) {
	case BY_PATH:
		r = next.execve(request->path, request->argv, environment);
		break;
	case BY_NAME:
		r = next.execvpe(request->path, request->argv, environment);
		break;
	case BY_FD:
		r = next.fexecve(request->fd, request->argv, environment);
		break;
	case AT:
		if (next.execveat)
			r = next.execveat(request->fd, request->path, request->argv, environment,
					  request->flags);
		else
			errno = ENOSYS;
		break;
	case SPAWN_BY_PATH:
		return next.posix_spawn(request->ret_pid, request->path, request->actions,
					request->attributes, request->argv, environment);
	case SPAWN_BY_NAME:
		return next.posix_spawnp(request->ret_pid, request->path, request->actions,
					 request->attributes, request->argv, environment);
	}
	/* exec came back: it failed */
	if (marked)
		core_set_state(MT_STATE_RUNNING);
	return r;
}

/* In a function of its own, so that the common case does not pay for the buffers. */
static _noinline_ int forward_stripped(const struct request *request,
				       const struct environment_size *size)
{
	char **entries = __builtin_alloca(size->n_entries * sizeof(*entries));
	char *bytes = __builtin_alloca(size->n_bytes + 1);

	environment_strip(request->environment, boot_agent_path(), entries, bytes);
	return forward(request, entries);
}

/*
 * The same for an environment that would not fit on a stack. If this is a child of vfork the mapping
 * stays behind in the parent; there is no other place that outlives the call.
 */
static _noinline_ int forward_stripped_large(const struct request *request,
					     const struct environment_size *size)
{
	size_t n_bytes = size->n_entries * sizeof(char *) + size->n_bytes;
	char **entries = sys_map_private(n_bytes);
	int r;

	if (!entries)
		return forward(request, request->environment);
	environment_strip(request->environment, boot_agent_path(), entries,
			  (char *)(entries + size->n_entries));
	r = forward(request, entries);
	sys_unmap(entries, n_bytes);
	return r;
}

static int run(const struct request *request)
{
	struct environment_size size;

	if (boot_mode == BOOT_NEW)
		(void)boot();
	environment_measure(request->environment, boot_agent_path(), &size);
	if (!size.has_agent || !goes_without_agent(request))
		return forward(request, request->environment);
	if (size.n_entries > ENTRIES_MAX || size.n_bytes > BYTES_MAX)
		return forward_stripped_large(request, &size);
	return forward_stripped(request, &size);
}

_export_ int execve(const char *path, char *const argv[], char *const environment[])
{
	return run(&(struct request){
		.how = BY_PATH, .path = path, .argv = argv, .environment = environment});
}

_export_ int execv(const char *path, char *const argv[])
{
	return execve(path, argv, environ);
}

_export_ int execvpe(const char *name, char *const argv[], char *const environment[])
{
	return run(&(struct request){
		.how = BY_NAME, .path = name, .argv = argv, .environment = environment});
}

_export_ int execvp(const char *name, char *const argv[])
{
	return execvpe(name, argv, environ);
}

_export_ int fexecve(int fd, char *const argv[], char *const environment[])
{
	return run(&(struct request){
		.how = BY_FD, .fd = fd, .argv = argv, .environment = environment});
}

_export_ int execveat(int dirfd, const char *path, char *const argv[], char *const environment[],
		      int flags)
{
	return run(&(struct request){.how = AT,
				     .fd = dirfd,
				     .path = path,
				     .argv = argv,
				     .environment = environment,
				     .flags = flags});
}

/* The arguments from first on, as an array on the caller's stack; list is left behind the NULL. */
#define GATHER_ARGUMENTS(list, first, ret)                       \
	do {                                                     \
		size_t n_ = 1, i_;                               \
		va_list counted_;                                \
                                                                 \
		va_copy(counted_, list);                         \
		while (va_arg(counted_, char *))                 \
			n_++;                                    \
		va_end(counted_);                                \
		ret = __builtin_alloca((n_ + 1) * sizeof(*ret)); \
		ret[0] = (char *)(first);                        \
		for (i_ = 1; i_ <= n_; i_++)                     \
			ret[i_] = va_arg(list, char *);          \
	} while (0)

_export_ int execl(const char *path, const char *first, ...)
{
	va_list list;
	char **argv;

	va_start(list, first);
	GATHER_ARGUMENTS(list, first, argv);
	va_end(list);
	return execve(path, argv, environ);
}

_export_ int execlp(const char *name, const char *first, ...)
{
	va_list list;
	char **argv;

	va_start(list, first);
	GATHER_ARGUMENTS(list, first, argv);
	va_end(list);
	return execvpe(name, argv, environ);
}

_export_ int execle(const char *path, const char *first, ...)
{
	char *const *environment;
	va_list list;
	char **argv;

	va_start(list, first);
	GATHER_ARGUMENTS(list, first, argv);
	environment = va_arg(list, char *const *);
	va_end(list);
	return execve(path, argv, environment);
}

_export_ int posix_spawn(pid_t *ret_pid, const char *path,
			 const posix_spawn_file_actions_t *actions,
			 const posix_spawnattr_t *attributes, char *const argv[],
			 char *const environment[])
{
	return run(&(struct request){.how = SPAWN_BY_PATH,
				     .path = path,
				     .argv = argv,
				     .environment = environment,
				     .ret_pid = ret_pid,
				     .actions = actions,
				     .attributes = attributes});
}

_export_ int posix_spawnp(pid_t *ret_pid, const char *name,
			  const posix_spawn_file_actions_t *actions,
			  const posix_spawnattr_t *attributes, char *const argv[],
			  char *const environment[])
{
	return run(&(struct request){.how = SPAWN_BY_NAME,
				     .path = name,
				     .argv = argv,
				     .environment = environment,
				     .ret_pid = ret_pid,
				     .actions = actions,
				     .attributes = attributes});
}
