/* SPDX-License-Identifier: MIT */
/*
 * followed.c: a process at its end. What /proc said was read when the region came, since nothing of it
 * is there any more; the files of its modules are, so names are looked up now.
 */
#include "cli/followed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/macro.h"
#include "cli/capture.h"
#include "cli/control.h"
#include "cli/java-inspect.h"
#include "cli/observe.h"
#include "profile/course.h"
#include "profile/verdict.h"

/* A region that is new is looked at anew: what was seen of another program says nothing. */
static void begin_series(struct followed *process)
{
	series_free(process->series);
	process->series = series_new();
	process->next_mark = 0;
	process->began_ns = process->next_look_ns = clock_ns(CLOCK_MONOTONIC);
}

static uint64_t observe(struct followed *process, uint64_t now_ns)
{
	uint64_t spent_ns;

	if (!process->series)
		return UINT64_MAX;
	if (now_ns < process->next_look_ns)
		return process->next_look_ns;
	spent_ns = observe_spent_ns();
	/* without memory for another moment there is one less */
	observe_marks(process->series, process->region, &process->next_mark);
	(void)observe_region(process->series, process->region, process->origin.pid);
	process->next_look_ns =
		clock_ns(CLOCK_MONOTONIC) +
		series_interval_ns(now_ns - process->began_ns, observe_spent_ns() - spent_ns);
	return process->next_look_ns;
}

uint64_t followed_observe(struct followed *process, uint64_t now_ns)
{
	struct java_names *java = process->origin.java;
	const uint64_t due_ns = observe(process, now_ns);

	return java ? MIN(due_ns, java_names_look(java, process->region, now_ns)) : due_ns;
}

struct followed *followed_add(struct follower *follower, pid_t pid, struct region *region,
			      int pidfd)
{
	struct followed *process = malloc(sizeof(*process));

	if (!process) {
		region_free(region);
		cleanup_close(&pidfd);
		return NULL;
	}
	*process = (struct followed){.next = follower->processes, .region = region, .pidfd = pidfd};
	origin_init(&process->origin, pid);
	begin_series(process);
	follower->processes = process;
	return process;
}

void followed_remove(struct follower *follower, struct followed *process)
{
	for (struct followed **place = &follower->processes; *place; place = &(*place)->next)
		if (*place == process) {
			*place = process->next;
			break;
		}
	origin_deinit(&process->origin);
	region_free(process->region);
	series_free(process->series);
	cleanup_close(&process->pidfd);
	free(process);
}

void followed_supersede(struct followed *process, struct region *region)
{
	pid_t pid = process->origin.pid;

	region_free(process->region);
	process->region = region;
	origin_deinit(&process->origin);
	origin_init(&process->origin, pid);
	begin_series(process);
}

/*
 * A child that recorded nothing of its own leaves nothing: it was about to exec, or did very little. The
 * sites tell; the header's counters lag behind in a process that ended without a word.
 */
static bool recorded_anything(const struct region_snapshot *snapshot)
{
	for (uint32_t i = 0; i < snapshot->n_sites; i++) {
		const struct mt_site *site = &snapshot->sites[i];

		if (site->alloc_blocks > site->inherited_blocks || site->freed_samples > 0)
			return true;
	}
	for (uint32_t i = 0; i < snapshot->n_maps; i++)
		if (!(snapshot->maps[i].flags & MT_MAP_INHERITED))
			return true;
	return false;
}

static void set_end(struct profile *profile, const struct follow_end *end)
{
	struct profile_process *process = &profile->process;
	double seconds;

	process->n_threads = PROFILE_UNKNOWN;
	if (!end) {
		/* whether it was killed or called _exit only its parent was told */
		if (process->state == PROFILE_RUNNING)
			process->state = PROFILE_EXITED;
		return;
	}
	process->state = WIFSIGNALED(end->status) ? PROFILE_KILLED : PROFILE_EXITED;
	process->signal = WIFSIGNALED(end->status) ? WTERMSIG(end->status) : 0;
	process->exit_status = WIFEXITED(end->status) ? WEXITSTATUS(end->status) : -1;
	if (!end->alone)
		return;
	process->peak_rss = (uint64_t)end->usage.ru_maxrss * 1024;
	seconds = (double)(end->usage.ru_utime.tv_sec + end->usage.ru_stime.tv_sec) +
		  (double)(end->usage.ru_utime.tv_usec + end->usage.ru_stime.tv_usec) / 1e6;
	if (profile->agent.overhead_ratio < 0 && seconds > 0)
		profile->agent.overhead_ratio = (double)profile->agent.own_ns / 1e9 / seconds;
}

static const char *comm_of(const struct followed *process, const struct profile *profile)
{
	if (profile->process.comm && profile->process.comm[0])
		return profile->process.comm;
	return process->origin.has_info ? process->origin.info.comm : "";
}

static int session_path(struct follower *follower, struct followed *process,
			const struct profile *profile, char **ret)
{
	const char *output = follower->settings.output, *comm = comm_of(process, profile);
	pid_t pid = process->origin.pid;

	if (pid == follower->root && output) {
		*ret = strdup(output);
		return *ret ? 0 : -ENOMEM;
	}
	return capture_child_path(output, comm, pid, ret);
}

