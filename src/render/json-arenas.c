/* SPDX-License-Identifier: MIT */
/*
 * json-arenas.c: the arenas of schema memtrace/1. Beyond the schema each arena tells what its free bytes
 * consist of, and each pin how many blocks it is.
 */
#include <inttypes.h>
#include <math.h>

#include "profile/java.h"
#include "profile/pins.h"
#include "render/arenas.h"
#include "render/json-value.h"
#include "render/json.h"

const char *arenas_thread_name(const struct profile *profile, uint32_t tid)
{
	const char *name = java_thread_name(profile, tid);

	if (name)
		return name;
	for (size_t i = 0; tid && i < profile->n_threads; i++)
		if (profile->threads[i].tid == tid && profile->threads[i].name[0])
			return profile->threads[i].name;
	for (size_t i = 0; tid && i < profile->n_areas; i++)
		if (profile->areas[i].tid == tid && profile->areas[i].label[0])
			return profile->areas[i].label;
	return NULL;
}

static json_t *make_threads(const struct profile *profile, const struct arena *arena)
{
	json_t *threads = json_array();

	for (size_t i = 0; i < arena->n_tids; i++) {
		const char *name = arenas_thread_name(profile, arena->tids[i]);
		/* NULL if it is not UTF-8 */
		json_t *text = name ? json_string(name) : NULL;

		json_array_append_new(threads,
				      json_pack("{s:I, s:o}", "tid", (json_int_t)arena->tids[i],
						"name", text ? text : json_null()));
	}
	return threads;
}

static json_t *make_pin(const struct profile *profile, const struct arena_pin *pin)
{
	struct pin_owner owner;
	bool known = pin_owner_find(profile, pin, &owner);

	return json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "address",
		json_value_hex(pin->address), "size", json_value_number(pin->size), "holds_bytes",
		json_value_number(pin->holds), "site",
		known ? json_sprintf("%016" PRIx64, profile->sites[owner.site].id) : json_null(),
		"age_s", known && owner.age_s >= 0 ? json_real(owner.age_s) : json_null(), "blocks",
		json_value_number(pin->n_blocks), "bytes", json_value_number(pin->bytes), "start",
		json_value_hex(pin->start), "end", json_value_hex(pin->end));
}

static json_t *make_pins(const struct profile *profile, const struct arena *arena)
{
	json_t *pins = json_array();

	for (size_t i = 0; i < arena->n_pins; i++)
		json_array_append_new(pins, make_pin(profile, &arena->pins[i]));
	return pins;
}

static json_t *make_arena(const struct profile *profile, const struct arena *arena)
{
	json_t *more,
		*json = json_pack(
			"{s:s, s:I, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			"allocator", arenas_allocator_name(arena->allocator), "id",
			(json_int_t)arena->id, "kind", arena_kind_name(arena->kind), "address",
			json_value_hex(arena->address), "heaps", json_value_number(arena->n_heaps),
			"threads", make_threads(profile, arena), "system_bytes",
			json_value_number(arena->system), "in_use_bytes",
			json_value_number(arena->in_use), "in_use_blocks",
			json_value_number(arena->in_use_blocks), "free_bytes",
			json_value_number(arena->free), "free_resident_bytes",
			json_value_number(arena->free_resident), "top_bytes",
			json_value_number(arena->top), "trimmable_bytes",
			json_value_number(arena->trimmable), "peak_system_bytes",
			json_value_number(arena->peak_system), "pins", make_pins(profile, arena));

	more = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "free_blocks",
			 json_value_number(arena->free_blocks), "cached_bytes",
			 json_value_number(arena->cached), "fast_bytes",
			 json_value_number(arena->fast), "largest_free_bytes",
			 json_value_number(arena->largest_free), "metadata_bytes",
			 json_value_number(arena->metadata), "resident_bytes",
			 json_value_number(arena->resident), "in_use_resident_bytes",
			 json_value_number(arena->in_use_resident), "metadata_resident_bytes",
			 json_value_number(arena->metadata_resident), "unread_bytes",
			 json_value_number(arena->unread));
	if (!json || !more || json_object_update_missing(json, more) < 0) {
		json_decref(json);
		json = NULL;
	}
	json_decref(more);
	return json;
}

json_t *json_make_arenas(const struct profile *profile)
{
	json_t *arenas;

	if (!profile->arenas)
		return json_null();
	arenas = json_array();
	for (size_t i = 0; i < profile->arenas->n_arenas; i++)
		json_array_append_new(arenas, make_arena(profile, &profile->arenas->arenas[i]));
	return arenas;
}

json_t *json_make_allocator(const struct profile *profile)
{
	const struct arenas *arenas = profile->arenas;

	if (!arenas)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:b, s:o}", "mmap_threshold_bytes",
			 json_value_number(arenas->mmap_threshold), "trim_threshold_bytes",
			 json_value_number(arenas->trim_threshold), "mmapped_blocks",
			 json_value_number(arenas->n_mmaps), "fixed_thresholds",
			 arenas->fixed_thresholds, "refused",
			 arenas->refused ? json_string(arenas->refused) : json_null());
}
