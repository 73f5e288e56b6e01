/* SPDX-License-Identifier: MIT */
/*
 * shed.c: giving back pages of files.
 *
 * While everything is recorded, most stacks are new: rules for their frames are looked up in the unwinding
 * tables of libc, which nobody else reads, and the kernel maps 16 pages for each that is touched. In a small
 * program that is a tenth of what is resident. Afterwards most rules are known, and what is wanted
 * again costs a minor page fault. The same goes for the recorder's own code and tables that were needed to
 * begin, or are where everything is recorded.
 *
 * The kernel maps around a fault what is of the same mapping. MADV_RANDOM makes a mapping of its own of what is
 * given back, so that it does not come back with its neighbours. Ranges that are wanted again at different times are
 * told apart by the page that the end of one shares with the beginning of the next, which stays.
 *
 * MADV_DONTNEED loses what was written to a page. So the ranges are parts of libraries that are never
 * unloaded, in segments that may not be written to, of libraries without relocations there; and the kernel is
 * asked whether a file is mapped: MADV_WIPEONFORK is refused for files and changes nothing then. The guard of
 * fork-guard.h has it, so a kernel that does not know it has no recording. Where memory stands in place of the
 * file (a program that was unpacked or checkpointed) it is left alone.
 *
 * Context: any thread, inside malloc, signal handlers. Three system calls for each range, once.
 */
#include "agent/core/shed.h"

#include "agent/core/core.h"
#include "agent/core/sys.h"

static struct core_range shed_ranges[CORE_SELDOM];
static uint32_t shed_done;

void shed_init(const struct core_config *config)
{
	const uintptr_t page = sys_page_size();

	for (unsigned i = 0; i < CORE_SELDOM; i++) {
		shed_ranges[i].start = ALIGN_UP(config->seldom[i].start, page);
		shed_ranges[i].end = ALIGN_DOWN(config->seldom[i].end, page);
	}
}

static void shed_range(void *start, size_t size)
{
	int r = sys_madvise(start, size, SYS_MADV_WIPEONFORK);

	if (r == 0) {
		sys_madvise(start, size, SYS_MADV_KEEPONFORK);
		return;
	}
	if (r != -SYS_EINVAL)
		return;
	sys_madvise(start, size, SYS_MADV_RANDOM);
	sys_madvise(start, size, SYS_MADV_DONTNEED);
}

void shed_pages(void)
{
	if (__atomic_exchange_n(&shed_done, 1, __ATOMIC_RELAXED))
		return;
	for (unsigned i = 0; i < CORE_SELDOM; i++)
		if (shed_ranges[i].start < shed_ranges[i].end)
			shed_range((void *)shed_ranges[i].start,
				   shed_ranges[i].end - shed_ranges[i].start);
}
