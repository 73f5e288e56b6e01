/* SPDX-License-Identifier: MIT */
/*
 * core-maps.h: the address space of a process of which a core is left, as far as the core tells.
 */
#ifndef PROCESS_CORE_MAPS_H
#define PROCESS_CORE_MAPS_H

#include "process/core-files.h"
#include "process/core-image.h"
#include "process/core-notes.h"
#include "process/maps.h"

/* Mappings without usage. The caller deinits ret. */
int core_maps_build(const struct core_image *image, struct core_files *files,
		    const struct core_notes *notes, struct maps *ret);
/* Looks at every segment and fills the usage. */
int core_maps_measure(struct core_image *image, struct maps *maps);

#endif
