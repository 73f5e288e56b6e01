/* SPDX-License-Identifier: MIT */
/*
 * Schema memtrace/1, as shared with every reader: what is not known is null, never 0; what came from the
 * process and is not UTF-8 is replaced where it is not. The members stand in the order of the schema, and
 * those beyond it behind.
 */
#include "render/json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/java.h"
#include "profile/verdict.h"
#include "render/arenas.h"
#include "render/maps.h"
#include "render/view.h"
#include "render/words.h"

static json_t *number(uint64_t value)
{
	if (value == PROFILE_UNKNOWN)
		return json_null();
	return json_integer((json_int_t)MIN(value, (uint64_t)INT64_MAX));
}

static json_t *real(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

/* Negative is unknown. */
static json_t *seconds(double value)
{
	return value >= 0 ? real(value) : json_null();
}

static json_t *text(const char *value)
{
	_cleanup_(strbuf_deinit) struct strbuf clean = {};
	json_t *json;

	if (!value)
		return json_null();
	json = json_string(value);
	if (json)
		return json;
	/* not UTF-8, or no memory; keep what is ASCII */
	for (; *value; value++)
		if (strbuf_adds(&clean, (unsigned char)*value < 0x80 ? (char[]){*value, '\0'}
								     : "\ufffd") < 0)
			return NULL;
	return json_string(strbuf_text(&clean));
}

static json_t *hex(uint64_t value)
{
	return json_sprintf("0x%" PRIx64, value);
}

/* The n-th name, NULL beyond: figures of a newer agent. */
#define NAME(names, n) ((n) < ARRAY_SIZE(names) ? (names)[n] : NULL)

static json_t *make_process(const struct profile *profile)
{
	static const char *const states[] = {"running", "exited", "killed", "replaced", "core"};
	const struct profile_process *process = &profile->process;
	json_t *cmdline = process->cmdline ? json_array() : json_null();

	for (char **argument = process->cmdline; argument && *argument; argument++)
		json_array_append_new(cmdline, text(*argument));
	return json_pack(
		"{s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:f, s:o}", "pid",
		(json_int_t)process->pid, "ppid", (json_int_t)process->ppid, "exe",
		text(process->exe[0] ? process->exe : NULL), "comm", text(process->comm), "cmdline",
		cmdline, "state", text(NAME(states, process->state)), "exit_status",
		process->exit_status >= 0 ? json_integer(process->exit_status) : json_null(),
		"signal", process->signal > 0 ? json_integer(process->signal) : json_null(),
		"started_at",
		process->started_at > 0 ? json_real(process->started_at) : json_null(),
		"captured_at", process->captured_at, "threads", number(process->n_threads));
}

static json_t *make_agent(const struct profile *profile)
{
	static const char *const modes[] = {"none", "preload", "injected", "faults"};
	static const char *const allocators[] = {NULL,       "fast",     "glibc", "jemalloc",
						 "tcmalloc", "mimalloc", "other"};
	static const char *const samplings[] = {"auto", "all", "interval", "off"};
	const struct profile_agent *agent = &profile->agent;

	return json_pack(
		"{s:o, s:o, s:{s:o, s:o, s:b, s:o}, s:{s:o, s:o, s:o}, s:o, s:o, s:o, s:o}", "mode",
		text(NAME(modes, agent->mode)), "allocator",
		text(NAME(allocators, agent->allocator)), "sampling", "mode",
		text(NAME(samplings, agent->sampling)), "interval_bytes", number(agent->interval),
		"exact", agent->exact, "samples", number(agent->samples), "lost", "allocations",
		number(agent->lost_allocations), "frees", number(agent->lost_frees), "maps",
		number(agent->lost_maps), "own_bytes", number(agent->own_bytes), "overhead_ratio",
		seconds(agent->overhead_ratio), "truncated_stacks", number(agent->truncated_stacks),
		"damaged_records", number(profile->n_damaged));
}

static json_t *make_heap(const struct profile_heap *heap)
{
	return json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "live_bytes",
		number(heap->live_bytes), "live_bytes_stderr", real(heap->live_stderr),
		"live_blocks", number(heap->live_blocks), "allocated_bytes",
		number(heap->allocated_bytes), "allocated_blocks", number(heap->allocated_blocks),
		"freed_bytes", number(heap->freed_bytes), "freed_blocks",
		number(heap->freed_blocks), "peak_live_bytes", number(heap->peak_live_bytes),
		"before_attach_bytes", number(heap->before_attach_bytes), "mapped_bytes",
		number(heap->mapped_bytes), "inherited_bytes", number(heap->inherited_bytes));
}

