/* SPDX-License-Identifier: MIT */
/*
 * Rules that look at the same figures must not each count them their own way, so they are counted here. The
 * arenas, where they could be read, are exact and know what is resident; without them the agent's live bytes
 * and the ledger still say how much of the heap is in no live block, but not whether it could go back.
 */
#include "profile/evidence.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "profile/ages.h"
#include "profile/course.h"
#include "profile/live-pages.h"

/* Less is not worth a verdict, whatever its share. */
static const uint64_t MATERIAL_BYTES = 16 << 20;
static const double MATERIAL_SHARE = 0.2; /* of what is resident */
/* Watched for less, or less growth of RSS, is that of any program at work. */
static const double GREW_S = 5, GREW_BYTES = 1 << 20, GREW_SHARE = 0.02;
/* Of what it got a place freed less. */
static const double NOTHING_FREED = 0.02;
/* Of the time that it was watched: for so much blocks came, the last of them so long ago. */
static const double SUSPECT_TIME = 0.3, SUSPECT_SINCE = 0.5;
/* Fewer samples may be chance. */
static const uint64_t SUSPECT_SAMPLES = 3;
/* An arena that keeps less free memory is not worth a word. */
static const uint64_t KEEPING_BYTES = 1 << 20;

bool evidence_is_material(const struct evidence *evidence, uint64_t bytes)
{
	return bytes >= MATERIAL_BYTES && bytes != PROFILE_UNKNOWN &&
	       (evidence->rss == PROFILE_UNKNOWN ||
		(double)bytes >= MATERIAL_SHARE * (double)evidence->rss);
}

/* Of a process that has ended: what was resident when it was last looked at. */
static uint64_t last_rss(const struct evidence *evidence)
{
	const struct profile *profile = evidence->profile;
	uint64_t rss = evidence->rss;

	for (size_t i = profile->n_moments; rss == PROFILE_UNKNOWN && i > 0; i--)
		rss = profile->moments[i - 1].rss;
	return rss;
}

bool evidence_rss_grew(const struct evidence *evidence)
{
	const struct growth *growth = &evidence->rss_growth;
	const double bytes = growth->low * evidence->course_s / 2;

	return evidence->course_s >= GREW_S && growth_is_certain(growth) && bytes >= GREW_BYTES &&
	       bytes >= GREW_SHARE * (double)last_rss(evidence);
}

uint64_t evidence_owned(const struct evidence *evidence, enum ledger_owner owner)
{
	return evidence->ledger ? evidence->ledger->lines[owner].resident : 0;
}

uint64_t evidence_heap_resident(const struct evidence *evidence)
{
	static const enum ledger_owner heap[] = {LEDGER_HEAP_LIVE,     LEDGER_HEAP_BEFORE,
						 LEDGER_HEAP_ROUNDING, LEDGER_HEAP_FREE,
						 LEDGER_HEAP_METADATA, LEDGER_HEAP_OTHER};
	uint64_t bytes = 0;

	for (size_t i = 0; i < ARRAY_SIZE(heap); i++)
		bytes += evidence_owned(evidence, heap[i]);
	return bytes;
}

const struct profile_block *evidence_find_block(const struct evidence *evidence, uint64_t address,
						uint64_t size)
{
	const struct profile *profile = evidence->profile;

	for (size_t i = 0; i < profile->n_blocks; i++) {
		const struct profile_block *block = &profile->blocks[i];

		if (block->address >= address && block->address - address < size &&
		    block->site != PROFILE_NO_SITE)
			return block;
	}
	return NULL;
}

int evidence_add_places(const struct evidence *evidence, uint32_t kind, struct places *places)
{
	const struct profile *profile = evidence->profile;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < profile->n_sites; i++) {
		const struct profile_site *site = &profile->sites[i];

		if (site->kind == kind && site->live_blocks > 0 && profile_site_is_counted(site))
			r = places_add(places, profile, site);
	}
	places_finish(places);
	return r;
}

bool evidence_freed_nothing(const struct profile_site *site)
{
	return (double)site->freed_bytes <= NOTHING_FREED * (double)site->allocated_bytes;
}

/* Who has the mapping at address; LEDGER_UNEXPLAINED if that is not known. */
static enum ledger_owner owner_at(const struct ledger *ledger, uint64_t address)
{
	const struct mapping *mapping = ledger ? maps_find(&ledger->maps, address) : NULL;

