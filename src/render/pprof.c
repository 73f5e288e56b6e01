/* SPDX-License-Identifier: MIT */
/*
 * pprof.c: the profile as pprof reads it, gzipped.
 *
 * A site becomes one sample for what was allocated there, and one for each thread and age that holds
 * blocks of it, labelled with both; pprof sums them where nobody asks for labels. Locations are those of
 * the profile, so that a stack is an array of their numbers. Whatever the form cannot say (standard
 * errors, mappings of the allocator) is left out; how exact it is stands in a comment.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "profile/estimate.h"
#include "profile/java.h"
#include "profile/label.h"
#include "render/pprof-form.h"
#include "render/view.h"

/* The order of the values of each sample. */
enum { INUSE_OBJECTS, INUSE_SPACE, ALLOC_OBJECTS, ALLOC_SPACE, N_VALUES };

static const struct {
	const char *type, *unit;
} value_types[N_VALUES] = {
	[INUSE_OBJECTS] = {"inuse_objects", "count"},
	[INUSE_SPACE] = {"inuse_space", "bytes"},
	[ALLOC_OBJECTS] = {"alloc_objects", "count"},
	[ALLOC_SPACE] = {"alloc_space", "bytes"},
};

struct pprof {
	const struct profile *profile;
	const struct render_options *options;
	struct pprof_form form;
	Pprof__Sample **samples;
	size_t n_samples;
};

static void pprof_deinit(struct pprof *pprof)
{
	pprof_form_deinit(&pprof->form);
	free(pprof->samples);
}

/* ---- mappings and locations ---- */

/* pprof takes the first mapping for the program's. */
static void put_program_first(const struct profile *profile, Pprof__Mapping **mappings)
{
	Pprof__Mapping *program;

	for (size_t i = 0; i < profile->n_modules; i++) {
		if (!profile->process.exe ||
		    strcmp(profile->modules[i].path, profile->process.exe) != 0)
			continue;
		program = mappings[i];
		memmove(mappings + 1, mappings, i * sizeof(*mappings));
		mappings[0] = program;
		return;
	}
}

static void add_mappings(struct pprof *pprof)
{
	const struct profile *profile = pprof->profile;
	Pprof__Mapping **mappings =
		pprof_form_take(&pprof->form, profile->n_modules + 1, sizeof(Pprof__Mapping *));
	char hex[2 * sizeof(profile->modules->build_id) + 1];

	for (size_t i = 0; mappings && i < profile->n_modules; i++) {
		const struct profile_module *module = &profile->modules[i];
		Pprof__Mapping *mapping = pprof_form_take(&pprof->form, 1, sizeof(*mapping));

		if (!mapping)
			return;
		pprof__mapping__init(mapping);
		mapping->id = i + 1;
		mapping->memory_start = module->start;
		mapping->memory_limit = module->end;
		mapping->filename = pprof_form_string(&pprof->form, module->path);
		hex[0] = 0;
		for (size_t b = 0; b < module->build_id_size; b++)
			snprintf(hex + 2 * b, 3, "%02x", module->build_id[b]);
		mapping->build_id = pprof_form_string(&pprof->form, hex);
		mapping->has_functions = mapping->has_filenames = mapping->has_line_numbers =
			mapping->has_inline_frames = true;
		mappings[i] = mapping;
	}
	if (!mappings)
		return;
	put_program_first(profile, mappings);
	pprof->form.message.mapping = mappings;
	pprof->form.message.n_mapping = profile->n_modules;
}

static void add_lines(struct pprof *pprof, const struct profile_location *from,
		      Pprof__Location *location)
{
	Pprof__Line **lines = pprof_form_take(&pprof->form, from->n_frames, sizeof(Pprof__Line *));

	for (uint32_t i = 0; lines && i < from->n_frames; i++) {
		const struct profile_frame *frame = &pprof->profile->frames[from->first_frame + i];
		_cleanup_(strbuf_deinit) struct strbuf name = {};
		Pprof__Line *line = pprof_form_take(&pprof->form, 1, sizeof(*line));

		if (!line || label_function(pprof->profile, from, frame, &name) < 0) {
			pprof->form.failed = true;
			return;
		}
		pprof__line__init(line);
		line->function_id =
			pprof_form_function(&pprof->form, strbuf_text(&name), frame->file);
		line->line = frame->line;
		lines[i] = line;
	}
	location->line = lines;
	location->n_line = lines ? from->n_frames : 0;
}

