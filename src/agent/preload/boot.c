/* SPDX-License-Identifier: MIT */
/*
 * boot.c: see boot.h.
 *
 * Two steps. decide() reads the environment from the initial stack and the symbols of the next
 * allocator from memory, then stores the mode. It allocates nothing, so nobody has to be kept waiting
 * while it runs: threads that come at the same time, and there are none yet in all but contrived cases,
 * do the same work and store the same values. From then on allocations are served.
 *
 * start() runs once, in whoever comes first: it makes the region, sets the heap's hooks, and registers
 * with fork and the ends of threads. Allocations of libc in there, and those of other threads, are
 * served and not recorded.
 *
 * Context: inside the first malloc of the process, maybe called by the loader before any constructor.
 */
#include "agent/preload/boot.h"

#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <string.h>

#include "agent/core/core.h"
#include "agent/preload/backend.h"
#include "agent/preload/confine.h"
#include "agent/preload/corruption.h"
#include "agent/preload/deepbind.h"
#include "agent/preload/exec.h"
#include "agent/preload/handover.h"
#include "agent/preload/linkmap.h"
#include "agent/preload/maphooks.h"
#include "agent/preload/say.h"
#include "agent/preload/slow.h"
#include "agent/preload/startinfo.h"
#include "agent/preload/threadend.h"
#include "heap/heap.h"
#include "region/abi.h"

enum boot_mode boot_mode;
struct config boot_config;
struct boot_range boot_own_code, boot_backend_code;

/* Around the kinds of code that are seldom run: seldom-*.S, and the order in meson.build. */
extern const char seldom_begin[] _hidden_, seldom_all[] _hidden_, seldom_once[] _hidden_,
	seldom_end[] _hidden_;

static const struct link_map *self;
static bool config_is_valid;

const char *boot_agent_path(void)
{
	return self && self->l_name[0] ? self->l_name : NULL;
}

static enum boot_mode decide(void)
{
	struct startinfo info;
	struct config config;
	const char *bad = NULL;
	bool valid;

	startinfo_read(&info);
	valid = config_read(info.environ, &config, &bad) == 0;
	if (!backend_find()) {
		/* cannot be: then at least allocations work */
		config.system = false;
		valid = false;
	} else if (!valid) {
		config.system = true;
	}
	exec_find();
	maphooks_find();
	deepbind_find();
	confine_find();
	self = linkmap_self();
	boot_config = config;
	config_is_valid = valid;
	say_debug = config.debug;
	if (bad)
		say("off, because this is not understood:", bad);
	/* pairs with nothing: readers that see the mode late come here and find the same */
	__atomic_store_n(&boot_mode, config.system ? BOOT_SYSTEM : BOOT_FAST, __ATOMIC_RELEASE);
	return boot_mode;
}

/* What dl_iterate_phdr shows, once and at the start of the process only. */
struct modules_seen {
	uint64_t adds, subs;
	const struct link_map *backend, *libc;
	struct core_range libc_tables, own_tables; /* for unwinding */
};

static void code_range(const struct dl_phdr_info *info, struct boot_range *ret)
{
	size_t i;

	for (i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];

		if (header->p_type != PT_LOAD || !(header->p_flags & PF_X))
			continue;
		ret->start = info->dlpi_addr + header->p_vaddr;
		ret->end = ret->start + header->p_memsz;
		return;
	}
}

/* The unwinding tables, up to the end of their segment; nothing if that may be written to. */
static void tables_range(const struct dl_phdr_info *info, struct core_range *ret)
{
	uintptr_t start = 0;

	for (size_t i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_GNU_EH_FRAME)
			start = info->dlpi_phdr[i].p_vaddr;
	for (size_t i = 0; start && i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];

		if (header->p_type == PT_LOAD && !(header->p_flags & PF_W) &&
		    start - header->p_vaddr < header->p_filesz) {
			ret->start = info->dlpi_addr + start;
			ret->end = info->dlpi_addr + header->p_vaddr + header->p_filesz;
		}
	}
}

static int see_module(struct dl_phdr_info *info, size_t size, void *data)
{
	struct modules_seen *seen = data;

	seen->adds = info->dlpi_adds;
	seen->subs = info->dlpi_subs;
	if (seen->libc && info->dlpi_addr == seen->libc->l_addr)
		tables_range(info, &seen->libc_tables);
	if (self && info->dlpi_addr == self->l_addr) {
		tables_range(info, &seen->own_tables);
		code_range(info, &boot_own_code);
	} else if (seen->backend && info->dlpi_addr == seen->backend->l_addr) {
		code_range(info, &boot_backend_code);
	}
	return 0;
}

