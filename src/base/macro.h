/* SPDX-License-Identifier: MIT */
/*
 * macro.h: what every layer may use, the freestanding agent included: compiler attributes, size
 * arithmetic and branch hints. Nothing in here calls a function.
 */
#ifndef BASE_MACRO_H
#define BASE_MACRO_H

#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a)        (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)            ((a) < (b) ? (a) : (b))
#define MAX(a, b)            ((a) > (b) ? (a) : (b))
#define DIV_ROUND_UP(n, d)   (((n) + (d)-1) / (d))
/* align is a power of two */
#define ALIGN_UP(n, align)   (((n) + ((align)-1)) & ~((align)-1))
#define ALIGN_DOWN(n, align) ((n) & ~((align)-1))
#define IS_ALIGNED(n, align) (((n) & ((align)-1)) == 0)

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define _always_inline_ inline __attribute__((always_inline))
#define _noinline_      __attribute__((noinline))
#define _hot_           __attribute__((hot)) /* apart from the code of its file, with others of the kind */
#define _hidden_        __attribute__((visibility("hidden")))
#define _export_        __attribute__((visibility("default")))
#define _unused_        __attribute__((unused))
#define _printf_(f, a)  __attribute__((format(printf, f, a)))

/* The size and the place of everything that crosses a process boundary is fixed at compile time. */
#define assert_size(type, size)           _Static_assert(sizeof(type) == (size), #type)
#define assert_offset(type, member, offs) _Static_assert(offsetof(type, member) == (offs), #member)

#endif
