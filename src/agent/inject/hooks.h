/* SPDX-License-Identifier: MIT */
/*
 * hooks.h: the functions that stand in for the allocator's and for the mapping calls.
 */
#ifndef AGENT_INJECT_HOOKS_H
#define AGENT_INJECT_HOOKS_H

#include <stdint.h>

#include "region/inject-abi.h"

/* By variant and enum inject_function, for struct inject_header. */
extern const struct inject_header inject_header;

#endif