static void keep_root(struct follower *follower, struct profile *profile, char *path)
{
	profile_free(follower->root_profile);
	free(follower->root_path);
	follower->root_profile = profile;
	follower->root_path = path;
}

/* Whether it gathered memory, of malloc or not; without memory to judge nothing is said of it. */
static bool has_leaked(const struct profile *profile)
{
	_cleanup_(verdict_deinit) struct verdict verdict = {};

	return verdict_judge(profile, NULL, profile->arenas, &verdict) >= 0 &&
	       (verdict.code == VERDICT_LEAK || verdict.code == VERDICT_NOT_MALLOC);
}

/* One that leaks goes before one that holds more. */
static void count_child(struct follower *follower, struct profile *profile, char *path)
{
	const bool leaked = has_leaked(profile), first = leaked && follower->n_leaked == 0;

	follower->n_children++;
	follower->n_leaked += leaked;
	if (!follower->heaviest_path || first ||
	    (leaked == (follower->n_leaked > 0) &&
	     profile->heap.live_bytes > follower->heaviest_bytes)) {
		free(follower->heaviest_path);
		follower->heaviest_path = TAKE_PTR(path);
		follower->heaviest_bytes = profile->heap.live_bytes;
	}
	free(path);
	profile_free(profile);
}

/* Writes the session of a process. One line says so if it cannot be, for all children together. */
static void leave_session(struct follower *follower, struct followed *process,
			  struct profile *profile)
{
	bool is_root = process->origin.pid == follower->root;
	char *path = NULL;
	int r = session_path(follower, process, profile, &path);

	if (r < 0)
		log_error("run: no memory for the name of a session file; there is none");
	else if (is_root || follower->n_failed == 0)
		r = capture_write("run", profile, path);
	else
		r = -EIO;
	if (r < 0) {
		free(path);
		path = NULL;
		follower->n_failed += !is_root;
	}
	if (is_root)
		keep_root(follower, profile, path);
	else if (path)
		count_child(follower, profile, path);
	else
		profile_free(profile);
}

static void complain(const struct followed *process, int r)
{
	log_error("run: what process %d recorded cannot be read: %s; it has no session file",
		  (int)process->origin.pid, strerror(-r));
}

/* The state of the region decides whether there is a session at all. */
static int look(struct follower *follower, struct followed *process, bool live)
{
	struct region_snapshot snapshot;
	bool is_root = process->origin.pid == follower->root;
	bool replaced, anything;
	int r = region_snapshot(process->region, UINT64_MAX, &snapshot);

	if (r < 0)
		return r;
	replaced = !live && snapshot.header.state == MT_STATE_REPLACED;
	anything = is_root || recorded_anything(&snapshot);
	region_snapshot_deinit(&snapshot);
	if (replaced && is_root)
		follower->root_replaced = true;
	return !replaced && anything;
}

/* What was looked at after the end of a process that could not announce it is of its end. */
static void end_course(struct profile *profile)
{
	const double end = profile->process.captured_at;
	bool is_late = false;

	for (size_t i = 0; i < profile->n_moments; i++) {
		is_late |= profile->moments[i].at > end;
		profile->moments[i].at = MIN(profile->moments[i].at, end);
	}
	if (is_late)
		(void)course_find_growth(profile);
}

/* The moments that were seen, this one included. Without memory for them the session does without. */
static void give_series(struct followed *process, struct profile *profile)
{
	if (!process->series)
		return;
	observe_marks(process->series, process->region, &process->next_mark);
	(void)observe_region(process->series, process->region, process->origin.pid);
	if (series_finish(process->series, profile) < 0)
		log_warning("run: no memory for the course of process %d; its session goes without",
			    (int)process->origin.pid);
	else if (profile->process.state != PROFILE_RUNNING)
		end_course(profile);
}

void followed_finish(struct follower *follower, struct followed *process,
		     const struct follow_end *end)
{
	struct profile *profile;
	int r = look(follower, process, false);

	if (r > 0) {
		origin_forget_usage(&process->origin);
		r = capture(process->region, &process->origin, false, &follower->names, &profile);
		if (r >= 0) {
			set_end(profile, end);
			give_series(process, profile);
			leave_session(follower, process, profile);
		}
	}
	if (r < 0)
		complain(process, r);
	if (follower->settings.verbose)
		log_notice("run: process %d has ended", (int)process->origin.pid);
	followed_remove(follower, process);
}

void followed_stop(struct follower *follower, struct followed *process)
{
	struct profile *profile;
	int r = look(follower, process, true);

	if (r > 0) {
		origin_refresh(&process->origin);
		r = capture(process->region, &process->origin, true, &follower->names, &profile);
		if (r >= 0) {
			(void)java_inspect(process->origin.pid, profile);
			give_series(process, profile);
			leave_session(follower, process, profile);
		}
	}
	if (r < 0)
		complain(process, r);
	(void)control_stop(process->origin.pid);
	followed_remove(follower, process);
}
