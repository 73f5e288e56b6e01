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
#include <stdlib.h>

#include "profile/java.h"
#include "profile/verdict.h"
#include "render/arenas.h"
#include "render/json-value.h"
#include "render/view.h"

/* The n-th name, NULL beyond: figures of a newer agent. */
#define NAME(names, n) ((n) < ARRAY_SIZE(names) ? (names)[n] : NULL)

json_t *json_make_process(const struct profile *profile)
{
	static const char *const states[] = {"running", "exited", "killed", "replaced", "core"};
	const struct profile_process *process = &profile->process;
	json_t *cmdline = process->cmdline ? json_array() : json_null();

	for (char **argument = process->cmdline; argument && *argument; argument++)
		json_array_append_new(cmdline, json_value_text(*argument));
	return json_pack(
		"{s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:f, s:o}", "pid",
		(json_int_t)process->pid, "ppid", (json_int_t)process->ppid, "exe",
		json_value_text(process->exe[0] ? process->exe : NULL), "comm",
		json_value_text(process->comm), "cmdline", cmdline, "state",
		json_value_text(NAME(states, process->state)), "exit_status",
		process->exit_status >= 0 ? json_integer(process->exit_status) : json_null(),
		"signal", process->signal > 0 ? json_integer(process->signal) : json_null(),
		"started_at",
		process->started_at > 0 ? json_real(process->started_at) : json_null(),
		"captured_at", process->captured_at, "threads",
		json_value_number(process->n_threads));
}

static json_t *make_agent(const struct profile *profile)
{
	static const char *const modes[] = {"none", "preload", "injected", "faults"};
	static const char *const allocators[] = {NULL,       "fast",     "glibc", "jemalloc",
						 "tcmalloc", "mimalloc", "other"};
	static const char *const samplings[] = {"auto", "all", "interval", "off"};
	const struct profile_agent *agent = &profile->agent;

	return json_pack(
		"{s:o, s:o, s:{s:o, s:o, s:b, s:o}, s:{s:o, s:o, s:o}, s:o, s:o, s:o, s:o, s:o}",
		"mode", json_value_text(NAME(modes, agent->mode)), "allocator",
		json_value_text(NAME(allocators, agent->allocator)), "sampling", "mode",
		json_value_text(NAME(samplings, agent->sampling)), "interval_bytes",
		json_value_number(agent->interval), "exact", agent->exact, "samples",
		json_value_number(agent->samples), "lost", "allocations",
		json_value_number(agent->lost_allocations), "frees",
		json_value_number(agent->lost_frees), "maps", json_value_number(agent->lost_maps),
		"own_bytes", json_value_number(agent->own_bytes), "own_cpu_s",
		json_value_seconds(profile_has_agent(profile) ? (double)agent->own_ns / 1e9 : -1),
		"overhead_ratio", json_value_seconds(agent->overhead_ratio), "truncated_stacks",
		json_value_number(agent->truncated_stacks), "damaged_records",
		json_value_number(profile->n_damaged));
}

static json_t *make_heap(const struct profile_heap *heap)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "live_bytes",
			 json_value_number(heap->live_bytes), "live_bytes_stderr",
			 json_value_real(heap->live_stderr), "live_blocks",
			 json_value_number(heap->live_blocks), "allocated_bytes",
			 json_value_number(heap->allocated_bytes), "allocated_blocks",
			 json_value_number(heap->allocated_blocks), "freed_bytes",
			 json_value_number(heap->freed_bytes), "freed_blocks",
			 json_value_number(heap->freed_blocks), "peak_live_bytes",
			 json_value_number(heap->peak_live_bytes), "before_attach_bytes",
			 json_value_number(heap->before_attach_bytes), "mapped_bytes",
			 json_value_number(heap->mapped_bytes), "inherited_bytes",
			 json_value_number(heap->inherited_bytes));
}

static json_t *make_build_id(const struct profile_module *module)
{
	char digits[sizeof(module->build_id) * 2 + 1] = "";

	if (module->build_id_size == 0)
		return json_null();
	for (unsigned i = 0; i < module->build_id_size; i++) {
		digits[2 * i] = "0123456789abcdef"[module->build_id[i] >> 4];
		digits[2 * i + 1] = "0123456789abcdef"[module->build_id[i] & 15];
	}
	return json_string(digits);
}

