/* SPDX-License-Identifier: MIT */
/*
 * cmd-snapshot.c: `memtrace snapshot PID`: a session file of a running process, which goes on. The name
 * of the file is the result, and so goes to stdout.
 */
#include "base/cleanup.h"
#include "base/log.h"
#include "cli/capture.h"
#include "cli/target.h"
#include "cli/verb.h"

struct values {
	const char *output;
};

static const struct option_spec options[] = {
	{"output", 'o', "FILE", offsetof(struct values, output), &option_text,
	 "write to FILE (memtrace.COMM.PID.memtrace)"},
	{NULL},
};

static const struct option_group groups[] = {{options, 0, "Options"}, {NULL}};

static int snapshot_main(const void *values_, int n_operands, char **operands)
{
	const struct values *values = values_;
	_cleanup_(profile_freep) struct profile *profile = NULL;
	_cleanup_(strbuf_deinit) struct strbuf error = {};
	_cleanup_free_ char *path = NULL;
	pid_t pid;
	int r;

	r = target_need_pid(operands[0], &pid, &error);
	if (r >= 0)
		r = capture_pid(pid, true, &profile, &error);
	if (r < 0) {
		log_error("snapshot: %s", strbuf_text(&error));
		return STATUS_FAILED;
	}
	if (capture_keep("snapshot", profile, values->output, &path) < 0)
		return STATUS_FAILED;
	puts(path);
	return verb_finish_output();
}

const struct verb verb_snapshot = {
	.name = "snapshot",
	.operands = "[-o FILE] PID",
	.summary = "write a session file of a running process now",
	.description =
		"Writes a session file of the process PID, which goes on, and prints the file's name. Of a\n"
		"process without the agent the file has what can be seen from outside.\n",
	.syntax = {groups},
	.values_size = sizeof(struct values),
	.min_operands = 1,
	.max_operands = 1,
	.main = snapshot_main,
};
