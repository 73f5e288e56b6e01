/* SPDX-License-Identifier: MIT */
/* Regions made by hand, named by a symbolizer that knows seven addresses. */
#include "profile/build.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "test.h"

enum { SECOND = 1000000000 };

/* ---- a symbolizer of few words; a frame's offset in its module is all that it looks at ---- */

static uint64_t module_bias[8];
static uint32_t n_modules_told;

int symbolizer_add_module(struct symbolizer *symbolizer, const struct symbolizer_module *module,
			  uint32_t *ret_index)
{
	module_bias[n_modules_told] = module->bias;
	*ret_index = n_modules_told++;
	return 0;
}

int symbolizer_resolve(struct symbolizer *symbolizer, uint32_t module, uint64_t address,
		       const struct symbolizer_frame **ret_frames, size_t *ret_n)
{
	static const struct symbolizer_frame leak = {
		.function = "leak", .file = "leak.c", .line = 7};
	static const struct symbolizer_frame main_ = {
		.function = "main", .file = "main.c", .line = 20};
	static const struct symbolizer_frame new_ = {.function = "operator new(unsigned long)",
						     .linkage_name = "_Znwm"};
	static const struct symbolizer_frame mixed[] = {
		{.function = "std::allocator<int>::allocate(unsigned long)", .inlined = true},
		{.function = "grow(std::vector<int>&)", .file = "grow.cc", .line = 3},
	};
	static const struct symbolizer_frame unknown = {.why = "no symbols"};

	*ret_n = 1;
	*ret_frames = &unknown;
	if (module == SYMBOLIZER_NO_MODULE)
		return 0;
	switch (address - module_bias[module]) {
	case 0xff:
		*ret_frames = &leak;
		break;
	case 0x1ff:
		*ret_frames = &main_;
		break;
	case 0x2ff:
		*ret_frames = &new_;
		break;
	case 0x3ff:
		*ret_frames = mixed;
		*ret_n = 2;
		break;
	}
	return 0;
}

/* ---- a region with a program and one plugin that was loaded twice ---- */

struct fixture {
	struct region_snapshot snapshot;
	struct mt_site sites[8];
	uint64_t frames[32];
	struct mt_module modules[4];
	struct mt_thread threads[3];
	struct mt_live live[8];
	struct mt_map maps[4];
	char strings[64];
	struct profile *profile;
};

#define FRAME(module, pc)    ((uint64_t)(module) << 48 | (pc))
#define PROGRAM(offset)      FRAME(1, 0x400000ull + (offset))
#define PLUGIN(offset)       FRAME(2, 0x7f0000000000ull + (offset))
#define PLUGIN_AGAIN(offset) FRAME(3, 0x7f5500000000ull + (offset))

static uint32_t add_site(struct fixture *f, uint16_t kind, const uint64_t *frames, uint32_t n)
{
	uint32_t index = f->snapshot.n_sites++;

	f->sites[index] =
		(struct mt_site){.stack = f->snapshot.n_frames, .n_frames = n, .kind = kind};
	memcpy(f->frames + f->snapshot.n_frames, frames, n * sizeof(*frames));
	f->snapshot.n_frames += n;
	return index;
}

static void add_live(struct fixture *f, uint32_t site, uint64_t size, uint32_t interval,
		     double at_s)
{
	struct mt_live *live = &f->live[f->snapshot.n_live++];

	*live = (struct mt_live){
		.addr = 0x10000ull * f->snapshot.n_live,
		.size = size,
		.time_ns = (uint64_t)(at_s * SECOND),
		.site = site,
		.thread = 1,
		.interval = interval,
	};
}

static void count(struct fixture *f, uint32_t site, uint64_t bytes, uint64_t blocks)
{
	f->sites[site].alloc_bytes += bytes;
	f->sites[site].alloc_blocks += blocks * MT_BLOCKS_ONE;
	f->snapshot.header.samples += blocks;
}

