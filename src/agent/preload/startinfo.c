/* SPDX-License-Identifier: MIT */
/*
 * startinfo.c: the initial stack, found through the loader's __libc_stack_end.
 *
 * From low to high: argc, argv[], NULL, environ[], NULL, auxv[], the strings. The string of AT_EXECFN is
 * the last one, eight bytes below the end of the stack's mapping, so that its page's end is the end of
 * the main thread's stack.
 */
#include "agent/preload/startinfo.h"

#include <string.h>

#include "agent/preload/linkmap.h"
#include "base/macro.h"

enum {
	PAGE_SIZE_MIN = 4096,
};

static uintptr_t *initial_stack(void)
{
	const struct link_map *module;

	for (module = linkmap_first(); module; module = module->l_next) {
		uintptr_t **stack_end = linkmap_find(module, "__libc_stack_end", NULL);

		if (stack_end)
			return *stack_end;
	}
	return NULL;
}

void startinfo_read(struct startinfo *ret)
{
	uintptr_t *word = initial_stack(), page_size = PAGE_SIZE_MIN, exec_name = 0;
	const ElfW(auxv_t) * entry;

	*ret = (struct startinfo){0};
	if (!word)
		return;
	/* over argc and argv; a loader that was started as a command may have moved argv up */
	for (word++; *word; word++)
		;
	ret->environ = (char **)++word;
	for (; *word; word++)
		;
	for (entry = (const ElfW(auxv_t) *)(word + 1); entry->a_type != AT_NULL; entry++) {
		if (entry->a_type == AT_SYSINFO_EHDR)
			ret->vdso = entry->a_un.a_val;
		if (entry->a_type == AT_PAGESZ)
			page_size = entry->a_un.a_val;
		if (entry->a_type == AT_EXECFN)
			exec_name = entry->a_un.a_val;
	}
	if (exec_name)
		ret->stack_end =
			ALIGN_UP(exec_name + strlen((const char *)exec_name) + 1, page_size);
}
