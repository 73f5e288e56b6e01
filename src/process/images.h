/* SPDX-License-Identifier: MIT */
/*
 * images.h: how far the program and its libraries reach in memory, their zero-initialised data included,
 * which has no name in /proc/PID/maps and may have grown together with mappings of others.
 */
#ifndef PROCESS_IMAGES_H
#define PROCESS_IMAGES_H

#include <sys/types.h>

#include "process/areas.h"
#include "process/maps.h"

/*
 * Adds an area for the anonymous memory that belongs to each image that is mapped, and one for the
 * thread-local storage of the main thread, which the loader maps. Program headers that are not resident
 * are not read: then only what follows an image's data directly counts, up to 1 MiB.
 */
int images_find(pid_t pid, const struct maps *maps, struct memory *memory, struct areas *areas);

#endif
