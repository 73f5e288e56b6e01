/* SPDX-License-Identifier: MIT */
/* unwind-regs.h: picks the file that knows this architecture's registers. */
#ifndef AGENT_CORE_UNWIND_REGS_H
#define AGENT_CORE_UNWIND_REGS_H

#if defined(__x86_64__)
#include "agent/core/unwind-x86_64.h"
#elif defined(__aarch64__)
#include "agent/core/unwind-aarch64.h"
#else
#error "memtrace's agent is written for x86-64 and aarch64"
#endif

#endif
