/* SPDX-License-Identifier: MIT */
/*
 * json-memory.c: the members "memory" and "mappings" of schema memtrace/1: the ledger, and the mappings that it
 * divides.
 */
#include "render/json-value.h"
#include "render/json.h"
#include "render/maps.h"

static json_t *make_ledger(const struct ledger *ledger)
{
	json_t *lines = json_array();

	for (enum ledger_owner owner = 0; owner < LEDGER_N_OWNERS; owner++) {
		const struct ledger_line *line = &ledger->lines[owner];

		if (line->virtual == 0 && owner != LEDGER_UNEXPLAINED)
			continue;
		json_array_append_new(lines,
				      json_pack("{s:s, s:s, s:o, s:o, s:o}", "owner",
						ledger_owner_name(owner), "label",
						ledger_owner_label(owner), "resident_bytes",
						json_value_number(line->resident), "swapped_bytes",
						json_value_number(line->swapped), "virtual_bytes",
						json_value_number(line->virtual)));
	}
	return lines;
}

/* The sums of smaps where there are any, so that the ledger adds up; else what /proc says in one word. */
json_t *json_make_memory(const struct profile_process *process, const struct ledger *ledger)
{
	if (!ledger && process->rss == PROFILE_UNKNOWN)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "rss_bytes",
			 json_value_number(ledger ? ledger->rss : process->rss), "pss_bytes",
			 json_value_number(ledger ? ledger->pss : process->pss), "uss_bytes",
			 json_value_number(ledger ? ledger->uss : process->uss), "swap_bytes",
			 json_value_number(ledger ? ledger->swap : process->swap), "vsz_bytes",
			 json_value_number(ledger ? ledger->vsz : process->vsz),
			 "cgroup_limit_bytes", json_value_number(process->cgroup_limit),
			 "peak_rss_bytes", json_value_number(process->peak_rss), "ledger",
			 ledger ? make_ledger(ledger) : json_null(), "unexplained_bytes",
			 ledger ? json_value_number(ledger->lines[LEDGER_UNEXPLAINED].resident)
				: json_null());
}

/* Where a mapping has several owners. */
static json_t *make_parts(const struct ledger *ledger, const struct ledger_mapping *entry)
{
	json_t *parts = json_array();

	for (uint32_t i = 0; i < entry->n_parts; i++) {
		const struct ledger_part *part = &ledger->parts[entry->first_part + i];

		if (part->usage.resident == 0 && entry->n_parts > 1)
			continue;
		json_array_append_new(
			parts,
			json_pack("{s:o, s:o, s:s, s:o, s:o, s:o}", "start",
				  json_value_hex(part->start), "end", json_value_hex(part->end),
				  "owner", ledger_owner_name(part->owner), "label",
				  json_value_text(part->label[0] ? part->label : NULL), "tid",
				  part->tid ? json_integer(part->tid) : json_null(),
				  "resident_bytes", json_value_number(part->usage.resident)));
	}
	return parts;
}

static json_t *make_mapping(const struct ledger *ledger, const struct ledger_mapping *entry)
{
	const struct mapping *m = entry->mapping;
	const char perms[] = {m->read ? 'r' : '-', m->write ? 'w' : '-', m->exec ? 'x' : '-',
			      m->shared ? 's' : 'p', '\0'};

	return json_pack(
		"{s:o, s:o, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "start",
		json_value_hex(m->start), "end", json_value_hex(m->end), "perms", perms, "path",
		json_value_text(m->path[0] ? m->path : NULL), "owner",
		ledger_owner_name(entry->owner), "label",
		json_value_text(entry->label[0] ? entry->label : ledger_owner_label(entry->owner)),
		"parts", make_parts(ledger, entry), "rss_bytes", json_value_number(m->rss),
		"pss_bytes", json_value_number(m->pss), "private_dirty_bytes",
		json_value_number(m->private_dirty), "swap_bytes", json_value_number(m->swap),
		"anon_huge_bytes", json_value_number(m->anon_huge));
}

json_t *json_make_mappings(const struct ledger *ledger)
{
	json_t *mappings;

	if (!ledger)
		return json_null();
	mappings = json_array();
	for (size_t i = 0; i < ledger->maps.n_mappings; i++)
		json_array_append_new(mappings, make_mapping(ledger, &ledger->mappings[i]));
	return mappings;
}

int render_maps_json(const struct profile *profile, const struct maps_options *options, FILE *out)
{
	_cleanup_(ledger_deinit) struct ledger ledger = {};
	int r = ledger_build(profile, &ledger);

	if (r < 0)
		return r;
	return json_write(json_pack("{s:s, s:s, s:o, s:o, s:o}", "schema", "memtrace/1", "version",
				    MEMTRACE_VERSION, "process", json_make_process(profile),
				    "memory", json_make_memory(&profile->process, &ledger),
				    "mappings", json_make_mappings(&ledger)),
			  out);
}
