/* SPDX-License-Identifier: MIT */
/* hotspot-layout.h: where in its own structures this version of HotSpot has what the unwinder needs. */
#ifndef AGENT_CORE_HOTSPOT_LAYOUT_H
#define AGENT_CORE_HOTSPOT_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

/* Addresses of statics, offsets of fields in bytes. */
enum hotspot_item {
	HOTSPOT_HEAPS,       /* static: GrowableArray<CodeHeap *> * */
	HOTSPOT_ENTRY_STUB,  /* static: where the stub that calls Java is returned to */
	HOTSPOT_INTERPRETER, /* static: StubQueue * */
	HOTSPOT_ARRAY_LENGTH,
	HOTSPOT_ARRAY_DATA,
	HOTSPOT_HEAP_MEMORY,   /* struct VirtualSpace in CodeHeap */
	HOTSPOT_HEAP_SEGMENTS, /* another one: the map of segments */
	HOTSPOT_HEAP_LOG2,     /* of a segment's size */
	HOTSPOT_SPACE_LOW,     /* of VirtualSpace: where what is in use begins and ends, */
	HOTSPOT_SPACE_HIGH,
	HOTSPOT_SPACE_LIMIT, /* and how far it may go */
	HOTSPOT_BLOCK_USED,
	HOTSPOT_BLOB_FRAME_SIZE, /* int, words */
	HOTSPOT_QUEUE_BUFFER,
	HOTSPOT_QUEUE_LIMIT, /* int, bytes */
	HOTSPOT_BLOCK_SIZE,  /* the size of a type */
	HOTSPOT_N_ITEMS,
};

struct hotspot_layout {
	uint64_t items[HOTSPOT_N_ITEMS];
};

/* Reads it from the machine's library. False if there is none, or it does not tell everything. */
bool hotspot_layout_read(struct hotspot_layout *ret);

#endif
