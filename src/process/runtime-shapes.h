/* SPDX-License-Identifier: MIT */
/*
 * runtime-shapes.h: memory of runtimes, known by the headers in it.
 */
#ifndef PROCESS_RUNTIME_SHAPES_H
#define PROCESS_RUNTIME_SHAPES_H

#include "process/areas.h"
#include "process/maps.h"

/* Each looks through one anonymous mapping and adds what it recognises. */
int runtime_shapes_v8(const struct mapping *mapping, struct memory *memory, struct areas *areas);
int runtime_shapes_python(const struct mapping *mapping, struct memory *memory,
			  struct areas *areas);
int runtime_shapes_php(const struct mapping *mapping, struct memory *memory, struct areas *areas);
int runtime_shapes_ruby(const struct mapping *mapping, struct memory *memory, struct areas *areas);

#endif
