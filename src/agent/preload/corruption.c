/* SPDX-License-Identifier: MIT */
/*
 * corruption.c: see corruption.h. Context: inside free or malloc of a heap that cannot be trusted, so
 * nothing here allocates.
 */
#include "agent/preload/corruption.h"

#include <stdlib.h>

#include "agent/core/core.h"
#include "agent/preload/linkmap.h"
#include "agent/preload/say.h"
#include "base/macro.h"
#include "region/abi.h"

enum {
	FRAMES_MAX = 16,
};

static const char *describe(enum heap_error error)
{
	switch (error) {
	case HEAP_ERROR_DOUBLE_FREE:
		return "block was freed twice: ";
	case HEAP_ERROR_MISALIGNED:
		return "freed pointer is not the start of a block: ";
	case HEAP_ERROR_FOREIGN:
		return "freed pointer is no block of the heap: ";
	case HEAP_ERROR_CORRUPT:
		break;
	}
	return "heap is damaged at: ";
}

static void say_frame(uint64_t frame)
{
	uintptr_t pc = (uintptr_t)MT_FRAME_PC(frame);
	const struct link_map *module, *best = NULL;
	struct say line = {0};

	/* the module with the highest base below it: good enough for a message */
	for (module = linkmap_first(); module; module = module->l_next)
		if (module->l_addr <= pc && (!best || module->l_addr > best->l_addr))
			best = module;
	say_text(&line, "  ");
	say_hex(&line, pc);
	if (best) {
		say_text(&line, best->l_name[0] ? " " : " (program)");
		say_text(&line, best->l_name);
		say_text(&line, "+");
		say_hex(&line, pc - best->l_addr);
	}
	say_end(&line);
}

void corruption_report(enum heap_error error, const void *block)
{
	uint64_t frames[FRAMES_MAX];
	unsigned i, n = core_backtrace(frames, ARRAY_SIZE(frames));
	struct say line;

	say_begin(&line);
	say_text(&line, describe(error));
	say_hex(&line, (uintptr_t)block);
	say_end(&line);
	for (i = 0; i < n; i++)
		say_frame(frames[i]);
	abort();
}
