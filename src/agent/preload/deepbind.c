/* SPDX-License-Identifier: MIT */
/*
 * deepbind.c: see deepbind.h.
 *
 * The loader computes an address as load bias + st_value, wherever the sum leads. The symbol table is in
 * libc's read-only segment, whose pages are private to the process: they are made writable, the values
 * of the exported functions are changed (each one aligned word, so a look-up at the same time sees one
 * or the other), and closed again. It costs a copied page per page that has such an entry, and only
 * programs that use RTLD_DEEPBIND pay. libc's own functions are not touched: what was resolved
 * before, by us above all, stays good, and blocks that they gave out are freed where they came from.
 *
 * The alternative is to correct the slots of each module after it was loaded. Then its constructors have
 * run with the wrong functions, and its lazily bound slots are resolved to them later.
 *
 * A plugin that was led here has its blocks from where the program has its own, so they may cross, also
 * where the program brought jemalloc and the plugin would have crashed without us. Two cases are left
 * alone, and then the header's flag says that blocks are not seen: the program's allocator is not ours to
 * give (it is defined in the program itself, or preloaded before us); and in system mode the next
 * allocator is a stranger, perhaps a wrapper that looks for libc's malloc by name and would find us again.
 */
#include "agent/preload/deepbind.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/core/core.h"
#include "agent/core/sys.h"
#include "agent/preload/backend.h"
#include "agent/preload/boot.h"
#include "agent/preload/linkmap.h"
#include "agent/preload/say.h"
#include "base/macro.h"
#include "region/abi.h"

void *(*deepbind_next_dlopen)(const char *path, int flags);

/* What lead_here needs to know of libc. */
struct target {
	const struct link_map *libc;
	bool is_closed; /* the kernel does not let us */
	size_t page_size;
	int protection; /* of the segment with the symbol table */
};

/* From PT_LOAD's flags; old linkers put the symbol table into the same segment as the code. */
static int see_module(struct dl_phdr_info *info, size_t size, void *data)
{
	struct target *target = data;
	const ElfW(Sym) * entry;
	size_t i;

	if (info->dlpi_addr != target->libc->l_addr ||
	    !linkmap_find(target->libc, "__libc_start_main", &entry))
		return 0;
	for (i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];

		if (header->p_type != PT_LOAD ||
		    (uintptr_t)entry - info->dlpi_addr - header->p_vaddr >= header->p_memsz)
			continue;
		target->protection = ((header->p_flags & PF_R) ? PROT_READ : 0) |
				     ((header->p_flags & PF_W) ? PROT_WRITE : 0) |
				     ((header->p_flags & PF_X) ? PROT_EXEC : 0);
		return 1;
	}
	return 0;
}

/* Called for each function that we export. */
static void lead_here(const char *name, void *ours, void *data)
{
	struct target *target = data;
	const ElfW(Sym) * entry;
	uintptr_t page, end;
	long r;

	if (target->is_closed || !linkmap_find(target->libc, name, &entry))
		return;
	page = ALIGN_DOWN((uintptr_t)entry, target->page_size);
	end = ALIGN_UP((uintptr_t)(entry + 1), target->page_size);
	r = sys_call3(SYS_NR_mprotect, (long)page, (long)(end - page),
		      target->protection | PROT_WRITE);
	if (r < 0) {
		say_error("cannot open the C library's symbol table", (int)r);
		target->is_closed = true;
		return;
	}
	/* the loader adds the bias again; both are aligned words */
	__atomic_store_n((ElfW(Addr) *)&entry->st_value, (ElfW(Addr))ours - target->libc->l_addr,
			 __ATOMIC_RELAXED);
	(void)sys_call3(SYS_NR_mprotect, (long)page, (long)(end - page), target->protection);
}

/* See above; self is this library. */
static bool may_lead(const struct link_map *self)
{
	const struct link_map *first = linkmap_first();
	uint32_t kind;

	if (boot_mode == BOOT_SYSTEM && backend.kind == MT_ALLOCATOR_OTHER)
		return false;
	while (first != self && !linkmap_find(first, "malloc", NULL))
		first = first->l_next;
	if (first == self)
		return true;
	kind = backend_identify(first);
	return first != linkmap_first() && kind == MT_ALLOCATOR_OTHER;
}

/* False if plugins go on to allocate past us. */
static bool lead_all_here(void)
{
	const struct link_map *libc = linkmap_libc();
	struct target target = {.libc = libc, .page_size = (size_t)sysconf(_SC_PAGESIZE)};
	const struct link_map *self = linkmap_self();

	if (!libc || !self)
		return false;
	if (!may_lead(self)) {
		say("plugins with RTLD_DEEPBIND are not seen: they allocate through",
		    linkmap_name(libc));
		return false;
	}
	if (!dl_iterate_phdr(see_module, &target))
		return false;
	linkmap_for_each(self, lead_here, &target);
	if (target.is_closed)
		return false;
	say("plugins with RTLD_DEEPBIND are led here", NULL);
	return true;
}

void deepbind_find(void)
{
	deepbind_next_dlopen = linkmap_find_next("dlopen", NULL);
}

void deepbind_prepare(int flags)
{
	static bool led;
	int saved = errno;

	(void)boot();
	/* before glibc 2.34 it is in a library of its own, which may have been loaded later */
	if (!deepbind_next_dlopen)
		deepbind_find();
	if ((flags & RTLD_DEEPBIND) && !__atomic_exchange_n(&led, true, __ATOMIC_ACQ_REL)) {
		if (!lead_all_here())
			core_set_header_flag(MT_HEADER_DEEPBIND);
	}
	errno = saved;
}