static json_t *make_build_id(const struct profile_module *module)
{
	char digits[sizeof(module->build_id) * 2 + 1] = "";

	if (module->build_id_size == 0)
		return json_null();
	for (unsigned i = 0; i < module->build_id_size; i++)
		snprintf(digits + (size_t)i * 2, 3, "%02x", module->build_id[i]);
	return json_string(digits);
}

static json_t *make_frame(const struct profile *profile, const struct profile_location *location,
			  const struct profile_frame *frame)
{
	const struct profile_module *module =
		location->module == PROFILE_NO_MODULE ? NULL : &profile->modules[location->module];

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o}", "function",
			 text(frame->function), "file", text(frame->file), "line",
			 frame->line ? json_integer(frame->line) : json_null(), "module",
			 text(module ? module->path : NULL), "build_id",
			 module ? make_build_id(module) : json_null(), "address",
			 hex(location->address), "inlined", frame->inlined, "module_offset",
			 module ? hex(location->address - module->bias) : json_null(), "why",
			 text(frame->why));
}

/*
 * A frame stands in many stacks; it is made once and shared, which saves most of the time and the memory
 * of a big report.
 */
static json_t *share_frame(struct json_frames *frames, const struct profile_location *location,
			   uint32_t frame)
{
	const struct profile *profile = frames->profile;

	if (!frames->nodes[frame])
		frames->nodes[frame] = make_frame(profile, location, &profile->frames[frame]);
	return json_incref(frames->nodes[frame]);
}

int json_frames_init(struct json_frames *frames, const struct profile *profile)
{
	frames->profile = profile;
	frames->nodes = calloc(profile->n_frames + 1, sizeof(*frames->nodes));
	return frames->nodes ? 0 : -ENOMEM;
}

void json_frames_deinit(struct json_frames *frames)
{
	for (size_t i = 0; frames->nodes && i < frames->profile->n_frames; i++)
		json_decref(frames->nodes[i]);
	free(frames->nodes);
	*frames = (struct json_frames){};
}

json_t *json_make_stack(struct json_frames *frames, const struct render_options *options,
			const struct profile_site *site)
{
	const struct profile *profile = frames->profile;
	json_t *stack = json_array();

	for (uint32_t i = 0; i < site->n_locations; i++) {
		const struct profile_location *location = profile_location_get(profile, site, i);

		for (uint32_t f = 0; f < location->n_frames; f++) {
			if (options->depth > 0 && json_array_size(stack) >= options->depth)
				return stack;
			json_array_append_new(
				stack, share_frame(frames, location, location->first_frame + f));
		}
	}
	return stack;
}

static json_t *make_threads(const struct profile *profile, const struct profile_site *site)
{
	json_t *threads = json_array();

	for (uint32_t i = 0; i < site->n_threads; i++) {
		const struct profile_thread *thread =
			&profile->threads[profile->thread_refs[site->first_thread + i]];

		json_array_append_new(threads,
				      json_pack("{s:I, s:o}", "tid", (json_int_t)thread->tid,
						"name", text(java_name_of(profile, thread))));
	}
	return threads;
}

/* Files of an older memtrace have none. */
static json_t *growth_bound(const struct profile_site *site, double bound)
{
	return isfinite(site->growth) ? real(bound) : json_null();
}

static json_t *make_site(const struct profile *profile, const struct render_options *options,
			 const struct view_row *row, struct json_frames *frames)
{
	const struct profile_site *site = &profile->sites[row->site];
	json_t *json;

	json = json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id",
			 json_sprintf("%016" PRIx64, site->id), "kind", profile_site_kind(site),
			 "live_bytes", number(row->live_bytes), "live_bytes_stderr",
			 real(row->live_stderr), "live_blocks", number(row->live_blocks),
			 "allocated_bytes", number(site->allocated_bytes), "allocated_blocks",
			 number(site->allocated_blocks), "oldest_age_s", seconds(row->oldest_age_s),
			 "youngest_age_s", seconds(row->youngest_age_s), "growth_bytes_per_s",
			 real(site->growth), "threads", make_threads(profile, site), "stack",
			 json_make_stack(frames, options, site));
	if (!json)
		return NULL;
	json_object_set_new(json, "growth_low_bytes_per_s", growth_bound(site, site->growth_low));
	json_object_set_new(json, "growth_high_bytes_per_s", growth_bound(site, site->growth_high));
	json_object_set_new(json, "truncated", json_boolean(site->flags & MT_STACK_TRUNCATED));
	json_object_set_new(json, "tag", site->tag ? json_string(site->tag) : json_null());
	json_object_set_new(json, "pool", json_boolean(site->flags & MT_STACK_POOL));
	json_object_set_new(json, "backing", json_boolean(site->flags & MT_STACK_BACKING));
	return json;
}