static int setup(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	struct mt_header *header = &f->snapshot.header;

	memcpy(f->strings, "\0/bin/prog\0/lib/plugin.so", 25);
	f->modules[1] =
		(struct mt_module){.start = 0x400000, .end = 0x500000, .bias = 0x400000, .path = 1};
	f->modules[2] = (struct mt_module){.start = 0x7f0000000000,
					   .end = 0x7f0000100000,
					   .bias = 0x7f0000000000,
					   .path = 11,
					   .build_id_size = 20,
					   .build_id = {1, 2, 3},
					   .unloaded_ns = 1};
	f->modules[3] = f->modules[2];
	f->modules[3].start = f->modules[3].bias = 0x7f5500000000;
	f->modules[3].end = 0x7f5500100000;
	f->modules[3].unloaded_ns = 0;
	f->threads[1] = (struct mt_thread){.tid = 100, .name = "prog", .start_ns = 0};
	f->threads[2] =
		(struct mt_thread){.tid = 101, .name = "worker", .start_ns = 50ull * SECOND};
	f->snapshot = (struct region_snapshot){
		.taken_ns = 100ull * SECOND,
		.sites = f->sites,
		.n_sites = 1,
		.frames = f->frames,
		.modules = f->modules,
		.n_modules = 4,
		.strings = f->strings,
		.n_strings = sizeof(f->strings),
		.threads = f->threads,
		.n_threads = 3,
		.live = f->live,
		.maps = f->maps,
	};
	header->pid = 100;
	header->mode = MT_MODE_PRELOAD;
	header->state = MT_STATE_RUNNING;
	header->sampling = MT_SAMPLING_ALL;
	header->page_size = 4096;
	header->start_realtime_ns = 1000ull * SECOND;
	memcpy(header->exe, "/bin/prog", 10);
	memcpy(header->cmdline, "prog\0\0--x\0", 10);
	memcpy(header->comm, "prog", 5);
	n_modules_told = 0;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	profile_free(f->profile);
	test_free(f);
	return 0;
}

static struct profile *build(struct fixture *f)
{
	/* never looked into: the functions above are the symbolizer */
	static char symbolizer;

	assert_int_equal(
		profile_build(&f->snapshot, NULL, (struct symbolizer *)&symbolizer, &f->profile),
		0);
	assert_true(profile_is_valid(f->profile));
	return f->profile;
}

static const char *function_at(const struct profile *profile, size_t site, uint32_t location)
{
	const struct profile_location *l =
		profile_location_get(profile, &profile->sites[site], location);

	return profile->frames[l->first_frame].function;
}

/* ---- tests ---- */

static void live_and_freed_follow_from_slots_and_counters(void **state)
{
	struct fixture *f = *state;
	uint32_t site =
		add_site(f, MT_SITE_MALLOC, (uint64_t[]){PROGRAM(0x100), PROGRAM(0x200)}, 2);

	count(f, site, 500, 5);
	add_live(f, site, 100, 0, 10);
	add_live(f, site, 150, 0, 40);
	struct profile *profile = build(f);

	assert_int_equal(profile->n_sites, 1);
	assert_int_equal(profile->sites[0].live_bytes, 250);
	assert_int_equal(profile->sites[0].live_blocks, 2);
	assert_int_equal(profile->sites[0].allocated_bytes, 500);
	assert_int_equal(profile->sites[0].freed_bytes, 250);
	assert_int_equal(profile->sites[0].freed_blocks, 3);
	assert_true(profile->sites[0].live_stderr == 0);
	assert_true(fabs(profile->sites[0].oldest_age_s - 90) < 1e-6);
	assert_true(fabs(profile->sites[0].youngest_age_s - 60) < 1e-6);
	assert_true(isnan(profile->sites[0].growth));
	assert_int_equal(profile->heap.live_bytes, 250);
	assert_int_equal(profile->heap.freed_blocks, 3);
	assert_true(profile->agent.exact);
	assert_string_equal(function_at(profile, 0, 0), "leak");
	assert_string_equal(function_at(profile, 0, 1), "main");
}