static void add_locations(struct pprof *pprof)
{
	const struct profile *profile = pprof->profile;
	Pprof__Location **locations =
		pprof_form_take(&pprof->form, profile->n_locations + 1, sizeof(Pprof__Location *));

	for (size_t i = 0; locations && i < profile->n_locations; i++) {
		const struct profile_location *from = &profile->locations[i];
		Pprof__Location *location = pprof_form_take(&pprof->form, 1, sizeof(*location));

		if (!location)
			return;
		pprof__location__init(location);
		location->id = i + 1;
		location->address = from->address;
		if (from->module != PROFILE_NO_MODULE)
			location->mapping_id = from->module + 1;
		add_lines(pprof, from, location);
		locations[i] = location;
	}
	pprof->form.message.location = locations;
	pprof->form.message.n_location = profile->n_locations;
}

/* ---- samples ---- */

static Pprof__Sample *add_sample(struct pprof *pprof, const struct profile_site *site)
{
	const struct profile *profile = pprof->profile;
	uint32_t n = site->n_locations;
	Pprof__Sample *sample = pprof_form_take(&pprof->form, 1, sizeof(*sample));

	if (pprof->options->depth > 0)
		n = MIN(n, pprof->options->depth);
	if (!sample || GROW(pprof->samples, pprof->n_samples) < 0) {
		pprof->form.failed = true;
		return NULL;
	}
	pprof__sample__init(sample);
	sample->location_id = pprof_form_take(&pprof->form, n + 1, sizeof(uint64_t));
	sample->value = pprof_form_take(&pprof->form, N_VALUES, sizeof(int64_t));
	if (pprof->form.failed)
		return NULL;
	for (uint32_t i = 0; i < n; i++)
		sample->location_id[i] = profile->location_refs[site->first_location + i] + 1;
	sample->n_location_id = n;
	sample->n_value = N_VALUES;
	pprof->samples[pprof->n_samples++] = sample;
	return sample;
}

static void add_label(struct pprof *pprof, Pprof__Sample *sample, const char *key, const char *text)
{
	Pprof__Label *label = pprof_form_take(&pprof->form, 1, sizeof(*label));

	if (!label)
		return;
	pprof__label__init(label);
	label->key = pprof_form_string(&pprof->form, key);
	label->str = pprof_form_string(&pprof->form, text);
	sample->label[sample->n_label++] = label;
}

/* What a sample's labels say of its blocks. */
static const struct {
	double below_s;
	const char *name;
} ages[] = {
	{1, "under 1s"}, {60, "1s to 1m"}, {3600, "1m to 1h"}, {86400, "1h to 1d"}, {0, "over 1d"},
};

static unsigned age_class(double age_s)
{
	unsigned i = 0;

	while (i < ARRAY_SIZE(ages) - 1 && age_s >= ages[i].below_s)
		i++;
	return i;
}

/* Sums over the blocks of one site, thread and age. */
struct holding {
	uint32_t site, thread;
	unsigned age;
	struct estimate live;
};

static int compare_holdings(const void *a, const void *b)
{
	const struct holding *x = a, *y = b;

	if (x->site != y->site)
		return x->site < y->site ? -1 : 1;
	if (x->thread != y->thread)
		return x->thread < y->thread ? -1 : 1;
	return x->age < y->age ? -1 : x->age > y->age;
}

static void add_held(struct pprof *pprof, const struct holding *holding)
{
	const struct profile_site *site = &pprof->profile->sites[holding->site];
	const struct profile_thread *thread = &pprof->profile->threads[holding->thread];
	const char *name = java_name_of(pprof->profile, thread);
	Pprof__Sample *sample = add_sample(pprof, site);

	if (!sample || !(sample->label = pprof_form_take(&pprof->form, 4, sizeof(Pprof__Label *))))
		return;
	sample->value[INUSE_OBJECTS] = (int64_t)estimate_round(holding->live.blocks);
	sample->value[INUSE_SPACE] = (int64_t)estimate_round(holding->live.bytes);
	add_label(pprof, sample, "kind", profile_site_kind(site));
	if (holding->thread > 0 && thread->tid > 0)
		add_label(pprof, sample, "thread", name[0] ? name : "(no name)");
	add_label(pprof, sample, "age", ages[holding->age].name);
	if (site->tag)
		add_label(pprof, sample, "tag", site->tag);
}