	return mapping ? ledger->mappings[mapping - ledger->maps.mappings].owner
		       : LEDGER_UNEXPLAINED;
}

static bool is_gathering_mapping(const struct profile *profile, const enum ages_kind *kinds,
				 uint32_t site)
{
	return kinds[site] == AGES_GATHERING && profile->sites[site].kind == MT_SITE_MMAP;
}

/*
 * Whose most of the mappings of each place are, for places that map and gather; LEDGER_UNEXPLAINED for all
 * others. One owner a site, to be freed; NULL: no memory.
 */
static enum ledger_owner *find_owners(const struct evidence *evidence, const enum ages_kind *kinds)
{
	const struct profile *profile = evidence->profile;
	_cleanup_free_ uint32_t *rows = calloc(profile->n_sites + 1, sizeof(*rows));
	enum ledger_owner *owners = calloc(profile->n_sites + 1, sizeof(*owners));
	_cleanup_free_ uint64_t(*bytes)[LEDGER_N_OWNERS] = NULL;
	uint32_t n_rows = 0;

	for (uint32_t i = 0; rows && i < profile->n_sites; i++)
		if (is_gathering_mapping(profile, kinds, i))
			rows[i] = n_rows++;
	bytes = calloc(n_rows + 1, sizeof(*bytes));
	if (!rows || !owners || !bytes) {
		free(owners);
		return NULL;
	}
	for (size_t i = 0; n_rows > 0 && i < profile->n_blocks; i++) {
		const struct profile_block *block = &profile->blocks[i];

		if (block->site != PROFILE_NO_SITE &&
		    is_gathering_mapping(profile, kinds, block->site))
			bytes[rows[block->site]][owner_at(evidence->ledger, block->address)] +=
				block->size;
	}
	for (uint32_t i = 0; i < profile->n_sites; i++) {
		owners[i] = LEDGER_UNEXPLAINED;
		if (!is_gathering_mapping(profile, kinds, i))
			continue;
		for (size_t j = 0; j < LEDGER_N_OWNERS; j++)
			if (bytes[rows[i]][j] > bytes[rows[i]][owners[i]])
				owners[i] = j;
	}
	return owners;
}

/* Those that give out their memory themselves, to objects that only they know. */
static bool is_manager(enum ledger_owner owner)
{
	return owner >= LEDGER_JVM_HEAP && owner <= LEDGER_RUBY;
}

static int add_gathering(struct evidence *evidence, const struct profile_site *site,
			 enum ledger_owner owner)
{
	if (!is_manager(owner))
		return places_add(&evidence->gathering, evidence->profile, site);
	if (evidence->managed.n == 0)
		evidence->manager = owner;
	return places_add(&evidence->managed, evidence->profile, site);
}

/*
 * RSS grows for certain. Whether this place can be why, though its samples are too few to be seen growing:
 * nothing of it was freed, it came over time and up to lately, and it is no less than what RSS grew by.
 */
static bool is_suspect(const struct evidence *evidence, const struct profile_site *site)
{
	const struct growth *rss = &evidence->rss_growth;

	return site->kind == MT_SITE_MALLOC && profile_site_is_counted(site) &&
	       site->n_samples >= SUSPECT_SAMPLES && site->oldest_age_s >= 0 &&
	       evidence_freed_nothing(site) &&
	       site->oldest_age_s - site->youngest_age_s >= SUSPECT_TIME * evidence->watched_s &&
	       site->youngest_age_s <= SUSPECT_SINCE * evidence->watched_s &&
	       (double)site->live_bytes >= rss->low * evidence->course_s / 2 &&
	       (isnan(site->growth) || site->growth_high >= rss->per_s / 2);
}

static int add_suspect(struct evidence *evidence, const struct profile_site *site)
{
	if (!evidence->suspect)
		evidence->suspect = site;
	return places_add(&evidence->gathering, evidence->profile, site);
}

