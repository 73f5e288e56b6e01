/* SPDX-License-Identifier: MIT */
/*
 * To add a field: put it at the end of its table. Files of an older memtrace have shorter records and
 * leave it zero; an older memtrace passes over the end of longer records. The number beside a table is
 * how many fields version 1 had, and never changes. To change what a field means is a new major version.
 */
#include "profile/schema.h"

#include "profile/flat-arenas.h"
#include "profile/profile.h"

#define FIELD(entry, member, form)                                                                 \
	{                                                                                          \
		offsetof(struct entry, member), SCHEMA_##form, sizeof(((struct entry *)0)->member) \
	}

static const struct schema_field process_fields[] = {
	FIELD(profile_process, pid, U32),          FIELD(profile_process, ppid, U32),
	FIELD(profile_process, exe, TEXT),         FIELD(profile_process, comm, TEXT),
	FIELD(profile_process, state, U32),        FIELD(profile_process, exit_status, U32),
	FIELD(profile_process, signal, U32),       FIELD(profile_process, started_at, U64),
	FIELD(profile_process, captured_at, U64),  FIELD(profile_process, n_threads, U64),
	FIELD(profile_process, rss, U64),          FIELD(profile_process, pss, U64),
	FIELD(profile_process, uss, U64),          FIELD(profile_process, swap, U64),
	FIELD(profile_process, vsz, U64),          FIELD(profile_process, peak_rss, U64),
	FIELD(profile_process, cgroup_limit, U64), FIELD(profile_process, n_cpus, U32),
	FIELD(profile_process, cpu_limit, U32),
};

static const struct schema_field agent_fields[] = {
	FIELD(profile_agent, mode, U32),
	FIELD(profile_agent, allocator, U32),
	FIELD(profile_agent, sampling, U32),
	FIELD(profile_agent, interval, U64),
	FIELD(profile_agent, exact, BOOL),
	FIELD(profile_agent, samples, U64),
	FIELD(profile_agent, lost_allocations, U64),
	FIELD(profile_agent, lost_frees, U64),
	FIELD(profile_agent, lost_maps, U64),
	FIELD(profile_agent, truncated_stacks, U64),
	FIELD(profile_agent, own_bytes, U64),
	FIELD(profile_agent, own_ns, U64),
	FIELD(profile_agent, overhead_ratio, U64),
	FIELD(profile_agent, flags, U32),
	FIELD(profile_agent, since, U64),
};

static const struct schema_field heap_fields[] = {
	FIELD(profile_heap, live_bytes, U64),          FIELD(profile_heap, live_blocks, U64),
	FIELD(profile_heap, allocated_bytes, U64),     FIELD(profile_heap, allocated_blocks, U64),
	FIELD(profile_heap, freed_bytes, U64),         FIELD(profile_heap, freed_blocks, U64),
	FIELD(profile_heap, live_stderr, U64),         FIELD(profile_heap, peak_live_bytes, U64),
	FIELD(profile_heap, before_attach_bytes, U64), FIELD(profile_heap, mapped_bytes, U64),
	FIELD(profile_heap, inherited_bytes, U64),
};

static const struct schema_field module_fields[] = {
	FIELD(profile_module, path, TEXT),        FIELD(profile_module, build_id, BYTES),
	FIELD(profile_module, build_id_size, U8), FIELD(profile_module, start, U64),
	FIELD(profile_module, end, U64),          FIELD(profile_module, bias, U64),
	FIELD(profile_module, unloaded, BOOL),
};

static const struct schema_field frame_fields[] = {
	FIELD(profile_frame, function, NAME), FIELD(profile_frame, file, NAME),
	FIELD(profile_frame, why, NAME),      FIELD(profile_frame, line, U32),
	FIELD(profile_frame, offset, U64),    FIELD(profile_frame, inlined, BOOL),
};

static const struct schema_field location_fields[] = {
	FIELD(profile_location, address, U64),
	FIELD(profile_location, module, U32),
	FIELD(profile_location, first_frame, U32),
	FIELD(profile_location, n_frames, U32),
};

static const struct schema_field site_fields[] = {
	FIELD(profile_site, id, U64),
	FIELD(profile_site, kind, U32),
	FIELD(profile_site, flags, U32),
	FIELD(profile_site, first_location, U32),
	FIELD(profile_site, n_locations, U32),
	FIELD(profile_site, live_bytes, U64),
	FIELD(profile_site, live_blocks, U64),
	FIELD(profile_site, allocated_bytes, U64),
	FIELD(profile_site, allocated_blocks, U64),
	FIELD(profile_site, freed_bytes, U64),
	FIELD(profile_site, freed_blocks, U64),
	FIELD(profile_site, live_stderr, U64),
	FIELD(profile_site, oldest_age_s, U64),
	FIELD(profile_site, youngest_age_s, U64),
	FIELD(profile_site, growth, U64),
	FIELD(profile_site, first_thread, U32),
	FIELD(profile_site, n_threads, U32),
	FIELD(profile_site, n_samples, U64),
	FIELD(profile_site, map_flags, U32),
	FIELD(profile_site, growth_low, U64),
	FIELD(profile_site, growth_high, U64),
	FIELD(profile_site, tag, NAME),
};

