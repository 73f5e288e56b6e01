/* SPDX-License-Identifier: MIT */
/*
 * progress.h: how far something is that may take long. Whoever does it says so from any layer; whether and how
 * it is shown is decided by who has set a sink, and without one nothing happens. One thing at a time, one
 * thread.
 *
 *	progress_begin("naming addresses", n);
 *	for (i = 0; i < n; i++) {
 *		progress_step(i);
 *		…
 *	}
 *	progress_end();
 */
#ifndef BASE_PROGRESS_H
#define BASE_PROGRESS_H

#include <stdint.h>

struct progress_sink {
	/* Called often. what is as given to progress_begin; done is not above total, which is not 0. */
	void (*show)(const char *what, uint64_t done, uint64_t total);
	/* It is over, or something else is about to be printed. */
	void (*hide)(void);
};

/* NULL: nothing is shown. sink lives as long as it is set. */
void progress_set_sink(const struct progress_sink *sink);

/* what lives until progress_end. Within another one it counts as a part of that and is not shown. */
void progress_begin(const char *what, uint64_t total);
void progress_step(uint64_t done);
void progress_end(void);

/* Takes what is shown off the screen; it comes back with the next step. */
void progress_hide(void);

#endif
