/* SPDX-License-Identifier: MIT */
/*
 * cmd-detach.c: `memtrace detach PID`: recording in a process stops. What was recorded stays readable.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "cli/capture.h"
#include "cli/control.h"
#include "cli/target.h"
#include "cli/verb.h"
#include "process/inject.h"

static const struct option_group groups[] = {{NULL}};

/* The slots lead to the originals again. */
static int detach_injected(pid_t pid)
{
	_cleanup_(strbuf_deinit) struct strbuf error = {};
	struct inject_outcome outcome;
	int r = inject_detach(pid, &outcome, &error);

	if (r < 0) {
		log_error("detach: %s", strbuf_text(&error));
		return STATUS_FAILED;
	}
	log_notice("detach: %d records no more: stopped thread %d for %.2f ms, %u slots; what it "
		   "recorded can still be reported on",
		   (int)pid, (int)outcome.tid, (double)outcome.stopped_ns / 1e6, outcome.n_patched);
	return STATUS_DONE;
}

static int detach_main(const void *values, int n_operands, char **operands)
{
	_cleanup_(strbuf_deinit) struct strbuf error = {};
	struct region *region;
	pid_t pid;
	int r;

	r = target_need_pid(operands[0], &pid, &error);
	if (r >= 0 && inject_is_active(pid) > 0)
		return detach_injected(pid);
	/* opening it first gives the reasons in the words of the other verbs */
	if (r >= 0)
		r = capture_open_pid(pid, &region, &error);
	if (r < 0) {
		log_error("detach: %s", strbuf_text(&error));
		return STATUS_FAILED;
	}
	region_free(region);
	r = control_stop(pid);
	if (r < 0) {
		log_error("detach: %d: the agent cannot be told: %s; run memtrace as root",
			  (int)pid, strerror(-r));
		return STATUS_FAILED;
	}
	log_notice("detach: %d records no more; what it recorded can still be reported on",
		   (int)pid);
	return STATUS_DONE;
}

const struct verb verb_detach = {
	.name = "detach",
	.operands = "PID",
	.summary = "stop recording in a process, which goes on",
	.description =
		"Stops the recording in the process PID, for good. The process goes on, its agent stays\n"
		"loaded and idle, and what was recorded can still be reported on.\n",
	.syntax = {groups},
	.min_operands = 1,
	.max_operands = 1,
	.main = detach_main,
};
