/* SPDX-License-Identifier: MIT */
/*
 * core.h: what is left of a process in a core file, written by the kernel or by gdb's gcore.
 *
 * The file is read where it is asked for and never loaded whole. Mappings are those of the core's
 * segments and of its list of mapped files; memory that was not dumped and belongs to a file (code,
 * constants) is read from that file if it still is the one that was mapped. A core does not say which
 * pages were resident: a page counts as resident if it was dumped and holds anything but zeros, and
 * dumped pages of zeros are counted apart.
 */
#ifndef PROCESS_CORE_H
#define PROCESS_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "process/maps.h"
#include "process/procinfo.h"

struct core; /* opaque */

struct core_thread {
	pid_t tid;
	int signal;          /* that it was stopped by; 0 if none */
	uint64_t sp, pc, tp; /* stack pointer, program counter, thread pointer (0 if not known) */
};

/* What of a core is worth a warning. Files count when something was read that should be in them. */
struct core_damage {
	uint64_t missing_bytes;  /* of segments, behind the end of the file: it was cut off */
	size_t n_absent_files;   /* cannot be opened, so that what was not dumped is lost… */
	size_t n_replaced_files; /* …or are not those that were mapped */
	const char *file;        /* the first of them; the core's */
};

/*
 * -EPROTO: not a core file; -EBADMSG: damaged beyond use; -EPROTONOSUPPORT: of another machine or word
 * size. exe: where the program's file is now; NULL: where it was.
 */
int core_open(const char *path, const char *exe, struct core **ret);
/* The same of a descriptor, which is duplicated. */
int core_open_fd(int fd, const char *exe, struct core **ret);
struct core *core_free(struct core *core);
DEFINE_CLEANUP(struct core *, core_free)

/* All of these are the core's. state is 'C'; sizes of memory are what the maps sum up to. */
const struct procinfo *core_info(const struct core *core);
const struct maps *core_maps(const struct core *core);
/* The thread that got the signal, or was first, comes first. Names of threads are not in cores. */
const struct core_thread *core_threads(const struct core *core, size_t *ret_n);
/* What ended the process; 0 if nothing did. */
int core_signal(const struct core *core);
/*
 * When the process stood still for it, seconds since the epoch: when the file was begun, where the file system
 * knows that and it is not another file's that was overwritten (then it is too long ago for the time that
 * writing takes), or a copy's; else when it was written to the end.
 */
double core_taken_at(const struct core *core);
/* An entry of the auxiliary vector, AT_*; or_else if it is not there. */
uint64_t core_auxv(const struct core *core, uint64_t type, uint64_t or_else);
void core_damage(const struct core *core, struct core_damage *ret);

/*
 * Reads all of the dumped memory, once, to learn which pages hold anything: fills the usage of the maps
 * and the sizes of the info. core_zero_bytes then tells how much was dumped and is all zeros.
 */
int core_measure(struct core *core);
uint64_t core_zero_bytes(const struct core *core);

/* As memory_read and memory_pages. */
int core_read(struct core *core, uint64_t address, void *buffer, size_t size);
int core_pages(struct core *core, uint64_t address, size_t n, uint8_t *ret);

#endif