static void find_loader(const struct modules_seen *seen, struct modules_loader *ret)
{
	const struct link_map *module;

	ret->r_debug = &_r_debug;
	for (module = linkmap_first(); module; module = module->l_next) {
		const ElfW(Sym) * entry;
		const void *address;

		address = linkmap_find(module, "_dl_find_object", NULL);
		if (address && !ret->find_object)
			ret->find_object = address;
		address = linkmap_find(module, "_rtld_global", &entry);
		if (address)
			(void)modules_find_counters(address, entry->st_size, seen->adds, seen->subs,
						    &ret->load_counter, &ret->unload_counter);
	}
}

static int start_core(void)
{
	struct modules_seen seen = {0};
	struct startinfo info;
	struct core_config core = {
		.mode = MT_MODE_PRELOAD,
		.sampling = boot_config.sampling,
		.interval = boot_config.interval,
		.watched = boot_config.watched,
		.max_memory = boot_config.max_memory,
		.handover = handover_send,
		.ignore_children = !boot_config.follow,
	};

	startinfo_read(&info);
	seen.backend = boot_mode == BOOT_SYSTEM ? backend.module : NULL;
	seen.libc = linkmap_libc();
	(void)dl_iterate_phdr(see_module, &seen);
	find_loader(&seen, &core.loader);
	core.vdso = info.vdso;
	core.main_stack_end = info.stack_end;
	core.text_start = boot_own_code.start;
	core.text_end = boot_own_code.end;
	core.seldom[0] = seen.libc_tables;
	core.seldom[1] = seen.own_tables;
	core.seldom[2] = (struct core_range){(uintptr_t)seldom_begin, (uintptr_t)seldom_all};
	core.seldom[3] = (struct core_range){(uintptr_t)seldom_all, (uintptr_t)seldom_once};
	core.seldom[4] = (struct core_range){(uintptr_t)seldom_once, (uintptr_t)seldom_end};
	core.allocator = backend.kind;
	if (boot_mode == BOOT_FAST) {
		core.allocator = MT_ALLOCATOR_FAST;
		core.tags = true;
		core.heap_root = (uint64_t)(uintptr_t)heap_root();
	}
	if (!boot_config.follow)
		exec_strip_environment(info.environ);
	return core_start(&core);
}

static int64_t first_countdown(void)
{
	return slow_countdown(core_first_distance());
}

#define HOOKS_RECORDED(all)                                                                        \
	{                                                                                          \
		.allocated = slow_allocated, .freed = slow_freed, .corruption = corruption_report, \
		.first_countdown = first_countdown, .thread_started = threadend_register,          \
		.reports_all = (all),                                                              \
	}

static const struct heap_hooks hooks_sampled = HOOKS_RECORDED(false);
static const struct heap_hooks hooks_all = HOOKS_RECORDED(true);

/* A heap without a recorder still reports corruption. */
static const struct heap_hooks hooks_unrecorded = {
	.corruption = corruption_report,
	.thread_started = threadend_register,
};

static const char *allocator_name(void)
{
	return boot_mode == BOOT_FAST ? "fast" : linkmap_name(backend.module);
}

static void start(void)
{
	int r = -ECANCELED;

	threadend_init();
	if (config_is_valid) {
		r = start_core();
		if (boot_config.sampling == MT_SAMPLING_OFF)
			say("records nothing, as MEMTRACE_SAMPLE=off asks; allocator:",
			    allocator_name());
		else if (r < 0)
			say_error("nothing is recorded: no region", r);
	}
	if (boot_mode == BOOT_FAST) {
		heap_set_hooks(r < 0                                     ? &hooks_unrecorded
			       : boot_config.sampling == MT_SAMPLING_ALL ? &hooks_all
									 : &hooks_sampled);
		(void)pthread_atfork(heap_before_fork, heap_after_fork_parent,
				     heap_after_fork_child);
	}
	backend_set_recording(r == 0 && boot_mode == BOOT_SYSTEM);
	maphooks_set_recording(r == 0);
	if (r == 0)
		say("records; allocator:", allocator_name());
}

static _noinline_ void boot_once(void)
{
	static bool started;
	int saved = errno;

	if (boot_mode == BOOT_NEW)
		(void)decide();
	if (!__atomic_exchange_n(&started, true, __ATOMIC_ACQ_REL))
		start();
	errno = saved;
}

enum boot_mode boot(void)
{
	boot_once();
	return boot_mode;
}

static __attribute__((constructor)) void construct(void)
{
	(void)boot();
}

/* exit() has run the program's handlers; libraries loaded before this one come afterwards. */
static __attribute__((destructor)) void destruct(void)
{
	core_set_state(MT_STATE_EXITED);
}