static void samples_weigh_by_their_own_interval(void **state)
{
	struct fixture *f = *state;
	uint32_t site = add_site(f, MT_SITE_MALLOC, (uint64_t[]){PROGRAM(0x100)}, 1);

	add_live(f, site, 64, 0, 1);
	add_live(f, site, 64, 65536, 2);
	struct profile *profile = build(f);

	/* the first counts as it is; the second for 64 / (1 - exp(-64/65536)) */
	assert_int_equal(profile->sites[0].live_bytes, 64 + 65568);
	assert_int_equal(profile->sites[0].live_blocks, 1 + 1025);
	assert_true(fabs(profile->sites[0].live_stderr - 65536) < 64);
	/* the counters have not said so much yet */
	assert_int_equal(profile->sites[0].allocated_bytes, profile->sites[0].live_bytes);
	assert_false(profile->agent.exact);
}

static void what_rounding_leaves_was_not_freed(void **state)
{
	struct fixture *f = *state;
	uint32_t site = add_site(f, MT_SITE_MALLOC, (uint64_t[]){PROGRAM(0x100)}, 1);

	for (int i = 0; i < 4; i++)
		add_live(f, site, 64, 65536, 1);
	/* each sample counts for 65,568.0 bytes and 1,024.5 blocks; the counters are 3 bytes beyond */
	count(f, site, 4 * 65568 + 3, 4098);
	struct profile *profile = build(f);

	assert_int_equal(profile->sites[0].freed_blocks, 0);
	assert_int_equal(profile->sites[0].freed_bytes, 0);
	assert_int_equal(profile->sites[0].allocated_bytes, profile->sites[0].live_bytes);
	assert_int_equal(profile->heap.freed_bytes, 0);
}

static void what_is_more_than_rounding_was_freed(void **state)
{
	struct fixture *f = *state;
	uint32_t site = add_site(f, MT_SITE_MALLOC, (uint64_t[]){PROGRAM(0x100)}, 1);

	add_live(f, site, 64, 65536, 1);
	count(f, site, 65568 + 3, 1026);
	struct profile *profile = build(f);

	assert_int_equal(profile->sites[0].freed_bytes, 3);
}

static void losses_are_never_exact(void **state)
{
	struct fixture *f = *state;

	f->snapshot.header.lost_allocations = 1;
	assert_false(build(f)->agent.exact);
}

static void having_once_widened_is_not_exact(void **state)
{
	struct fixture *f = *state;

	f->snapshot.header.flags = MT_HEADER_INEXACT;
	assert_false(build(f)->agent.exact);
}

static void allocation_functions_are_cut_off(void **state)
{
	struct fixture *f = *state;
	uint32_t site = add_site(f, MT_SITE_MALLOC,
				 (uint64_t[]){PROGRAM(0x300), PROGRAM(0x400), PROGRAM(0x200)}, 3);

	add_live(f, site, 8, 0, 1);
	struct profile *profile = build(f);

	assert_int_equal(profile->sites[0].n_locations, 2);
	assert_string_equal(function_at(profile, 0, 0), "grow(std::vector<int>&)");
	assert_int_equal(profile_location_get(profile, &profile->sites[0], 0)->n_frames, 1);
	assert_string_equal(function_at(profile, 0, 1), "main");
}

static void further_out_the_same_address_is_whole(void **state)
{
	struct fixture *f = *state;
	uint32_t inner = add_site(f, MT_SITE_MALLOC, (uint64_t[]){PROGRAM(0x400)}, 1);
	uint32_t outer =
		add_site(f, MT_SITE_MALLOC, (uint64_t[]){PROGRAM(0x100), PROGRAM(0x400)}, 2);

	add_live(f, inner, 8, 0, 1);
	add_live(f, outer, 16, 0, 1);
	struct profile *profile = build(f);

	assert_int_equal(profile->sites[0].n_locations, 2);
	assert_int_equal(profile_location_get(profile, &profile->sites[0], 1)->n_frames, 2);
	assert_int_equal(profile_location_get(profile, &profile->sites[1], 0)->n_frames, 1);
}

static void a_stack_of_nothing_else_keeps_its_outermost_frame(void **state)
{
	struct fixture *f = *state;
	uint32_t site =
		add_site(f, MT_SITE_MALLOC, (uint64_t[]){PROGRAM(0x300), PROGRAM(0x300)}, 2);

	add_live(f, site, 8, 0, 1);
	struct profile *profile = build(f);

	assert_int_equal(profile->sites[0].n_locations, 1);
	assert_string_equal(function_at(profile, 0, 0), "operator new(unsigned long)");
}

