/* SPDX-License-Identifier: MIT */
/*
 * family.h: which living processes carry the name of a listening socket in their environment, and so
 * were started under the agent of this run. It finds those, too, that have not recorded anything yet.
 */
#ifndef CLI_FAMILY_H
#define CLI_FAMILY_H

#include <sys/types.h>

/* Puts up to max of them into ret and returns how many there are. Those that may not be read are passed over. */
unsigned family_find(const char *socket_name, pid_t *ret, unsigned max);

#endif