static int gather_places(struct evidence *evidence)
{
	const struct profile *profile = evidence->profile;
	_cleanup_free_ enum ages_kind *kinds = ages_judge(profile);
	_cleanup_free_ enum ledger_owner *owners = kinds ? find_owners(evidence, kinds) : NULL;
	const bool grew = evidence_rss_grew(evidence);
	int r = owners ? 0 : -ENOMEM;

	for (uint32_t i = 0; r >= 0 && i < profile->n_sites; i++) {
		const struct profile_site *site = &profile->sites[i];

		if (kinds[i] == AGES_GATHERING)
			r = add_gathering(evidence, site, owners[i]);
		else if (kinds[i] == AGES_BOUNDED)
			r = places_add(&evidence->bounded, profile, site);
		else if (grew && is_suspect(evidence, site))
			r = add_suspect(evidence, site);
	}
	places_finish(&evidence->gathering);
	places_finish(&evidence->bounded);
	places_finish(&evidence->managed);
	return r;
}

static uint64_t known(uint64_t bytes)
{
	return bytes == ARENAS_UNKNOWN ? 0 : bytes;
}

static void add_arena(struct evidence_heap *heap, const struct arena *arena)
{
	const uint64_t kept = known(arena->free_resident);

	heap->system += known(arena->system);
	heap->in_use += known(arena->in_use);
	heap->in_use_resident += known(arena->in_use_resident);
	heap->free_resident += kept;
	heap->trimmable += known(arena->trimmable);
	heap->cached += known(arena->cached);
	if (arena->allocator == ARENAS_GLIBC && arena->kind == ARENA_THREAD)
		heap->idle_tops +=
			MIN(known(arena->top), kept - MIN(known(arena->trimmable), kept));
	if (arena->peak_system == ARENAS_UNKNOWN)
		heap->peak_system = PROFILE_UNKNOWN;
	else if (heap->peak_system != PROFILE_UNKNOWN)
		heap->peak_system += arena->peak_system;
	if (arena->kind == ARENA_MMAPPED)
		heap->mapped_alone += known(arena->in_use);
	else
		heap->n_arenas++;
	heap->n_thread_arenas += arena->kind == ARENA_THREAD;
	heap->n_keeping += kept >= KEEPING_BYTES;
	if (kept > 0 && (!heap->most || kept > heap->most->free_resident))
		heap->most = arena;
	for (size_t i = 0; i < arena->n_pins; i++) {
		heap->pinned += arena->pins[i].holds;
		if (!heap->pin || arena->pins[i].holds > heap->pin->holds)
			heap->pin = &arena->pins[i];
	}
}

static void gather_heap(struct evidence *evidence)
{
	struct evidence_heap *heap = &evidence->heap;

	heap->known = evidence->arenas && evidence->arenas->n_arenas > 0;
	for (size_t i = 0; heap->known && i < evidence->arenas->n_arenas; i++)
		add_arena(heap, &evidence->arenas->arenas[i]);
	/* an agent that came later does not know what was there before */
	if (evidence->profile->agent.mode == MT_MODE_PRELOAD)
		evidence->live = evidence->profile->heap.live_bytes;
	else
		evidence->live = heap->known ? heap->in_use : PROFILE_UNKNOWN;
}

void evidence_deinit(struct evidence *evidence)
{
	places_deinit(&evidence->gathering);
	places_deinit(&evidence->bounded);
	places_deinit(&evidence->managed);
}

int evidence_gather(const struct profile *profile, const struct ledger *ledger,
		    const struct arenas *arenas, struct evidence *ret)
{
	const struct profile_process *process = &profile->process;
	struct evidence evidence = {
		.profile = profile,
		.ledger = ledger,
		.arenas = arenas,
		.has_agent = profile_has_agent(profile),
		.running = process->state == PROFILE_RUNNING,
		.in_the_midst = process->state == PROFILE_RUNNING || process->state == PROFILE_CORE,
		.life_s = MAX(process->captured_at - process->started_at, 0.0),
		.watched_s = profile_watched_s(profile),
		.rss = ledger ? ledger->rss : process->rss,
		.vsz = ledger ? ledger->vsz : process->vsz,
		.course_s = course_span_s(profile),
		.live_growth = course_growth(profile, COURSE_LIVE),
		.rss_growth = course_growth(profile, COURSE_RSS),
	};
	int r;

	gather_heap(&evidence);
	r = gather_places(&evidence);
	if (r >= 0)
		r = live_pages_count(profile, &evidence.live_pages);
	if (r < 0)
		evidence_deinit(&evidence);
	else
		*ret = evidence;
	return r < 0 ? r : 0;
}
