/* SPDX-License-Identifier: MIT */
/*
 * sample-regs.h: the registers that the kernel hands out with a sample of perf_event_open(2), of the
 * machine that this is built for.
 *
 * Each machine's header has: SAMPLE_REGS, how many there are; SAMPLE_REGS_MASK, which ones (asm/perf_regs.h);
 * SAMPLE_REGS_PC, SAMPLE_REGS_SP, their places in a sample, which has them in order of their bits; and
 * sample_regs_place, the place of a register as libunwind numbers it, or -1.
 */
#ifndef PROCESS_SAMPLE_REGS_H
#define PROCESS_SAMPLE_REGS_H

#if defined(__x86_64__)
#include "process/sample-regs-x86_64.h"
#elif defined(__aarch64__)
#include "process/sample-regs-aarch64.h"
#else
#error "no registers for this machine"
#endif

#endif
