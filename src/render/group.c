/* SPDX-License-Identifier: MIT */
/*
 * Every group is a sum over blocks, so bytes, blocks and standard errors are right for any grouping, and
 * the bounds on age hold in all of them. The function of a site is the one that called the allocator, the
 * module is where that function is.
 */
#include "render/group.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/map.h"
#include "base/units.h"
#include "profile/java.h"
#include "profile/label.h"

static const struct {
	double below_s;
	const char *name;
} ages[] = {
	{1, "under 1 s"},         {10, "1 s to 10 s"},     {60, "10 s to 1 min"},
	{600, "1 min to 10 min"}, {3600, "10 min to 1 h"}, {86400, "1 h to 1 day"},
	{0, "over 1 day"},
};

struct grouper {
	const struct profile *profile;
	enum render_by by;
	struct groups groups;
	struct string_pool *names;
	struct map by_name;   /* pointer in names: index */
	uint32_t *site_group; /* of functions and modules: site's group + 1 */
	bool *wanted;         /* by site */
};

static void grouper_deinit(struct grouper *grouper)
{
	groups_deinit(&grouper->groups);
	string_pool_free(grouper->names);
	map_deinit(&grouper->by_name);
	free(grouper->site_group);
	free(grouper->wanted);
}

void groups_deinit(struct groups *groups)
{
	for (size_t i = 0; i < groups->n_groups; i++)
		free(groups->groups[i].name);
	free(groups->groups);
	*groups = (struct groups){};
}

const char *groups_title(enum render_by by)
{
	static const char *const titles[] = {"site", "function", "module", "thread",
					     "size", "age",      "tag"};

	return titles[by];
}

static int find_group(struct grouper *grouper, const char *name, uint64_t order, size_t *ret)
{
	struct groups *groups = &grouper->groups;
	const char *key = string_pool_add(grouper->names, name);
	uint64_t *place;
	int r;

	if (!key)
		return -ENOMEM;
	r = map_add(&grouper->by_name, (uintptr_t)key, groups->n_groups, &place);
	if (r < 0)
		return r;
	*ret = *place;
	if (r == 0)
		return 0;
	if (GROW(groups->groups, groups->n_groups) < 0)
		return -ENOMEM;
	groups->groups[groups->n_groups] = (struct group){.name = strdup(name), .order = order};
	if (!groups->groups[groups->n_groups].name)
		return -ENOMEM;
	groups->n_groups++;
	return 0;
}

static int group_of_site(struct grouper *grouper, uint32_t index, size_t *ret)
{
	const struct profile *profile = grouper->profile;
	const struct profile_site *site = &profile->sites[index];
	_cleanup_(strbuf_deinit) struct strbuf name = {};
	int r;

	if (grouper->site_group[index] > 0) {
		*ret = grouper->site_group[index] - 1;
		return 0;
	}
	if (grouper->by == RENDER_BY_TAG) {
		strbuf_adds(&name, site->tag ?: "(no tag)");
	} else if (site->n_locations > 0) {
		const struct profile_location *location = profile_location_get(profile, site, 0);

		if (grouper->by == RENDER_BY_FUNCTION)
			label_function(profile, location, &profile->frames[location->first_frame],
				       &name);
		else if (location->module != PROFILE_NO_MODULE)
			strbuf_adds(&name, profile->modules[location->module].path);
	}
	if (name.error < 0)
		return name.error;
	r = find_group(grouper, name.length > 0 ? name.text : "(no module)", 0, ret);
	if (r < 0)
		return r;
	grouper->site_group[index] = (uint32_t)*ret + 1;
	grouper->groups.groups[*ret].n_sites++;
	return 0;
}

static int group_of_thread(struct grouper *grouper, uint32_t index, size_t *ret)
{
	const struct profile_thread *thread = &grouper->profile->threads[index];
	char name[128] = "(unknown)";

	if (thread->tid != 0)
		snprintf(name, sizeof(name), "%s (%u)%s", java_name_of(grouper->profile, thread),
			 thread->tid, thread->ended ? ", ended" : "");
	return find_group(grouper, name, 0, ret);
}

static int group_of_size(struct grouper *grouper, uint64_t size, size_t *ret)
{
	char bytes[UNITS_MAX], name[UNITS_MAX + 8];
	uint64_t limit = 16;

	while (limit < size && limit < (1ull << 62))
		limit *= 2;
	snprintf(name, sizeof(name), "up to %s", units_format_bytes(limit, bytes));
	return find_group(grouper, name, limit, ret);
}

static int group_of_age(struct grouper *grouper, double age_s, size_t *ret)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(ages) - 1 && age_s >= ages[i].below_s)
		i++;
	return find_group(grouper, ages[i].name, i, ret);
}

static int find_group_of(struct grouper *grouper, const struct profile_block *block, size_t *ret)
{
	switch (grouper->by) {
	case RENDER_BY_THREAD:
		return group_of_thread(grouper, block->thread, ret);
	case RENDER_BY_SIZE:
		return group_of_size(grouper, block->size, ret);
	case RENDER_BY_AGE:
		return group_of_age(grouper, block->age_s, ret);
	default:
		return group_of_site(grouper, block->site, ret);
	}
}

static int compare_groups(const void *a, const void *b, void *data)
{
	const struct group *x = a, *y = b;
	bool by_blocks = *(const enum render_sort *)data == RENDER_SORT_BLOCKS;
	double p = by_blocks ? x->live.blocks : x->live.bytes;
	double q = by_blocks ? y->live.blocks : y->live.bytes;

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	if (p != q)
		return p < q ? 1 : -1;
	return strcmp(x->name, y->name);
}

int groups_make(const struct profile *profile, const struct render_options *options,
		const struct view *view, struct groups *ret)
{
	_cleanup_(grouper_deinit) struct grouper grouper = {
		.profile = profile,
		.by = options->by,
		.names = string_pool_new(),
		.site_group = calloc(profile->n_sites + 1, sizeof(*grouper.site_group)),
		.wanted = calloc(profile->n_sites + 1, sizeof(*grouper.wanted)),
	};
	struct groups *groups = &grouper.groups;
	enum render_sort sort = options->sort;
	size_t index;
	int r;

	if (!grouper.names || !grouper.site_group || !grouper.wanted)
		return -ENOMEM;
	for (size_t i = 0; i < view->n_rows; i++)
		grouper.wanted[view->rows[i].site] = true;
	for (size_t i = 0; i < profile->n_blocks; i++) {
		const struct profile_block *block = &profile->blocks[i];

		if (block->site == PROFILE_NO_SITE || !grouper.wanted[block->site] ||
		    !view_has_age(options, block->age_s))
			continue;
		r = find_group_of(&grouper, block, &index);
		if (r < 0)
			return r;
		estimate_add(&groups->groups[index].live, block->size, block->interval);
	}
	if (groups->n_groups > 0)
		qsort_r(groups->groups, groups->n_groups, sizeof(*groups->groups), compare_groups,
			&sort);
	while (options->top > 0 && groups->n_groups > options->top) {
		free(groups->groups[--groups->n_groups].name);
		groups->n_more++;
	}
	*ret = *groups;
	*groups = (struct groups){};
	return 0;
}
