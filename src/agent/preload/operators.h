/* SPDX-License-Identifier: MIT */
/*
 * operators.h: what a C++ operator new does when there is no memory.
 *
 * name is the mangled name of the operator. The next definition of it is called with the same arguments
 * and decides: it runs the new handler, and throws std::bad_alloc, returns a block, or NULL.
 */
#ifndef AGENT_PRELOAD_OPERATORS_H
#define AGENT_PRELOAD_OPERATORS_H

#include <stddef.h>

/* Those of operator new(size), (size, nothrow), (size, align) and (size, align, nothrow), arrays or not. */
void *operators_new_failed(const char *name, size_t size);
void *operators_new_failed_nothrow(const char *name, size_t size, const void *nothrow);
void *operators_new_failed_aligned(const char *name, size_t size, size_t align);
void *operators_new_failed_aligned_nothrow(const char *name, size_t size, size_t align,
					   const void *nothrow);

#endif