static const struct schema_field block_fields[] = {
	FIELD(profile_block, address, U64), FIELD(profile_block, size, U64),
	FIELD(profile_block, age_s, U64),   FIELD(profile_block, site, U32),
	FIELD(profile_block, thread, U32),  FIELD(profile_block, interval, U64),
	FIELD(profile_block, flags, U32),
};

static const struct schema_field thread_fields[] = {
	FIELD(profile_thread, tid, U32),         FIELD(profile_thread, name, BYTES),
	FIELD(profile_thread, ended, BOOL),      FIELD(profile_thread, allocated_bytes, U64),
	FIELD(profile_thread, freed_bytes, U64),
};

static const struct schema_field area_fields[] = {
	FIELD(area, start, U64),    FIELD(area, end, U64),     FIELD(area, guard, U64),
	FIELD(area, resident, U64), FIELD(area, swapped, U64), FIELD(area, kind, U32),
	FIELD(area, tid, U32),      FIELD(area, label, BYTES),
};

static const struct schema_field moment_fields[] = {
	FIELD(profile_moment, at, U64),           FIELD(profile_moment, rss, U64),
	FIELD(profile_moment, anon, U64),         FIELD(profile_moment, live, U64),
	FIELD(profile_moment, allocated, U64),    FIELD(profile_moment, highest_rss, U64),
	FIELD(profile_moment, highest_live, U64),
};

static const struct schema_field point_fields[] = {
	FIELD(profile_point, site, U32),
	FIELD(profile_point, moment, U32),
	FIELD(profile_point, live_bytes, U64),
	FIELD(profile_point, live_blocks, U64),
	FIELD(profile_point, allocated_bytes, U64),
	FIELD(profile_point, allocated_blocks, U64),
};

static const struct schema_field mark_fields[] = {
	FIELD(profile_mark, at, U64),
	FIELD(profile_mark, name, NAME),
};

static const struct schema_field java_fields[] = {
	FIELD(profile_java, kind, U32),
	FIELD(profile_java, name, NAME),
	FIELD(profile_java, first, U64),
	FIELD(profile_java, second, U64),
};

static const struct schema_field arenas_head_fields[] = {
	FIELD(flat_arenas_head, mmap_threshold, U64),
	FIELD(flat_arenas_head, trim_threshold, U64),
	FIELD(flat_arenas_head, n_mmaps, U64),
	FIELD(flat_arenas_head, fixed_thresholds, BOOL),
	FIELD(flat_arenas_head, refused, TEXT),
};

static const struct schema_field arena_fields[] = {
	FIELD(arena, allocator, U32),
	FIELD(arena, kind, U32),
	FIELD(arena, id, U32),
	FIELD(arena, address, U64),
	FIELD(arena, n_heaps, U64),
	FIELD(arena, system, U64),
	FIELD(arena, peak_system, U64),
	FIELD(arena, in_use, U64),
	FIELD(arena, in_use_blocks, U64),
	FIELD(arena, free, U64),
	FIELD(arena, free_blocks, U64),
	FIELD(arena, cached, U64),
	FIELD(arena, fast, U64),
	FIELD(arena, largest_free, U64),
	FIELD(arena, unread, U64),
	FIELD(arena, top, U64),
	FIELD(arena, metadata, U64),
	FIELD(arena, resident, U64),
	FIELD(arena, in_use_resident, U64),
	FIELD(arena, free_resident, U64),
	FIELD(arena, metadata_resident, U64),
	FIELD(arena, trimmable, U64),
	FIELD(arena, n_tids, U64),
	FIELD(arena, n_pins, U64),
};

static const struct schema_field range_fields[] = {
	FIELD(arena_range, start, U64),         FIELD(arena_range, end, U64),
	FIELD(arena_range, arena, U32),         FIELD(arena_range, in_use_resident, U64),
	FIELD(arena_range, free_resident, U64), FIELD(arena_range, metadata_resident, U64),
};

static const struct schema_field pin_fields[] = {
	FIELD(arena_pin, address, U64),  FIELD(arena_pin, size, U64),
	FIELD(arena_pin, n_blocks, U64), FIELD(arena_pin, bytes, U64),
	FIELD(arena_pin, holds, U64),    FIELD(arena_pin, start, U64),
	FIELD(arena_pin, end, U64),
};

static const struct schema_field sizes_fields[] = {
	FIELD(arena_sizes_count, blocks, U64),
	FIELD(arena_sizes_count, bytes, U64),
};

static const struct schema_field profile_fields[] = {
	FIELD(profile, n_damaged, U32),
};

static const struct schema_field ref_fields[] = {{0, SCHEMA_U32, sizeof(uint32_t)}};
static const struct schema_field argument_fields[] = {{0, SCHEMA_TEXT, sizeof(char *)}};

