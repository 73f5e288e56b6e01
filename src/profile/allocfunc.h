/* SPDX-License-Identifier: MIT */
/*
 * allocfunc.h: which functions are the allocation itself and not somebody who asked for it.
 */
#ifndef PROFILE_ALLOCFUNC_H
#define PROFILE_ALLOCFUNC_H

#include <stdbool.h>

/*
 * Whether the function only passes an allocation on: malloc's family, operator new, the standard
 * allocators of C++ and Rust. Functions that allocate for a purpose of their own (strdup, getline,
 * std::string, a program's xmalloc) are not. Either name may be NULL.
 */
bool allocfunc_is(const char *function, const char *linkage_name);

#endif
