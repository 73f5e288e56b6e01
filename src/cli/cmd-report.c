/* SPDX-License-Identifier: MIT */
/*
 * cmd-report.c: `memtrace report [TARGET]`: what a process or a session holds, and who.
 */
#include "base/cleanup.h"
#include "base/log.h"
#include "cli/at.h"
#include "cli/inspect.h"
#include "cli/print.h"
#include "cli/target.h"
#include "cli/verb.h"

struct values {
	struct print_values print;
	const char *exe, *at;
	bool no_stop;
};

static const struct values defaults = {.print = PRINT_DEFAULTS};

static const struct option_spec options[] = {
	{"exe", 0, "FILE", offsetof(struct values, exe), &option_text,
	 "where the program of a core file is now"},
	{"at", 0, "T", offsetof(struct values, at), &option_text,
	 "as it was at a moment: 90s after the start, -5m before the end, peak, peak-rss or mark:NAME"},
	{"no-stop", 0, NULL, offsetof(struct values, no_stop), &option_flag,
	 "never stop the process, not even for a moment"},
	{NULL},
};

static const struct option_group groups[] = {
	{print_options, offsetof(struct values, print), "Options"},
	{options, 0, NULL},
	{NULL},
};

static int report_main(const void *values_, int n_operands, char **operands)
{
	const struct values *values = values_;
	_cleanup_(strbuf_deinit) struct strbuf error = {};
	_cleanup_free_ char *name = NULL;
	struct profile *profile;
	int status;

	if (values->at && at_check(values->at, &error) < 0) {
		log_error("report: --at: %s", strbuf_text(&error));
		return STATUS_USAGE;
	}
	if (target_load_exe(operands[0], values->exe, !values->print.no_symbolize, &profile, &name,
			    &error) < 0) {
		log_error("report: %s", strbuf_text(&error));
		return STATUS_FAILED;
	}
	if (n_operands == 0)
		log_notice("report: %s", name ?: "the newest session");
	(void)inspect_again(profile, !values->no_stop);
	if (values->at && at_go_to("report", values->at, profile, &error) < 0) {
		log_error("report: --at=%s: %s", values->at, strbuf_text(&error));
		status = STATUS_FAILED;
	} else {
		status = print_profile("report", profile, &values->print);
	}
	profile_free(profile);
	return status;
}

const struct verb verb_report = {
	.name = "report",
	.operands = "[OPTION…] [TARGET]",
	.summary = "show what a process, a session or a core holds, and who allocated it",
	.description =
		"Shows what is wrong, where the memory is, and what is outstanding, by the stack that\n"
		"allocated it. TARGET is a PID, a session file, or a core file; of a process without the\n"
		"agent, only what can be seen from outside. Without TARGET the newest session of this user is\n"
		"taken: a running one if there is one, else the newest file that was written.\n",
	.syntax = {groups},
	.values_size = sizeof(struct values),
	.defaults = &defaults,
	.max_operands = 1,
	.main = report_main,
};