#define ONE(tag, entry, table_fields, n, member)                               \
	{                                                                      \
		tag, ARRAY_SIZE(table_fields), n, table_fields, sizeof(entry), \
			offsetof(struct profile, member), 0                    \
	}
#define MANY(tag, entry, table_fields, n, member)                                              \
	{                                                                                      \
		tag, ARRAY_SIZE(table_fields), n, table_fields, sizeof(entry),                 \
			offsetof(struct profile, member), offsetof(struct profile, n_##member) \
	}

const struct schema_table schema_tables[] = {
	{SCHEMA_TAG('P', 'R', 'O', 'F'), ARRAY_SIZE(profile_fields), 1, profile_fields,
	 sizeof(struct profile), 0, 0},
	ONE(SCHEMA_TAG('P', 'R', 'O', 'C'), struct profile_process, process_fields, 17, process),
	ONE(SCHEMA_TAG('A', 'G', 'N', 'T'), struct profile_agent, agent_fields, 14, agent),
	ONE(SCHEMA_TAG('H', 'E', 'A', 'P'), struct profile_heap, heap_fields, 11, heap),
	MANY(SCHEMA_TAG('M', 'O', 'D', 'S'), struct profile_module, module_fields, 7, modules),
	MANY(SCHEMA_TAG('F', 'R', 'M', 'S'), struct profile_frame, frame_fields, 6, frames),
	MANY(SCHEMA_TAG('L', 'O', 'C', 'S'), struct profile_location, location_fields, 4,
	     locations),
	MANY(SCHEMA_TAG('L', 'R', 'E', 'F'), uint32_t, ref_fields, 1, location_refs),
	MANY(SCHEMA_TAG('S', 'I', 'T', 'E'), struct profile_site, site_fields, 19, sites),
	MANY(SCHEMA_TAG('B', 'L', 'K', 'S'), struct profile_block, block_fields, 7, blocks),
	MANY(SCHEMA_TAG('T', 'H', 'R', 'D'), struct profile_thread, thread_fields, 5, threads),
	MANY(SCHEMA_TAG('T', 'R', 'E', 'F'), uint32_t, ref_fields, 1, thread_refs),
	MANY(SCHEMA_TAG('A', 'R', 'E', 'A'), struct area, area_fields, 8, areas),
	MANY(SCHEMA_TAG('M', 'O', 'M', 'T'), struct profile_moment, moment_fields, 7, moments),
	MANY(SCHEMA_TAG('P', 'N', 'T', 'S'), struct profile_point, point_fields, 6, points),
	MANY(SCHEMA_TAG('M', 'A', 'R', 'K'), struct profile_mark, mark_fields, 2, marks),
	MANY(SCHEMA_TAG('J', 'A', 'V', 'A'), struct profile_java, java_fields, 4, java),
};
const size_t schema_n_tables = ARRAY_SIZE(schema_tables);

#define FLAT(tag, entry, table_fields, n, member)                              \
	{                                                                      \
		tag, ARRAY_SIZE(table_fields), n, table_fields, sizeof(entry), \
			offsetof(struct flat_arenas, member),                  \
			offsetof(struct flat_arenas, n_##member)               \
	}

const struct schema_table schema_arena_tables[] = {
	FLAT(SCHEMA_TAG('A', 'H', 'E', 'D'), struct flat_arenas_head, arenas_head_fields, 5, heads),
	FLAT(SCHEMA_TAG('A', 'R', 'N', 'A'), struct arena, arena_fields, 24, arenas),
	FLAT(SCHEMA_TAG('A', 'R', 'N', 'G'), struct arena_range, range_fields, 6, ranges),
	FLAT(SCHEMA_TAG('A', 'P', 'I', 'N'), struct arena_pin, pin_fields, 7, pins),
	FLAT(SCHEMA_TAG('A', 'T', 'I', 'D'), uint32_t, ref_fields, 1, tids),
	FLAT(SCHEMA_TAG('A', 'S', 'I', 'Z'), struct arena_sizes_count, sizes_fields, 2, sizes),
};
const size_t schema_n_arena_tables = ARRAY_SIZE(schema_arena_tables);

const struct schema_table schema_arguments = {
	.tag = SCHEMA_TAG('A', 'R', 'G', 'V'),
	.n_fields = 1,
	.n_required = 1,
	.fields = argument_fields,
	.entry_size = sizeof(char *),
};

size_t schema_field_width(const struct schema_field *field)
{
	switch (field->type) {
	case SCHEMA_U32:
	case SCHEMA_TEXT:
	case SCHEMA_NAME:
		return 4;
	case SCHEMA_U64:
		return 8;
	default:
		return field->size;
	}
}

size_t schema_width(const struct schema_field *fields, size_t n)
{
	size_t width = 0;

	for (size_t i = 0; i < n; i++)
		width += schema_field_width(&fields[i]);
	return width;
}
