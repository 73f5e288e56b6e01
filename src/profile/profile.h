/* SPDX-License-Identifier: MIT */
/*
 * profile.h: the model: what is known of one process at one moment, ready to be ranked, drawn, saved
 * and compared. It does no I/O. It is built from a region's snapshot, what /proc said and a
 * symbolizer, or read back from a session file, and looks the same either way.
 *
 * Figures that are not known are PROFILE_UNKNOWN (JSON null), never 0.
 */
#ifndef PROFILE_PROFILE_H
#define PROFILE_PROFILE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "process/areas.h"
#include "process/arenas.h"
#include "region/abi.h" /* the enums that the comments name */

#define PROFILE_UNKNOWN UINT64_MAX

/* A figure that may be unknown as a number to reckon with: NAN if it is. */
static inline double profile_known(uint64_t figure)
{
	return figure == PROFILE_UNKNOWN ? (double)NAN : (double)figure;
}

enum profile_state {
	PROFILE_RUNNING,
	PROFILE_EXITED,
	PROFILE_KILLED,
	PROFILE_REPLACED,
	PROFILE_CORE,
};

struct string_pool;

struct profile_process {
	uint32_t pid, ppid;
	char *exe, *comm;
	char **cmdline; /* NULL terminated; NULL if unknown */
	enum profile_state state;
	int exit_status;                /* -1 if unknown or not exited */
	int signal;                     /* 0 if none */
	double started_at, captured_at; /* seconds since the epoch */
	uint64_t n_threads;             /* now; PROFILE_UNKNOWN once the process is gone */
	uint64_t rss, pss, uss, swap, vsz, peak_rss, cgroup_limit; /* bytes */
	/* CPUs that it may run on, thousandths of a CPU that control groups allow it; 0: not known, no limit */
	uint32_t n_cpus, cpu_limit;
};

struct profile_agent {
	uint32_t mode, allocator, sampling; /* enum mt_mode, mt_allocator, mt_sampling */
	uint64_t interval; /* bytes, in force when it was captured; 0 = everything */
	bool exact;        /* everything was recorded, always, and nothing lost */
	uint64_t samples, lost_allocations, lost_frees, lost_maps, truncated_stacks;
	uint64_t own_bytes; /* resident region and private tables */
	uint64_t own_ns;
	double overhead_ratio; /* of the process's CPU time; negative if unknown */
	uint32_t flags;        /* enum mt_header_flags */
	double since;          /* when it began to record, seconds since the epoch; 0 = unknown */
};

struct profile_heap {
	uint64_t live_bytes, live_blocks, allocated_bytes, allocated_blocks, freed_bytes,
		freed_blocks;
	double live_stderr; /* bytes */
	uint64_t peak_live_bytes, before_attach_bytes;
	uint64_t
		mapped_bytes; /* outstanding mappings (sites of kind mmap), file-backed ones left out */
	uint64_t inherited_bytes; /* part of live that was there at fork */
};

struct profile_module {
	char *path; /* "" if unknown */
	uint8_t build_id[20];
	uint8_t build_id_size;
	uint64_t start, end, bias;
	bool unloaded;
};

/* One call, inlined or not; strings are owned by the profile. */
struct profile_frame {
	const char *function, *file; /* NULL if unknown */
	const char *why;             /* why not; NULL if known */
	uint32_t line;               /* 0 if unknown */
	uint64_t offset;             /* in the function */
	bool inlined;
};

/* One address of a stack and the calls that it stands for, innermost inlined one first. */
struct profile_location {
	uint64_t address; /* as recorded: a return address */
	uint32_t module;  /* index in modules, PROFILE_NO_MODULE for JIT code */
	uint32_t first_frame, n_frames;
};
#define PROFILE_NO_MODULE UINT32_MAX

struct profile_site {
	uint64_t id; /* stable between sessions of the same binaries: a hash of names and offsets */
	uint32_t kind;   /* enum mt_site_kind */
	const char *tag; /* that the program gave it (include/memtrace.h), of strings; NULL: none */
	uint32_t flags;  /* enum mt_stack_flags */
	uint32_t first_location,
		n_locations; /* in location_refs; innermost first, allocation functions cut off */
	uint64_t live_bytes, live_blocks, allocated_bytes, allocated_blocks, freed_bytes,
		freed_blocks;
	double live_stderr;                  /* bytes; 0 = exact */
	double oldest_age_s, youngest_age_s; /* negative if nothing is live */
	double growth;                       /* bytes a second; NAN if unknown */
	uint32_t first_thread, n_threads;    /* in thread_refs: threads that hold live blocks */
	uint64_t n_samples;                  /* live samples behind the estimate */
	uint32_t map_flags;                  /* kind mmap: enum mt_map_flags of its ranges, or-ed */
	/* what growth is within, with a confidence of 95 %; of no meaning where growth is NAN */
	double growth_low, growth_high;
};

/* A sampled block or a mapping that is outstanding. */
struct profile_block {
	uint64_t address, size; /* as asked for; estimate.h says what it stands for */
	double age_s;
	uint32_t site;     /* index in sites, PROFILE_NO_SITE for a mapping whose stack was lost */
	uint32_t thread;   /* index in threads; 0 if unknown */
	uint64_t interval; /* 0 = exact */
	uint32_t flags;    /* enum mt_live_flags or mt_map_flags */
};

#define PROFILE_NO_SITE UINT32_MAX

