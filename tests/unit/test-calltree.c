/* SPDX-License-Identifier: MIT */
/*
 * test-calltree.c: stacks put together from either end keep their sums.
 */
#include "render/calltree.h"

#include <string.h>

#include "sample-profile.h"
#include "test.h"

static const struct render_options plain = {.since_s = -1, .older_s = -1};

static void make(enum calltree_from from, const struct render_options *options,
		 struct profile **ret_profile, struct calltree *ret)
{
	_cleanup_(view_deinit) struct view view = {};

	*ret_profile = sample_profile();
	assert_non_null(*ret_profile);
	assert_int_equal(view_make(*ret_profile, options, VIEW_OUTSTANDING, 0, &view), 0);
	assert_int_equal(calltree_make(*ret_profile, options, &view, from, ret), 0);
}

static void each_node_holds_at_least_what_its_children_hold(void **state)
{
	for (int from = CALLTREE_FROM_START; from <= CALLTREE_FROM_ALLOCATION; from++) {
		_cleanup_(calltree_deinit) struct calltree tree = {};
		struct profile *profile;

		make((enum calltree_from)from, &plain, &profile, &tree);
		assert_int_equal(tree.nodes[0].live_bytes, (1 << 20) + (64 << 10) + 1960);
		for (size_t i = 0; i < tree.n_nodes; i++) {
			uint64_t bytes = 0, previous = UINT64_MAX;

			for (uint32_t c = tree.nodes[i].child; c != CALLTREE_NONE;
			     c = tree.nodes[c].next) {
				assert_int_equal(tree.nodes[c].parent, i);
				assert_int_equal(tree.nodes[c].depth, tree.nodes[i].depth + 1);
				assert_true(tree.nodes[c].live_bytes <= previous);
				previous = tree.nodes[c].live_bytes;
				bytes += previous;
			}
			assert_true(bytes <= tree.nodes[i].live_bytes);
		}
		profile_free(profile);
	}
}

static void common_beginnings_are_one_node(void **state)
{
	_cleanup_(calltree_deinit) struct calltree tree = {};
	const struct calltree_node *nodes;
	struct profile *profile;
	uint32_t i;

	make(CALLTREE_FROM_START, &plain, &profile, &tree);
	nodes = tree.nodes;
	/* all three sites that hold something are reached through main */
	for (i = nodes[0].child; strcmp(nodes[i].name, "main") != 0; i = nodes[i].child) {
		assert_int_equal(nodes[i].next, CALLTREE_NONE);
		assert_true(nodes[i].child != CALLTREE_NONE);
	}
	assert_int_equal(nodes[i].live_bytes, nodes[0].live_bytes);
	assert_string_equal(nodes[nodes[i].child].name, "build_list");
	assert_string_equal(nodes[nodes[nodes[i].child].next].name, "map_cache");
	profile_free(profile);
}

static void depth_keeps_the_calls_next_to_the_allocation(void **state)
{
	_cleanup_(calltree_deinit) struct calltree tree = {};
	struct render_options options = plain;
	struct profile *profile;

	options.depth = 1;
	make(CALLTREE_FROM_START, &options, &profile, &tree);
	assert_int_equal(tree.deepest, 1);
	assert_string_equal(tree.nodes[tree.nodes[0].child].name, "make_node");
	profile_free(profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_node_holds_at_least_what_its_children_hold),
		cmocka_unit_test(common_beginnings_are_one_node),
		cmocka_unit_test(depth_keeps_the_calls_next_to_the_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
