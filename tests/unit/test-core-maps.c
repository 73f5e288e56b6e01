/* SPDX-License-Identifier: MIT */
/* test-core-maps.c: mapping calls as the agent sees them, against a model with one entry a page. */
#include "tests/unit/test.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include "agent/core/thread.h"
#include "tests/support/core-harness.h"

enum { N_PAGES = 300, N_STEPS = 4000 };

static const uint64_t base = 0x20000000, page = 4096;

/* What is there: 0 nothing, else flags and what tells calls apart. */
static uint32_t model[N_PAGES];

static void *at(unsigned i)
{
	return (void *)(base + i * page);
}

static void set_model(unsigned from, unsigned n, uint32_t value)
{
	for (unsigned i = 0; i < n; i++)
		model[from + i] = value;
}

/* Returns how many calls were counted as lost. */
static uint64_t check_ranges(void)
{
	uint32_t found[N_PAGES] = {0};
	struct region_snapshot snapshot;
	uint64_t live = 0, n_lost;
	struct mt_site sum;

	harness_snapshot(harness_fd, &snapshot);
	for (uint32_t i = 0; i < snapshot.n_maps; i++) {
		const struct mt_map *map = &snapshot.maps[i];
		uint64_t first = (map->start - base) / page, n = map->size / page;

		check(map->start % page == 0 && map->size % page == 0 && n > 0);
		check(first + n <= N_PAGES);
		check(snapshot.sites[map->site].kind == MT_SITE_MMAP);
		for (uint64_t j = first; j < first + n; j++) {
			check(found[j] == 0);
			found[j] = map->flags;
		}
		live += map->size;
	}
	for (unsigned i = 0; i < N_PAGES; i++)
		check(found[i] == model[i]);
	sum = harness_sum_sites(&snapshot, MT_SITE_MMAP);
	check(sum.alloc_bytes - sum.freed_bytes == live);
	check(sum.alloc_blocks - sum.freed_blocks == snapshot.n_maps * MT_BLOCKS_ONE);
	n_lost = snapshot.header.lost_maps;
	region_snapshot_deinit(&snapshot);
	return n_lost;
}

static void check_against_model(void)
{
	check(check_ranges() == 0);
}

static const struct {
	int flags;
	uint32_t expected;
} kinds[] = {
	{MAP_PRIVATE | MAP_ANONYMOUS, MT_MAP_ANON},
	{MAP_SHARED | MAP_ANONYMOUS, MT_MAP_ANON | MT_MAP_SHARED},
	{MAP_PRIVATE, MT_MAP_FILE},
	{MAP_SHARED_VALIDATE, MT_MAP_FILE | MT_MAP_SHARED},
	{MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, MT_MAP_ANON | MT_MAP_STACK},
	{MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, MT_MAP_ANON | MT_MAP_STACK},
};

static void map_some(unsigned from, unsigned n)
{
	unsigned kind = (unsigned)rand() % ARRAY_SIZE(kinds);
	bool backing = rand() % 2;

	/* sizes are rounded up to pages */
	core_mapped(at(from), n * page - (unsigned)rand() % 4096, PROT_READ, kinds[kind].flags, -1,
		    backing);
	set_model(from, n, kinds[kind].expected | (backing ? MT_MAP_BACKING : 0));
}

static bool is_mapped(unsigned from, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!model[from + i])
			return false;
	return true;
}

static bool is_free(unsigned from, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (model[from + i])
			return false;
	return true;
}

/* Moves, shrinks or grows, to another place or in its own. */
static void remap_some(unsigned from, unsigned n, unsigned to, unsigned to_n)
{
	uint32_t old[N_PAGES], last = model[from + n - 1];

	if (!is_mapped(from, n))
		return;
	if (to == from) {
		if (to_n > n && (from + to_n > N_PAGES || !is_free(from + n, to_n - n)))
			return;
	} else if (to < from + n && from < to + to_n) {
		return;
	}
	core_remapped(at(from), n * page, at(to), to_n * page, to == from ? 0 : MREMAP_MAYMOVE,
		      false);
	memcpy(old, model + from, n * sizeof(old[0]));
	set_model(from, n, 0);
	for (unsigned i = 0; i < to_n; i++)
		model[to + i] = i < n ? old[i] : last;
}