/* One sample for each site, thread and age that blocks in view have. */
static void add_all_held(struct pprof *pprof, const bool *wanted)
{
	const struct profile *profile = pprof->profile;
	struct holding *holdings =
		pprof_form_take(&pprof->form, profile->n_blocks + 1, sizeof(*holdings));
	size_t n = 0, first = 0;

	for (size_t i = 0; holdings && i < profile->n_blocks; i++) {
		const struct profile_block *block = &profile->blocks[i];
		struct holding *holding = &holdings[n];

		if (block->site == PROFILE_NO_SITE || !wanted[block->site] ||
		    !view_has_age(pprof->options, block->age_s))
			continue;
		*holding = (struct holding){block->site, block->thread, age_class(block->age_s)};
		estimate_add(&holding->live, block->size, block->interval);
		n++;
	}
	if (n > 0)
		qsort(holdings, n, sizeof(*holdings), compare_holdings);
	for (size_t i = 1; i <= n; i++) {
		if (i < n && compare_holdings(&holdings[first], &holdings[i]) == 0) {
			holdings[first].live.bytes += holdings[i].live.bytes;
			holdings[first].live.blocks += holdings[i].live.blocks;
			continue;
		}
		add_held(pprof, &holdings[first]);
		first = i;
	}
}

static int add_samples(struct pprof *pprof)
{
	const struct profile *profile = pprof->profile;
	bool *wanted = pprof_form_take(&pprof->form, profile->n_sites + 1, sizeof(*wanted));
	_cleanup_(view_deinit) struct view view = {};
	int r = view_make(profile, pprof->options, VIEW_ALL, 0, &view);

	if (r < 0 || !wanted)
		return -ENOMEM;
	for (size_t i = 0; i < view.n_rows; i++) {
		const struct profile_site *site = &profile->sites[view.rows[i].site];
		Pprof__Sample *sample;

		if (!profile_site_is_counted(site))
			continue;
		wanted[view.rows[i].site] = true;
		sample = add_sample(pprof, site);
		if (!sample)
			return -ENOMEM;
		sample->value[ALLOC_OBJECTS] = (int64_t)site->allocated_blocks;
		sample->value[ALLOC_SPACE] = (int64_t)site->allocated_bytes;
	}
	add_all_held(pprof, wanted);
	pprof->form.message.sample = pprof->samples;
	pprof->form.message.n_sample = pprof->n_samples;
	return pprof->form.failed ? -ENOMEM : 0;
}

/* ---- the whole ---- */

static Pprof__ValueType *make_type(struct pprof *pprof, const char *type, const char *unit)
{
	Pprof__ValueType *made = pprof_form_take(&pprof->form, 1, sizeof(*made));

	if (!made)
		return NULL;
	pprof__value_type__init(made);
	made->type = pprof_form_string(&pprof->form, type);
	made->unit = pprof_form_string(&pprof->form, unit);
	return made;
}

static void add_head(struct pprof *pprof)
{
	const struct profile *profile = pprof->profile;
	Pprof__Profile *message = &pprof->form.message;
	Pprof__ValueType **types =
		pprof_form_take(&pprof->form, N_VALUES, sizeof(Pprof__ValueType *));
	int64_t *comment = pprof_form_take(&pprof->form, 1, sizeof(*comment));

	if (!types || !comment)
		return;
	for (int i = 0; i < N_VALUES; i++)
		types[i] = make_type(pprof, value_types[i].type, value_types[i].unit);
	message->sample_type = types;
	message->n_sample_type = N_VALUES;
	message->period_type = make_type(pprof, "space", "bytes");
	message->period = profile->agent.interval == PROFILE_UNKNOWN
				  ? 0
				  : (int64_t)MAX(profile->agent.interval, 1);
	message->default_sample_type =
		pprof_form_string(&pprof->form, value_types[INUSE_SPACE].type);
	message->time_nanos = (int64_t)(profile->process.captured_at * 1e9);
	if (profile->process.captured_at > profile->process.started_at)
		message->duration_nanos =
			(int64_t)((profile->process.captured_at - profile->process.started_at) *
				  1e9);
	*comment = pprof_form_string(
		&pprof->form, profile->agent.exact ? "memtrace " MEMTRACE_VERSION ", exact"
						   : "memtrace " MEMTRACE_VERSION ", estimated");
	message->comment = comment;
	message->n_comment = 1;
}

int render_pprof(const struct profile *profile, const struct render_options *options, FILE *out)
{
	_cleanup_(pprof_deinit) struct pprof pprof = {
		.profile = profile,
		.options = options,
	};
	int r = pprof_form_init(&pprof.form);

	if (r < 0)
		return r;
	add_head(&pprof);
	add_mappings(&pprof);
	add_locations(&pprof);
	r = add_samples(&pprof);
	if (r < 0 || pprof.form.failed)
		return -ENOMEM;
	return pprof_form_write(&pprof.form, out);
}
