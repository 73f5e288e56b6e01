/* SPDX-License-Identifier: MIT */
/* oracle.c: libunwind in the process, as the judge of our own unwinder. */
#define UNW_LOCAL_ONLY
#include "tests/support/oracle.h"

#include <dlfcn.h>
#include <libunwind.h>
#include <link.h>

unsigned oracle_trace(uint64_t *ret_pcs, unsigned max)
{
	unw_context_t context;
	unw_cursor_t cursor;
	unw_word_t pc;
	unsigned n = 0;

	unw_getcontext(&context);
	if (unw_init_local(&cursor, &context) < 0)
		return 0;
	while (n < max && unw_step(&cursor) > 0) {
		if (unw_get_reg(&cursor, UNW_REG_IP, &pc) < 0 || pc == 0)
			break;
		/* said of the frame that was interrupted, not of the trampoline */
		ret_pcs[n++] = pc + (unw_is_signal_frame(&cursor) > 0 ? 1 : 0);
	}
	return n;
}

static int take_counters(struct dl_phdr_info *info, size_t size, void *data)
{
	uint64_t *counters = data;

	counters[0] = info->dlpi_adds;
	counters[1] = info->dlpi_subs;
	return 1;
}

void oracle_find_loader(struct modules_loader *ret)
{
	uint64_t counters[2] = {0};
	void *global = dlsym(RTLD_DEFAULT, "_rtld_global");
	const ElfW(Sym) *symbol = NULL;
	Dl_info info;

	*ret = (struct modules_loader){.r_debug = dlsym(RTLD_DEFAULT, "_r_debug"),
				       .find_object = dlsym(RTLD_DEFAULT, "_dl_find_object")};
	dl_iterate_phdr(take_counters, counters);
	if (global && dladdr1(global, &info, (void **)&symbol, RTLD_DL_SYMENT) && symbol)
		modules_find_counters(global, symbol->st_size, counters[0], counters[1],
				      &ret->load_counter, &ret->unload_counter);
}