static void step(void)
{
	unsigned n = 1 + (unsigned)rand() % 10, from = (unsigned)rand() % (N_PAGES - n);
	unsigned to_n = 1 + (unsigned)rand() % 10, to = (unsigned)rand() % (N_PAGES - to_n);

	switch (rand() % 6) {
	case 0:
	case 1:
		map_some(from, n);
		break;
	case 2:
		core_unmapping(at(from), n * page);
		set_model(from, n, 0);
		break;
	case 3:
		remap_some(from, n, to, to_n);
		break;
	case 4:
		remap_some(from, n, from, to_n);
		break;
	case 5: /* a second mapping of shared pages, the first one emptied or not */
		if (!is_mapped(from, 1) || (to < from + n && from < to + to_n))
			break;
		if (rand() % 2)
			core_remapped(at(from), 0, at(to), to_n * page, MREMAP_MAYMOVE, false);
		else
			core_remapped(at(from), to_n * page, at(to), to_n * page,
				      MREMAP_MAYMOVE | MREMAP_DONTUNMAP, false);
		set_model(to, to_n, model[from]);
		break;
	}
}

static void body_random_calls_agree_with_the_model(void)
{
	struct core_config config = harness_config();

	srand(3);
	harness_start(&config);
	for (unsigned i = 0; i < N_STEPS; i++) {
		step();
		if (i % 8 == 0)
			check_against_model();
	}
	check_against_model();
}

static void body_the_break_is_one_range_while_one_site_moves_it(void)
{
	struct core_config config = harness_config();
	struct region_snapshot snapshot;
	uint32_t expected = MT_MAP_ANON | MT_MAP_BRK | MT_MAP_BACKING;

	harness_start(&config);
	for (unsigned i = 0; i < 20; i++)
		core_break_moved(base + i * page + 10, base + (i + 1) * page + 10, true);
	core_break_moved(base + 20 * page + 10, base + 15 * page + 1, true);
	set_model(1, 15, expected);
	check_against_model();
	harness_snapshot(harness_fd, &snapshot);
	check(snapshot.n_maps == 1);
	check(snapshot.sites[snapshot.maps[0].site].flags & MT_STACK_BACKING);
	region_snapshot_deinit(&snapshot);
	core_break_moved(base + 16 * page, base, true);
	set_model(0, 16, 0);
	check_against_model();
}

static void body_ranges_from_before_count_only_what_they_grow(void)
{
	struct core_config config = harness_config();

	harness_start(&config);
	core_remapped(at(10), 2 * page, at(50), 5 * page, MREMAP_MAYMOVE, false);
	set_model(52, 3, MT_MAP_ANON);
	check_against_model();
	core_unmapping(at(40), 20 * page);
	set_model(40, 20, 0);
	check_against_model();
}

static void body_huge_pages_are_rounded_to_their_size(void)
{
	struct core_config config = harness_config();
	struct region_snapshot snapshot;

	harness_start(&config);
	core_mapped((void *)0x40000000, 1000, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB,
		    -1, false);
	core_mapped((void *)0x80000000, 1000, PROT_READ,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | 30 << 26, -1, false);
	harness_snapshot(harness_fd, &snapshot);
	check(snapshot.n_maps == 2);
	for (unsigned i = 0; i < 2; i++)
		check(snapshot.maps[i].size ==
		      (snapshot.maps[i].start == 0x40000000 ? 2u << 20 : 1u << 30));
	region_snapshot_deinit(&snapshot);
}

static void body_a_child_inherits_what_is_mapped(void)
{
	struct core_config config = harness_config();
	pid_t pid;

	harness_start(&config);
	srand(5);
	for (unsigned i = 0; i < 200; i++)
		step();
	pid = fork();
	if (pid == 0) {
		struct region_snapshot snapshot;

		for (unsigned i = 0; i < N_PAGES; i++)
			if (model[i])
				model[i] |= MT_MAP_INHERITED;
		core_unmapping(at(0), 10 * page);
		set_model(0, 10, 0);
		core_mapped(at(2), 3 * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, false);
		set_model(2, 3, MT_MAP_ANON);
		check_against_model();
		harness_snapshot(harness_fd, &snapshot);
		check(harness_sum_sites(&snapshot, MT_SITE_MMAP).inherited_bytes > 0);
		region_snapshot_deinit(&snapshot);
		_exit(0);
	}
	core_unmapping(at(0), N_PAGES * page);
	set_model(0, N_PAGES, 0);
	check(harness_wait(pid) == 0);
	check_against_model();
}