static int make_sites(const struct profile *profile, const struct render_options *options,
		      json_t **ret)
{
	_cleanup_(json_frames_deinit) struct json_frames frames = {};
	_cleanup_(view_deinit) struct view view = {};
	struct render_options by_site = *options;
	json_t *sites;
	int r;

	by_site.by = RENDER_BY_SITE;
	r = json_frames_init(&frames, profile);
	if (r >= 0)
		r = view_make(profile, &by_site, VIEW_ALL, 0, &view);
	if (r < 0)
		return r;
	sites = json_array();
	for (size_t i = 0; i < view.n_rows; i++)
		json_array_append_new(sites, make_site(profile, options, &view.rows[i], &frames));
	*ret = sites;
	return 0;
}

static json_t *make_ledger(const struct ledger *ledger)
{
	json_t *lines = json_array();

	for (enum ledger_owner owner = 0; owner < LEDGER_N_OWNERS; owner++) {
		const struct ledger_line *line = &ledger->lines[owner];

		if (line->virtual == 0 && owner != LEDGER_UNEXPLAINED)
			continue;
		json_array_append_new(lines, json_pack("{s:s, s:s, s:o, s:o, s:o}", "owner",
						       ledger_owner_name(owner), "label",
						       ledger_owner_label(owner), "resident_bytes",
						       number(line->resident), "swapped_bytes",
						       number(line->swapped), "virtual_bytes",
						       number(line->virtual)));
	}
	return lines;
}

/* The sums of smaps where there are any, so that the ledger adds up; else what /proc says in one word. */
static json_t *make_memory(const struct profile_process *process, const struct ledger *ledger)
{
	if (!ledger && process->rss == PROFILE_UNKNOWN)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "rss_bytes",
			 number(ledger ? ledger->rss : process->rss), "pss_bytes",
			 number(ledger ? ledger->pss : process->pss), "uss_bytes",
			 number(ledger ? ledger->uss : process->uss), "swap_bytes",
			 number(ledger ? ledger->swap : process->swap), "vsz_bytes",
			 number(ledger ? ledger->vsz : process->vsz), "cgroup_limit_bytes",
			 number(process->cgroup_limit), "peak_rss_bytes", number(process->peak_rss),
			 "ledger", ledger ? make_ledger(ledger) : json_null(), "unexplained_bytes",
			 ledger ? number(ledger->lines[LEDGER_UNEXPLAINED].resident) : json_null());
}

/* Where a mapping has several owners. */
static json_t *make_parts(const struct ledger *ledger, const struct ledger_mapping *entry)
{
	json_t *parts = json_array();

	for (uint32_t i = 0; i < entry->n_parts; i++) {
		const struct ledger_part *part = &ledger->parts[entry->first_part + i];

		if (part->usage.resident == 0 && entry->n_parts > 1)
			continue;
		json_array_append_new(parts,
				      json_pack("{s:o, s:o, s:s, s:o, s:o, s:o}", "start",
						hex(part->start), "end", hex(part->end), "owner",
						ledger_owner_name(part->owner), "label",
						text(part->label[0] ? part->label : NULL), "tid",
						part->tid ? json_integer(part->tid) : json_null(),
						"resident_bytes", number(part->usage.resident)));
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
		hex(m->start), "end", hex(m->end), "perms", perms, "path",
		text(m->path[0] ? m->path : NULL), "owner", ledger_owner_name(entry->owner),
		"label", text(entry->label[0] ? entry->label : ledger_owner_label(entry->owner)),
		"parts", make_parts(ledger, entry), "rss_bytes", number(m->rss), "pss_bytes",
		number(m->pss), "private_dirty_bytes", number(m->private_dirty), "swap_bytes",
		number(m->swap), "anon_huge_bytes", number(m->anon_huge));
}

