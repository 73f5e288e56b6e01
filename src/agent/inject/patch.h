/* SPDX-License-Identifier: MIT */
/*
 * patch.h: the stores into the program's slots.
 */
#ifndef AGENT_INJECT_PATCH_H
#define AGENT_INJECT_PATCH_H

#include <stdbool.h>

#include "region/inject-abi.h"

/*
 * Stores all patches of the request and counts in the reply. 0, -EBUSY if something is being loaded or
 * unloaded, -EAGAIN if that has happened since the tool looked; then nothing was stored.
 */
int patch_all(const struct inject_request *request, struct inject_reply *reply);

/*
 * The same in parts, by a thread that no other thread waits for: patch_hold waits for the loader's lock
 * and is false if that takes too long. Processes of one thread take it in a way of their own; not there.
 */
bool patch_hold(const struct inject_request *request);
int patch_locked(const struct inject_request *request, struct inject_reply *reply);
void patch_drop(const struct inject_request *request);

#endif
