/* SPDX-License-Identifier: MIT */
/*
 * start.h: the function that the tool lets a stopped thread run, and what it returns to.
 */
#ifndef AGENT_INJECT_START_H
#define AGENT_INJECT_START_H

/* Does what control.request says and leaves the answer in control.reply. */
void inject_start(void);

/* Assembler; see resume-x86_64.S. */
void inject_resume(void);

#endif