static void one_plugin_at_two_addresses_is_one_site(void **state)
{
	struct fixture *f = *state;
	uint32_t first =
		add_site(f, MT_SITE_MALLOC, (uint64_t[]){PLUGIN(0x100), PROGRAM(0x200)}, 2);
	uint32_t second =
		add_site(f, MT_SITE_MALLOC, (uint64_t[]){PLUGIN_AGAIN(0x100), PROGRAM(0x200)}, 2);
	uint32_t mapped = add_site(f, MT_SITE_MMAP, (uint64_t[]){PLUGIN(0x100), PROGRAM(0x200)}, 2);

	count(f, first, 100, 1);
	count(f, second, 200, 2);
	count(f, mapped, 4096, 1);
	add_live(f, first, 100, 0, 1);
	add_live(f, second, 100, 0, 2);
	struct profile *profile = build(f);

	assert_int_equal(profile->n_sites, 2);
	assert_int_equal(profile->sites[0].live_bytes, 200);
	assert_int_equal(profile->sites[0].allocated_bytes, 300);
	assert_int_equal(profile->sites[1].kind, MT_SITE_MMAP);
	assert_int_equal(profile->n_modules, 3);
	assert_true(profile->modules[1].unloaded);
	assert_false(profile->modules[2].unloaded);
}

static void identity_does_not_depend_on_the_address(void **state)
{
	struct fixture *f = *state;

	add_site(f, MT_SITE_MALLOC, (uint64_t[]){PLUGIN(0x100)}, 1);
	uint64_t id = build(f)->sites[0].id;

	f->profile = profile_free(f->profile);
	n_modules_told = 0;
	f->frames[0] = PLUGIN_AGAIN(0x100);
	assert_true(build(f)->sites[0].id == id);

	f->profile = profile_free(f->profile);
	n_modules_told = 0;
	f->frames[0] = PLUGIN_AGAIN(0x101);
	assert_true(build(f)->sites[0].id != id);
}

static void mappings_count_by_range(void **state)
{
	struct fixture *f = *state;
	uint32_t site = add_site(f, MT_SITE_MMAP, (uint64_t[]){PROGRAM(0x100)}, 1);

	count(f, site, 20 * 4096, 1);
	f->maps[0] =
		(struct mt_map){.start = 0x1000, .size = 4096, .site = site, .flags = MT_MAP_ANON};
	f->maps[1] =
		(struct mt_map){.start = 0x5000, .size = 8192, .site = site, .flags = MT_MAP_ANON};
	f->maps[2] =
		(struct mt_map){.start = 0x9000, .size = 4096, .site = site, .flags = MT_MAP_FILE};
	f->snapshot.n_maps = 3;
	struct profile *profile = build(f);

	assert_int_equal(profile->sites[0].live_bytes, 4 * 4096);
	assert_int_equal(profile->sites[0].live_blocks, 3);
	assert_int_equal(profile->sites[0].map_flags, MT_MAP_ANON | MT_MAP_FILE);
	assert_int_equal(profile->heap.mapped_bytes, 3 * 4096);
	assert_int_equal(profile->heap.live_bytes, 0);
}

static void threads_that_hold_are_named_once(void **state)
{
	struct fixture *f = *state;
	uint32_t site = add_site(f, MT_SITE_MALLOC, (uint64_t[]){PROGRAM(0x100)}, 1);

	add_live(f, site, 1, 0, 60);
	add_live(f, site, 1, 0, 61);
	add_live(f, site, 1, 0, 62);
	f->live[1].thread = 2;
	/* from before thread 2 was there: of whoever had its entry then */
	add_live(f, site, 1, 0, 20);
	f->live[3].thread = 2;
	struct profile *profile = build(f);

	assert_int_equal(profile->sites[0].n_threads, 2);
	assert_int_equal(profile->thread_refs[profile->sites[0].first_thread], 1);
	assert_int_equal(profile->thread_refs[profile->sites[0].first_thread + 1], 2);
	assert_string_equal(profile->threads[2].name, "worker");
	assert_int_equal(profile->blocks[3].thread, 0);
}

