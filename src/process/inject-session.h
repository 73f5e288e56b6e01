/* SPDX-License-Identifier: MIT */
/*
 * inject-session.h: what is known of a process while the tool attaches to it or leaves it, and the two things
 * that are done: looking from outside, and working with one thread stopped.
 */
#ifndef PROCESS_INJECT_SESSION_H
#define PROCESS_INJECT_SESSION_H

#include <stdbool.h>

#include "process/inject-check.h"
#include "process/inject-image.h"
#include "process/inject-modules.h"
#include "process/inject-slots.h"
#include "process/inject.h"
#include "process/maps.h"
#include "process/memory.h"

struct inject_calls;
struct outside;

struct injection {
	pid_t pid;
	int lock;
	struct inject_facts facts;
	struct inject_image image;
	uint64_t base; /* 0: not there */
	struct inject_control control;
	struct maps maps;
	struct memory *memory;
	struct inject_modules modules;
	struct inject_slots slots;
	struct inject_outcome outcome;
	/* for INJECT_CALL: what is called, and where the stopped thread must not be */
	struct inject_calls *calls;
	struct outside *outside;
	const struct inject_options *options; /* for the way there */
	bool back;                            /* the slots are to lead to the originals again */
	bool holds;                           /* a thread of ours has the loader's lock */
	bool insist; /* the loader is at work all the time: it is kept from that */
};

/* Checks the process and takes the lock: one tool at a time. 0, or -errno and maybe the line in error. */
int injection_init(struct injection *injection, pid_t pid, struct strbuf *error);
void injection_deinit(struct injection *injection);

/* Reads maps, modules and the image, as they are now. */
int injection_look(struct injection *injection);
/* The patches, for a way there or back. */
int injection_collect(struct injection *injection);
/* The image alone; maps and memory are there. */
int injection_find_image(struct injection *injection);
/* Whether the image that is there can be used again: waits a little for threads to leave it. */
bool injection_wait_idle(struct injection *injection);

/* Stops a thread, lays the image out if it is not there, has it do the request, and lets the thread go. */
int injection_work(struct injection *injection);

/* A few milliseconds. */
void injection_pause(void);

#endif