static json_t *make_mappings(const struct ledger *ledger)
{
	json_t *mappings;

	if (!ledger)
		return json_null();
	mappings = json_array();
	for (size_t i = 0; i < ledger->maps.n_mappings; i++)
		json_array_append_new(mappings, make_mapping(ledger, &ledger->mappings[i]));
	return mappings;
}

static json_t *make_verdict(const struct verdict *verdict)
{
	json_t *because = json_array(), *advice = json_array();
	const char *code = verdict_code_name(verdict->code);

	for (size_t i = 0; i < verdict->n_because; i++)
		json_array_append_new(because, text(verdict->because[i]));
	for (size_t i = 0; i < verdict->n_advice; i++)
		json_array_append_new(advice,
				      json_pack("{s:o, s:o}", "action",
						text(verdict->advice[i].action), "expected_bytes",
						number(verdict->advice[i].expected_bytes)));
	return json_pack("{s:o, s:o, s:o, s:o}", "code", text(code), "confidence",
			 code ? real(verdict->confidence) : json_null(), "because", because,
			 "advice", advice);
}

int json_make_report(const struct profile *profile, const struct render_options *options,
		     json_t **ret)
{
	_cleanup_(verdict_deinit) struct verdict verdict = {};
	_cleanup_(ledger_deinit) struct ledger built = {};
	const struct ledger *ledger = NULL;
	json_t *sites;
	int r;

	r = ledger_build(profile, &built);
	if (r == -ENOMEM)
		return r;
	if (r >= 0)
		ledger = &built;
	r = verdict_judge(profile, ledger, profile->arenas, &verdict);
	if (r < 0)
		return r;
	r = make_sites(profile, options, &sites);
	if (r < 0)
		return r;
	*ret = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "schema", "memtrace/1", "version", MEMTRACE_VERSION, "process",
			 make_process(profile), "agent", make_agent(profile), "heap",
			 make_heap(&profile->heap), "sites", sites, "arenas",
			 json_make_arenas(profile), "allocator", json_make_allocator(profile),
			 "memory", make_memory(&profile->process, ledger), "mappings",
			 make_mappings(ledger), "verdict", make_verdict(&verdict), "course",
			 json_make_course(profile), "java", json_make_java(profile));
	return *ret ? 0 : -ENOMEM;
}

/* jansson writes byte by byte; a stream of stdio takes a lock for each of them. */
static int write_unlocked(const char *bytes, size_t size, void *stream)
{
	return fwrite_unlocked(bytes, 1, size, stream) == size ? 0 : -1;
}

json_t *json_make_summary(const struct profile *profile)
{
	return json_pack("{s:o, s:o, s:o}", "process", make_process(profile), "agent",
			 make_agent(profile), "heap", make_heap(&profile->heap));
}

int json_write(json_t *report, FILE *out)
{
	int r;

	if (!report)
		return -ENOMEM;
	errno = 0;
	r = json_dump_callback(report, write_unlocked, out,
			       JSON_INDENT(1) | JSON_REAL_PRECISION(15));
	json_decref(report);
	if (r < 0)
		return errno ? -errno : -EIO;
	fputc('\n', out);
	return words_finish(out);
}

int render_json(const struct profile *profile, const struct render_options *options, FILE *out)
{
	json_t *report;
	int r = json_make_report(profile, options ?: &view_default_options, &report);

	return r < 0 ? r : json_write(report, out);
}

int render_maps_json(const struct profile *profile, const struct maps_options *options, FILE *out)
{
	_cleanup_(ledger_deinit) struct ledger ledger = {};
	int r = ledger_build(profile, &ledger);

	if (r < 0)
		return r;
	return json_write(json_pack("{s:s, s:s, s:o, s:o, s:o}", "schema", "memtrace/1", "version",
				    MEMTRACE_VERSION, "process", make_process(profile), "memory",
				    make_memory(&profile->process, &ledger), "mappings",
				    make_mappings(&ledger)),
			  out);
}

int render_arenas_json(const struct profile *profile, const struct arenas_options *options,
		       FILE *out)
{
	return json_write(json_pack("{s:s, s:s, s:o, s:o, s:o}", "schema", "memtrace/1", "version",
				    MEMTRACE_VERSION, "process", make_process(profile), "arenas",
				    json_make_arenas(profile), "allocator",
				    json_make_allocator(profile)),
			  out);
}
