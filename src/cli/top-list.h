/* SPDX-License-Identifier: MIT */
/*
 * top-list.h: the sites that are shown, in the order that is asked for, as far as that order can be seen.
 */
#ifndef CLI_TOP_LIST_H
#define CLI_TOP_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "cli/top-order.h"
#include "render/view.h"

struct top;

struct top_list {
	struct top_row *rows; /* those that are seen, in order */
	size_t n_rows;
	/* all sites as the profile has them; the key is NAN where one is not shown */
	struct top_row *all;
	size_t n_all, capacity;
	/* what all was made for, and of which look drifts are */
	enum render_sort sort;
	uint64_t shot, filter, look;
	/* which sites the filter lets through, by index, of the shot and the filter with these numbers */
	unsigned char *matches;
	uint64_t matches_shot, matches_filter;
};

/*
 * Makes top->list. There are top->n_wanted rows and those up to the one of top->selected, if there are as many;
 * others come when they are near. -ENOMEM.
 */
int top_list_make(struct top *top);
struct top_list *top_list_free(struct top_list *list);

/* Figures of the shot's site with that index have changed. */
void top_list_touch(const struct top *top, uint32_t index);
/* Figures of all have. */
void top_list_forget(struct top *top);

#endif
