/* SPDX-License-Identifier: MIT */
/*
 * pprof.c: the profile as pprof reads it, gzipped.
 *
 * A site becomes one sample for what was allocated there, and one for each thread and age that holds
 * blocks of it, labelled with both; pprof sums them where nobody asks for labels. Locations are those of
 * the profile, so that a stack is an array of their numbers. Whatever the form cannot say (standard
 * errors, mappings of the allocator) is left out; how exact it is stands in a comment.
 *
 * All memory of a message lives in one arena of blocks until it is packed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/grow.h"
#include "base/map.h"
#include "profile/estimate.h"
#include "profile/label.h"
#include "render/pprof.pb-c.h"
#include "render/view.h"
#include "render/words.h"

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

struct block {
	struct block *next;
	max_align_t bytes[];
};

struct pprof {
	const struct profile *profile;
	const struct render_options *options;
	Pprof__Profile message;
	struct block *blocks; /* all that the message points to, but the arrays below */
	struct string_pool *pool;
	struct map by_text; /* pointer in pool: index in strings */
	char **strings;
	size_t n_strings;
	Pprof__Function **functions;
	struct map by_function; /* name's index << 32 | file's index: number of the function */
	size_t n_functions;
	Pprof__Sample **samples;
	size_t n_samples;
	bool failed; /* no memory, once and for all */
};

static void pprof_deinit(struct pprof *pprof)
{
	while (pprof->blocks) {
		struct block *block = pprof->blocks;

		pprof->blocks = block->next;
		free(block);
	}
	string_pool_free(pprof->pool);
	map_deinit(&pprof->by_text);
	map_deinit(&pprof->by_function);
	free(pprof->strings);
	free(pprof->functions);
	free(pprof->samples);
}

/* Zeroed memory that lives as long as pprof; NULL sets failed. */
static void *take(struct pprof *pprof, size_t n, size_t size)
{
	struct block *block = calloc(1, sizeof(*block) + n * size);

	if (!block) {
		pprof->failed = true;
		return NULL;
	}
	block->next = pprof->blocks;
	pprof->blocks = block;
	return block->bytes;
}

static int64_t string_index(struct pprof *pprof, const char *text)
{
	const char *own = string_pool_add(pprof->pool, text ?: "");
	uint64_t *place;
	int r;

	if (!own || (r = map_add(&pprof->by_text, (uintptr_t)own, pprof->n_strings, &place)) < 0 ||
	    (r == 1 && GROW(pprof->strings, pprof->n_strings) < 0)) {
		pprof->failed = true;
		return 0;
	}
	if (r == 1)
		pprof->strings[pprof->n_strings++] = (char *)own;
	return (int64_t)*place;
}

static uint64_t function_id(struct pprof *pprof, const char *name, const char *file)
{
	const int64_t name_index = string_index(pprof, name),
		      file_index = string_index(pprof, file);
	Pprof__Function *function;
	uint64_t *place;
	int r = map_add(&pprof->by_function, (uint64_t)name_index << 32 | (uint64_t)file_index,
			pprof->n_functions + 1, &place);

	if (r == 0)
		return *place;
	function = take(pprof, 1, sizeof(*function));
	if (r < 0 || !function || GROW(pprof->functions, pprof->n_functions) < 0) {
		pprof->failed = true;
		return 0;
	}
	pprof__function__init(function);
	function->id = pprof->n_functions + 1;
	function->name = function->system_name = name_index;
	function->filename = file_index;
	pprof->functions[pprof->n_functions++] = function;
	return function->id;
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
	Pprof__Mapping **mappings = take(pprof, profile->n_modules + 1, sizeof(Pprof__Mapping *));
	char hex[2 * sizeof(profile->modules->build_id) + 1];

	for (size_t i = 0; mappings && i < profile->n_modules; i++) {
		const struct profile_module *module = &profile->modules[i];
		Pprof__Mapping *mapping = take(pprof, 1, sizeof(*mapping));

		if (!mapping)
			return;
		pprof__mapping__init(mapping);
		mapping->id = i + 1;
		mapping->memory_start = module->start;
		mapping->memory_limit = module->end;
		mapping->filename = string_index(pprof, module->path);
		hex[0] = 0;
		for (size_t b = 0; b < module->build_id_size; b++)
			snprintf(hex + 2 * b, 3, "%02x", module->build_id[b]);
		mapping->build_id = string_index(pprof, hex);
		mapping->has_functions = mapping->has_filenames = mapping->has_line_numbers =
			mapping->has_inline_frames = true;
		mappings[i] = mapping;
	}
	if (!mappings)
		return;
	put_program_first(profile, mappings);
	pprof->message.mapping = mappings;
	pprof->message.n_mapping = profile->n_modules;
}