static void without_proc_the_region_speaks_for_the_process(void **state)
{
	struct fixture *f = *state;

	f->snapshot.header.state = MT_STATE_EXITED;
	f->snapshot.header.end_ns = 30ull * SECOND;
	struct profile *profile = build(f);

	assert_int_equal(profile->process.state, PROFILE_EXITED);
	assert_string_equal(profile->process.exe, "/bin/prog");
	assert_string_equal(profile->process.cmdline[0], "prog");
	assert_string_equal(profile->process.cmdline[1], "");
	assert_string_equal(profile->process.cmdline[2], "--x");
	assert_null(profile->process.cmdline[3]);
	assert_true(fabs(profile->process.captured_at - 1030) < 1e-6);
	assert_true(profile->process.rss == PROFILE_UNKNOWN);
	assert_int_equal(profile->process.exit_status, -1);
}

static void with_proc_it_is_running(void **state)
{
	struct fixture *f = *state;
	char *arguments[] = {(char[]){"x"}, NULL};
	const struct procinfo info = {
		.pid = 100,
		.ppid = 1,
		.comm = "renamed",
		.cmdline = arguments,
		.started_at = 999,
		.n_threads = 4,
		.rss = 123,
		.pss = UINT64_MAX,
	};

	assert_int_equal(profile_build(&f->snapshot, &info, NULL, &f->profile), 0);
	assert_int_equal(f->profile->process.state, PROFILE_RUNNING);
	assert_string_equal(f->profile->process.comm, "renamed");
	assert_string_equal(f->profile->process.cmdline[0], "x");
	assert_int_equal(f->profile->process.rss, 123);
	assert_true(f->profile->process.pss == PROFILE_UNKNOWN);
}

static void a_block_without_a_site_is_damage_and_no_crash(void **state)
{
	struct fixture *f = *state;
	uint32_t mapped = add_site(f, MT_SITE_MMAP, (uint64_t[]){PROGRAM(0x100)}, 1);

	add_live(f, 77, 100, 0, 1);
	add_live(f, mapped, 100, 0, 1);
	f->live[1].thread = 1000;
	struct profile *profile = build(f);

	assert_int_equal(profile->n_damaged, 2);
	assert_int_equal(profile->n_blocks, 0);
	assert_false(profile->agent.exact);
}

static void sites_are_ranked_and_blocks_follow(void **state)
{
	struct fixture *f = *state;
	uint32_t small = add_site(f, MT_SITE_MALLOC, (uint64_t[]){PROGRAM(0x100)}, 1);
	uint32_t big = add_site(f, MT_SITE_MALLOC, (uint64_t[]){PROGRAM(0x200)}, 1);

	add_live(f, small, 1, 0, 1);
	add_live(f, big, 1000, 0, 1);
	struct profile *profile = build(f);

	assert_string_equal(function_at(profile, 0, 0), "main");
	assert_int_equal(profile->blocks[0].site, 1);
	assert_int_equal(profile->blocks[1].site, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(live_and_freed_follow_from_slots_and_counters),
		TEST(samples_weigh_by_their_own_interval),
		TEST(what_rounding_leaves_was_not_freed),
		TEST(what_is_more_than_rounding_was_freed),
		TEST(losses_are_never_exact),
		TEST(having_once_widened_is_not_exact),
		TEST(allocation_functions_are_cut_off),
		TEST(further_out_the_same_address_is_whole),
		TEST(a_stack_of_nothing_else_keeps_its_outermost_frame),
		TEST(one_plugin_at_two_addresses_is_one_site),
		TEST(identity_does_not_depend_on_the_address),
		TEST(mappings_count_by_range),
		TEST(threads_that_hold_are_named_once),
		TEST(without_proc_the_region_speaks_for_the_process),
		TEST(with_proc_it_is_running),
		TEST(a_block_without_a_site_is_damage_and_no_crash),
		TEST(sites_are_ranked_and_blocks_follow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
