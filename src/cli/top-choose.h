/* SPDX-License-Identifier: MIT */
/*
 * top-choose.h: which process `memtrace top` is to show, when it was not told: a list of those that run, the
 * biggest and fastest-growing first.
 */
#ifndef CLI_TOP_CHOOSE_H
#define CLI_TOP_CHOOSE_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * On the screen, which is open. Returns 1 and the process, 0 if none was chosen, or -errno; utf8: what the
 * terminal takes.
 */
int top_choose(double interval_s, pid_t *ret);

/* As text, n_frames times, an interval apart. Returns 0 or -errno. */
int top_choose_print(double interval_s, unsigned n_frames);

#endif