static void add_lines(struct pprof *pprof, const struct profile_location *from,
		      Pprof__Location *location)
{
	Pprof__Line **lines = take(pprof, from->n_frames, sizeof(Pprof__Line *));

	for (uint32_t i = 0; lines && i < from->n_frames; i++) {
		const struct profile_frame *frame = &pprof->profile->frames[from->first_frame + i];
		_cleanup_(strbuf_deinit) struct strbuf name = {};
		Pprof__Line *line = take(pprof, 1, sizeof(*line));

		if (!line || label_function(pprof->profile, from, frame, &name) < 0) {
			pprof->failed = true;
			return;
		}
		pprof__line__init(line);
		line->function_id = function_id(pprof, strbuf_text(&name), frame->file);
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
		take(pprof, profile->n_locations + 1, sizeof(Pprof__Location *));

	for (size_t i = 0; locations && i < profile->n_locations; i++) {
		const struct profile_location *from = &profile->locations[i];
		Pprof__Location *location = take(pprof, 1, sizeof(*location));

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
	pprof->message.location = locations;
	pprof->message.n_location = profile->n_locations;
}

/* ---- samples ---- */

static Pprof__Sample *add_sample(struct pprof *pprof, const struct profile_site *site)
{
	const struct profile *profile = pprof->profile;
	uint32_t n = site->n_locations;
	Pprof__Sample *sample = take(pprof, 1, sizeof(*sample));

	if (pprof->options->depth > 0)
		n = MIN(n, pprof->options->depth);
	if (!sample || GROW(pprof->samples, pprof->n_samples) < 0) {
		pprof->failed = true;
		return NULL;
	}
	pprof__sample__init(sample);
	sample->location_id = take(pprof, n + 1, sizeof(uint64_t));
	sample->value = take(pprof, N_VALUES, sizeof(int64_t));
	if (pprof->failed)
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
	Pprof__Label *label = take(pprof, 1, sizeof(*label));

	if (!label)
		return;
	pprof__label__init(label);
	label->key = string_index(pprof, key);
	label->str = string_index(pprof, text);
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
	Pprof__Sample *sample = add_sample(pprof, site);

	if (!sample || !(sample->label = take(pprof, 3, sizeof(Pprof__Label *))))
		return;
	sample->value[INUSE_OBJECTS] = (int64_t)estimate_round(holding->live.blocks);
	sample->value[INUSE_SPACE] = (int64_t)estimate_round(holding->live.bytes);
	add_label(pprof, sample, "kind", site->kind == MT_SITE_MMAP ? "mmap" : "malloc");
	if (holding->thread > 0 && thread->tid > 0)
		add_label(pprof, sample, "thread", thread->name[0] ? thread->name : "(no name)");
	add_label(pprof, sample, "age", ages[holding->age].name);
}

/* One sample for each site, thread and age that blocks in view have. */
static void add_all_held(struct pprof *pprof, const bool *wanted)
{
	const struct profile *profile = pprof->profile;
	struct holding *holdings = take(pprof, profile->n_blocks + 1, sizeof(*holdings));
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
	bool *wanted = take(pprof, profile->n_sites + 1, sizeof(*wanted));
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
	pprof->message.sample = pprof->samples;
	pprof->message.n_sample = pprof->n_samples;
	return pprof->failed ? -ENOMEM : 0;
}

/* ---- the whole ---- */

static Pprof__ValueType *make_type(struct pprof *pprof, const char *type, const char *unit)
{
	Pprof__ValueType *made = take(pprof, 1, sizeof(*made));

	if (!made)
		return NULL;
	pprof__value_type__init(made);
	made->type = string_index(pprof, type);
	made->unit = string_index(pprof, unit);
	return made;
}

static void add_head(struct pprof *pprof)
{
	const struct profile *profile = pprof->profile;
	Pprof__Profile *message = &pprof->message;
	Pprof__ValueType **types = take(pprof, N_VALUES, sizeof(Pprof__ValueType *));
	int64_t *comment = take(pprof, 1, sizeof(*comment));

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
	message->default_sample_type = string_index(pprof, value_types[INUSE_SPACE].type);
	message->time_nanos = (int64_t)(profile->process.captured_at * 1e9);
	if (profile->process.captured_at > profile->process.started_at)
		message->duration_nanos =
			(int64_t)((profile->process.captured_at - profile->process.started_at) *
				  1e9);
	*comment = string_index(pprof, profile->agent.exact ? "memtrace " MEMTRACE_VERSION ", exact"
							    : "memtrace " MEMTRACE_VERSION
							      ", estimated");
	message->comment = comment;
	message->n_comment = 1;
}

static int write_gzip(const uint8_t *bytes, size_t size, FILE *out)
{
	uint8_t chunk[16384];
	z_stream stream = {.next_in = (uint8_t *)bytes, .avail_in = (uInt)size};
	int r;

	if (size > UINT32_MAX)
		return -EFBIG;
	/* 16 more than the largest window asks zlib for a gzip header */
	if (deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	do {
		stream.next_out = chunk;
		stream.avail_out = sizeof(chunk);
		r = deflate(&stream, Z_FINISH);
		fwrite(chunk, 1, sizeof(chunk) - stream.avail_out, out);
	} while (r == Z_OK);
	deflateEnd(&stream);
	return r == Z_STREAM_END ? words_finish(out) : -EIO;
}

static int write_message(struct pprof *pprof, FILE *out)
{
	_cleanup_free_ uint8_t *packed = NULL;
	size_t size;

	pprof->message.string_table = pprof->strings;
	pprof->message.n_string_table = pprof->n_strings;
	pprof->message.function = pprof->functions;
	pprof->message.n_function = pprof->n_functions;
	size = pprof__profile__get_packed_size(&pprof->message);
	packed = malloc(size ?: 1);
	if (!packed)
		return -ENOMEM;
	pprof__profile__pack(&pprof->message, packed);
	return write_gzip(packed, size, out);
}

int render_pprof(const struct profile *profile, const struct render_options *options, FILE *out)
{
	_cleanup_(pprof_deinit) struct pprof pprof = {
		.profile = profile,
		.options = options ?: &view_default_options,
		.message = PPROF__PROFILE__INIT,
		.pool = string_pool_new(),
	};
	int r;

	if (!pprof.pool)
		return -ENOMEM;
	string_index(&pprof, "");
	add_head(&pprof);
	add_mappings(&pprof);
	add_locations(&pprof);
	r = add_samples(&pprof);
	if (r < 0 || pprof.failed)
		return -ENOMEM;
	return write_message(&pprof, out);
}
