/* SPDX-License-Identifier: MIT */
/*
 * shed.h: pages of files that only the beginning of a recording needed.
 */
#ifndef AGENT_CORE_SHED_H
#define AGENT_CORE_SHED_H

#include <stdint.h>

struct core_config;

/* What there is to be given back: the ranges of config->seldom are copied. */
void shed_init(const struct core_config *config);

/*
 * Unmaps the pages of config->seldom from the process, at the first call. They stay in the page cache, and
 * come back when they are touched. Any thread, inside malloc.
 */
void shed_pages(void);

#endif
