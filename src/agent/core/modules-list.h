/* SPDX-License-Identifier: MIT */
/*
 * modules-list.h: the modules that were ever seen, and their entries in the region.
 */
#ifndef AGENT_CORE_MODULES_LIST_H
#define AGENT_CORE_MODULES_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/modules-image.h"
#include "agent/core/modules.h"
#include "region/abi.h"

struct known {
	struct module module;
	uint64_t identity;
	uintptr_t bias;
	/* as the loader has them, when it was last seen */
	const struct loader_map *map; /* compared; asked for before it is read */
	uintptr_t eh_frame_hdr;
	uintptr_t inside;                /* an address that _dl_find_object finds it by */
	uint64_t loaded_ns, unloaded_ns; /* unloaded_ns is 0 while it is loaded */
	const char *path;
	uint32_t path_length;
	uint32_t older; /* next in the chain */
	uint32_t walk;  /* the last walk over the loader's list that met it */
	uint8_t build_id_size;
	uint8_t build_id[MT_BUILD_ID_MAX];
};

/* May be called again. */
void known_init(void);

/* The chain, newest first. */
struct known *known_newest(void);
struct known *known_older(const struct known *known);
struct known *known_get(uint32_t index);

static inline bool known_is_loaded(const struct known *known)
{
	return __atomic_load_n(&known->unloaded_ns, __ATOMIC_RELAXED) == 0;
}

/*
 * Finds or adds the image, and notes that it is there in this epoch; what was there is not. found is
 * NULL if the loader's list had it. NULL if there is no room.
 */
struct known *known_note_present(const struct image *image, const struct loader_map *map,
				 const struct found_object *found, uint64_t epoch);
void known_note_unloaded(struct known *known);

void known_publish_all(void);
uint64_t known_own_bytes(void);

#endif
