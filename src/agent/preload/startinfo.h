/* SPDX-License-Identifier: MIT */
/*
 * startinfo.h: what the kernel put on the initial stack: the environment before anybody changed it, and
 * the auxiliary vector. The program's environ may not be set up when the first malloc comes.
 */
#ifndef AGENT_PRELOAD_STARTINFO_H
#define AGENT_PRELOAD_STARTINFO_H

#include <stdint.h>

struct startinfo {
	char **environ;      /* NULL if it was not found */
	uintptr_t vdso;      /* AT_SYSINFO_EHDR, 0 if there is none */
	uintptr_t stack_end; /* of the main thread, 0 if not known */
};

void startinfo_read(struct startinfo *ret);

#endif
