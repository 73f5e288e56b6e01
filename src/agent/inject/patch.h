/* SPDX-License-Identifier: MIT */
/*
 * patch.h: the stores into the program's slots.
 */
#ifndef AGENT_INJECT_PATCH_H
#define AGENT_INJECT_PATCH_H

#include "region/inject-abi.h"

/*
 * Stores all patches of the request and counts in the reply. 0, -EBUSY if something is being loaded or
 * unloaded, -EAGAIN if that has happened since the tool looked; then nothing was stored.
 */
int patch_all(const struct inject_request *request, struct inject_reply *reply);

#endif