/* Entry 0 stands for threads that are not known; an entry with tid 0 is nobody. */
struct profile_thread {
	uint32_t tid; /* 0 if nobody */
	char name[16];
	bool ended;
	uint64_t allocated_bytes, freed_bytes;
};

/* The process at one moment of the time that it was watched (series.h). Bytes, or PROFILE_UNKNOWN. */
struct profile_moment {
	double at;                          /* seconds since the epoch */
	uint64_t rss, anon;                 /* resident, and of that without a file */
	uint64_t live, allocated;           /* of malloc, from the counters */
	uint64_t highest_rss, highest_live; /* in the time that the moment stands for */
};

/* A moment that the program has named (include/memtrace.h). */
struct profile_mark {
	double at;        /* seconds since the epoch */
	const char *name; /* in the profile's pool; never NULL, not trusted */
};

/* What a site held from a moment on, until its next point. */
struct profile_point {
	uint32_t site, moment; /* indices */
	uint64_t live_bytes, live_blocks, allocated_bytes, allocated_blocks;
};

/* What a Java machine said, in its words; profile/java.h reads it. */
enum profile_java_kind {
	PROFILE_JAVA_FACT, /* name: an option or the like; first: its value */
	PROFILE_JAVA_CLASS, /* first: objects, with those that no collection has seen; second: bytes of the heap */
	PROFILE_JAVA_NMT, /* name: a category of Native Memory Tracking; bytes reserved, committed */
	PROFILE_JAVA_THREAD,     /* name: all of it; first: the thread's id */
	PROFILE_JAVA_MISSING,    /* name: what could not be found out, and why */
	PROFILE_JAVA_NMT_MALLOC, /* name: as of NMT; what it has from malloc: bytes, blocks */
	PROFILE_JAVA_NMT_PLACE, /* name: functions and category; live blocks of malloc: bytes, blocks */
	PROFILE_JAVA_NMT_RESIDENT, /* name: as of NMT; resident bytes of what it has mapped */
	PROFILE_JAVA_N_KINDS,
};
struct profile_java {
	uint32_t kind;    /* enum profile_java_kind */
	const char *name; /* in the profile's pool; never NULL */
	uint64_t first, second;
};

struct profile {
	struct profile_process process;
	struct profile_agent agent;
	struct profile_heap heap;
	struct profile_module *modules;
	size_t n_modules;
	struct profile_frame *frames;
	size_t n_frames;
	struct profile_location *locations;
	size_t n_locations;
	uint32_t *location_refs;
	size_t n_location_refs;
	struct profile_site *sites;
	size_t n_sites; /* by live_bytes, descending */
	struct profile_block *blocks;
	size_t n_blocks;
	struct profile_thread *threads;
	size_t n_threads;
	uint32_t *thread_refs;
	size_t n_thread_refs;
	struct arenas *arenas; /* of the program's allocators; owned; NULL if none could be read */
	struct area *areas;    /* what is known of ranges of memory; labels are not trusted */
	size_t n_areas;
	struct profile_moment *moments; /* in order of time; none if nobody watched */
	size_t n_moments;
	struct profile_point *points; /* by site, then by moment */
	size_t n_points;
	struct profile_mark *marks; /* in order of time; of each name the last */
	size_t n_marks;
	char *maps_text; /* /proc/PID/smaps as it was, owned; NULL if unknown */
	struct profile_java *java;
	size_t n_java;
	struct string_pool *strings;
	uint32_t n_damaged; /* entries of the region that could not be read */
	/* index in sites by the region's number of a site, or PROFILE_NO_SITE; not kept in session files */
	uint32_t *recorded_sites;
	size_t n_recorded_sites;
};

/* Empty; figures are PROFILE_UNKNOWN where 0 would say something. NULL if there is no memory. */
struct profile *profile_new(void);
struct profile *profile_free(struct profile *profile);
DEFINE_CLEANUP(struct profile *, profile_free)

/*
 * Whether all indices are within their arrays and all figures are what their comments allow: what a
 * reader of a foreign file asks before anything else looks at the profile.
 */
bool profile_is_valid(const struct profile *profile);

/* The i-th location of a site's stack, innermost first. */
static inline const struct profile_location *
profile_location_get(const struct profile *profile, const struct profile_site *site, uint32_t i)
{
	return &profile->locations[profile->location_refs[site->first_location + i]];
}

/* What of a site stands in the ranking: not the mappings that an allocator makes for its own heap. */
/* Nobody counted blocks: what the heap holds is not known. */
void profile_forget_heap(struct profile *profile);

/*
 * Fills in heap.before_attach_bytes from the arenas: what is in use and was not allocated since the agent
 * was put into the process. Stays unknown where the arenas are.
 */
void profile_count_before_attach(struct profile *profile);

/* For how long the process was seen: all its life, or since the agent was put into it. */
double profile_watched_s(const struct profile *profile);

/* Whether its program has no dynamic loader, by its mappings: then no agent can be in it. */
bool profile_is_static(const struct profile *profile);

/* Whether an agent in the process counted its blocks; not so where page faults were sampled from outside. */
static inline bool profile_has_agent(const struct profile *profile)
{
	return profile->agent.mode == MT_MODE_PRELOAD || profile->agent.mode == MT_MODE_INJECTED;
}

/* "malloc", "mmap" or "pages". */
const char *profile_site_kind(const struct profile_site *site);

static inline bool profile_site_is_counted(const struct profile_site *site)
{
	return !(site->flags & MT_STACK_BACKING);
}

#endif