/* What the main program is at; a handler that comes twice meanwhile does nothing the second time. */
static volatile unsigned n_rounds, handled_round;
static volatile sig_atomic_t n_handled;

/* Leaves nothing behind, in pages of its own. */
static void map_in_handler(int signal)
{
	if (handled_round == n_rounds)
		return;
	handled_round = n_rounds;
	core_mapped(at(290), 2 * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, false);
	core_unmapping(at(291), page);
	core_unmapping(at(290), page);
	n_handled++;
}

/* More than a thread can put off. */
static void map_much_in_handler(int signal)
{
	for (unsigned i = 0; i < 2 * THREAD_MAP_OPS; i++)
		core_mapped(at(280 + i), page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, false);
	n_handled++;
}

/* Maps and unmaps until the handler has run 100 times; then all pages are unmapped. */
static void map_under(void (*handler)(int))
{
	struct core_config config = harness_config();
	struct itimerval timer = {{0, 1000}, {0, 1000}};

	harness_start(&config);
	signal(SIGALRM, handler);
	setitimer(ITIMER_REAL, &timer, NULL);
	for (n_rounds = 1; n_rounds < 400000 && n_handled < 100; n_rounds++) {
		unsigned from = n_rounds % 200;

		core_mapped(at(from), 3 * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, false);
		core_unmapping(at(from + 1), page);
	}
	timer = (struct itimerval){0};
	setitimer(ITIMER_REAL, &timer, NULL);
	usleep(1000); /* the thread sanitizer holds signals back until a call like this */
	core_unmapping(at(0), N_PAGES * page);
}

static void body_handlers_may_map_in_the_middle(void)
{
	map_under(map_in_handler);
	check_against_model();
}

static void body_what_handlers_cannot_put_off_is_counted(void)
{
	uint64_t n_lost;

	map_under(map_much_in_handler);
	n_lost = check_ranges();
	/* of each handler that came at a bad moment, all but what was put off */
	check(n_lost <= (uint64_t)n_handled * 2 * THREAD_MAP_OPS);
}

static void *map_own_pages(void *arg)
{
	unsigned own = (unsigned)(uintptr_t)arg * 50;

	for (unsigned i = 0; i < 5000; i++) {
		core_mapped(at(own + i % 40), 5 * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    false);
		core_unmapping(at(own + i % 37), 2 * page);
	}
	core_unmapping(at(own), 50 * page);
	core_mapped(at(own), page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, false);
	return NULL;
}

static void body_threads_map_at_once(void)
{
	struct core_config config = harness_config();
	pthread_t threads[4];

	harness_start(&config);
	for (uintptr_t i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, map_own_pages, (void *)i);
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		set_model(i * 50, 1, MT_MAP_ANON);
	}
	check_against_model();
}

HARNESS_TEST(random_calls_agree_with_the_model)
HARNESS_TEST(the_break_is_one_range_while_one_site_moves_it)
HARNESS_TEST(ranges_from_before_count_only_what_they_grow)
HARNESS_TEST(huge_pages_are_rounded_to_their_size)
HARNESS_TEST(a_child_inherits_what_is_mapped)
HARNESS_TEST(handlers_may_map_in_the_middle)
HARNESS_TEST(what_handlers_cannot_put_off_is_counted)
HARNESS_TEST(threads_map_at_once)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_calls_agree_with_the_model),
		cmocka_unit_test(test_the_break_is_one_range_while_one_site_moves_it),
		cmocka_unit_test(test_ranges_from_before_count_only_what_they_grow),
		cmocka_unit_test(test_huge_pages_are_rounded_to_their_size),
		cmocka_unit_test(test_a_child_inherits_what_is_mapped),
		cmocka_unit_test(test_handlers_may_map_in_the_middle),
		cmocka_unit_test(test_what_handlers_cannot_put_off_is_counted),
		cmocka_unit_test(test_threads_map_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
