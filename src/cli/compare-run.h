/* SPDX-License-Identifier: MIT */
/*
 * compare-run.h: one run of a program, measured from outside.
 */
#ifndef CLI_COMPARE_RUN_H
#define CLI_COMPARE_RUN_H

#include <stdbool.h>
#include <stdint.h>

/* Of the program itself, but for the CPU time, which counts the children that it waited for. */
struct run_result {
	double wall_s, cpu_s;
	uint64_t peak_rss, end_rss; /* bytes; UINT64_MAX if the kernel did not let us see */
	int status;                 /* as from wait(2) */
};

struct run_order {
	const char *path;
	char *const *argv;
	char *const *environment;
	const char *input; /* what it reads from; NULL: nothing */
	bool show;         /* its output goes where ours goes, instead of nowhere */
};

/* Runs it to its end. -errno if it could not be started; then nothing was run. */
int run_measure(const struct run_order *order, struct run_result *ret);

#endif
