/* SPDX-License-Identifier: MIT */
/*
 * symbolizer.h: addresses to functions, files and lines, inlined calls included. The only user of libdw
 * and libelf. Works on files, not on the process: a module is a path, a build ID and a load bias, so
 * that a process that is gone, a module that was unloaded and another mount namespace are all the same.
 *
 * Sources, in this order: the file itself if its build ID matches; a separate debug file by build ID
 * and by debuglink below /usr/lib/debug; debuginfod when DEBUGINFOD_URLS is set; .symtab, .dynsym and
 * .gnu_debugdata; for pcs of no module the perf map. Not finding anything is not an error: the frame
 * says why it has no name.
 */
#ifndef SYMBOLIZE_SYMBOLIZER_H
#define SYMBOLIZE_SYMBOLIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"

struct symbolizer; /* opaque; owns all strings that it hands out */

struct symbolizer_options {
	const char *root; /* prefix for module paths, "/proc/PID/root" or NULL */
	pid_t pid;        /* for the perf map, 0 if there is none */
	pid_t ns_pid; /* the process's own idea of its pid, which names its perf map; 0: as pid */
	bool no_debuginfod; /* do not ask debuginfod even if DEBUGINFOD_URLS is set */
};

struct symbolizer_module {
	const char *path;
	const uint8_t *build_id;
	size_t build_id_size; /* 0 if unknown: the file at path is taken as it is */
	uint64_t bias;        /* address in memory - address in the file */
};

struct symbolizer_frame {
	const char *function;     /* demangled, with parameters; NULL if unknown */
	const char *linkage_name; /* as in the symbol table; NULL if unknown */
	const char *file;         /* NULL if unknown */
	const char *why; /* why there is no function or no line ("no debug information"); or NULL */
	uint64_t offset; /* of the address in the function's symbol */
	uint32_t line;   /* 0 if unknown */
	bool inlined;    /* this call was inlined into the next frame */
};

/* options are copied. 0 or -errno. */
int symbolizer_new(const struct symbolizer_options *options, struct symbolizer **ret);
struct symbolizer *symbolizer_free(struct symbolizer *symbolizer);
DEFINE_CLEANUP(struct symbolizer *, symbolizer_free)

/* Modules are told once and named by the index that is returned; same module, same index. */
int symbolizer_add_module(struct symbolizer *symbolizer, const struct symbolizer_module *module,
			  uint32_t *ret_index);
static const uint32_t SYMBOLIZER_NO_MODULE = UINT32_MAX;

/*
 * Tells what stands at an address of no module, innermost call first: that of code which its runtime
 * has named, and which may be gone. It goes before perf maps; the first word on an
 * address holds. Strings are copied. 0 or -ENOMEM.
 */
int symbolizer_tell(struct symbolizer *symbolizer, uint64_t address,
		    const struct symbolizer_frame *frames, size_t n);

/*
 * Names address (in memory; the caller has already subtracted 1 from return addresses), innermost
 * inlined call first. Always gives at least one frame. The array lives until the next call, its
 * strings as long as the symbolizer. Cheap for addresses asked before.
 */
int symbolizer_resolve(struct symbolizer *symbolizer, uint32_t module, uint64_t address,
		       const struct symbolizer_frame **ret_frames, size_t *ret_n);

/*
 * Names may take seconds to find, and some are better than none: after deadline_ns (CLOCK_MONOTONIC; 0: no end)
 * addresses that were not asked before get a frame without a name, and can be asked again.
 */
void symbolizer_set_deadline(struct symbolizer *symbolizer, uint64_t deadline_ns);
/* Whether that has happened since the deadline was set. */
bool symbolizer_was_late(const struct symbolizer *symbolizer);

#endif