static json_t *make_frame(const struct profile *profile, const struct profile_location *location,
			  const struct profile_frame *frame)
{
	const struct profile_module *module =
		location->module == PROFILE_NO_MODULE ? NULL : &profile->modules[location->module];

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o}", "function",
			 json_value_text(frame->function), "file", json_value_text(frame->file),
			 "line", frame->line ? json_integer(frame->line) : json_null(), "module",
			 json_value_text(module ? module->path : NULL), "build_id",
			 module ? make_build_id(module) : json_null(), "address",
			 json_value_hex(location->address), "inlined", frame->inlined,
			 "module_offset",
			 module ? json_value_hex(location->address - module->bias) : json_null(),
			 "why", json_value_text(frame->why));
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

		json_array_append_new(
			threads, json_pack("{s:I, s:o}", "tid", (json_int_t)thread->tid, "name",
					   json_value_text(java_name_of(profile, thread))));
	}
	return threads;
}

/* Files of an older memtrace have none. */
static json_t *growth_bound(const struct profile_site *site, double bound)
{
	return isfinite(site->growth) ? json_value_real(bound) : json_null();
}

static json_t *make_site(const struct profile *profile, const struct render_options *options,
			 const struct view_row *row, struct json_frames *frames)
{
	const struct profile_site *site = &profile->sites[row->site];
	json_t *json;

	json = json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id",
			 json_sprintf("%016" PRIx64, site->id), "kind", profile_site_kind(site),
			 "live_bytes", json_value_number(row->live_bytes), "live_bytes_stderr",
			 json_value_real(row->live_stderr), "live_blocks",
			 json_value_number(row->live_blocks), "allocated_bytes",
			 json_value_number(site->allocated_bytes), "allocated_blocks",
			 json_value_number(site->allocated_blocks), "oldest_age_s",
			 json_value_seconds(row->oldest_age_s), "youngest_age_s",
			 json_value_seconds(row->youngest_age_s), "growth_bytes_per_s",
			 json_value_real(site->growth), "threads", make_threads(profile, site),
			 "stack", json_make_stack(frames, options, site));
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

static json_t *make_verdict(const struct verdict *verdict)
{
	json_t *because = json_array(), *advice = json_array();
	const char *code = verdict_code_name(verdict->code);

	for (size_t i = 0; i < verdict->n_because; i++)
		json_array_append_new(because, json_value_text(verdict->because[i]));
	for (size_t i = 0; i < verdict->n_advice; i++)
		json_array_append_new(
			advice,
			json_pack("{s:o, s:o}", "action",
				  json_value_text(verdict->advice[i].action), "expected_bytes",
				  json_value_number(verdict->advice[i].expected_bytes)));
	return json_pack("{s:o, s:o, s:o, s:o}", "code", json_value_text(code), "confidence",
			 code ? json_value_real(verdict->confidence) : json_null(), "because",
			 because, "advice", advice);
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
			 json_make_process(profile), "agent", make_agent(profile), "heap",
			 make_heap(&profile->heap), "sites", sites, "arenas",
			 json_make_arenas(profile), "allocator", json_make_allocator(profile),
			 "memory", json_make_memory(&profile->process, ledger), "mappings",
			 json_make_mappings(ledger), "verdict", make_verdict(&verdict), "course",
			 json_make_course(profile), "java", json_make_java(profile));
	return *ret ? 0 : -ENOMEM;
}

json_t *json_make_summary(const struct profile *profile)
{
	return json_pack("{s:o, s:o, s:o}", "process", json_make_process(profile), "agent",
			 make_agent(profile), "heap", make_heap(&profile->heap));
}

int render_json(const struct profile *profile, const struct render_options *options, FILE *out)
{
	json_t *report;
	int r = json_make_report(profile, options, &report);

	return r < 0 ? r : json_write(report, out);
}

int render_arenas_json(const struct profile *profile, const struct arenas_options *options,
		       FILE *out)
{
	return json_write(json_pack("{s:s, s:s, s:o, s:o, s:o}", "schema", "memtrace/1", "version",
				    MEMTRACE_VERSION, "process", json_make_process(profile),
				    "arenas", json_make_arenas(profile), "allocator",
				    json_make_allocator(profile)),
			  out);
}
