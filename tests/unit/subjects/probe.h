/* SPDX-License-Identifier: MIT */
/*
 * probe.h: places in a program that a test finds again: PROBE(name) puts the symbol probe_name on an
 * instruction of its line. KEEP: the function stays one, and is called.
 */
#ifndef TESTS_UNIT_SUBJECTS_PROBE_H
#define TESTS_UNIT_SUBJECTS_PROBE_H

#define PROBE(name) __asm__ volatile(".globl probe_" #name "\nprobe_" #name ":\n\tnop")
#ifdef __clang__
#define KEEP __attribute__((noinline, used))
#else
#define KEEP __attribute__((noipa, used))
#endif
#define INLINE static inline __attribute__((always_inline))

#endif
