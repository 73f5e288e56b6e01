/* SPDX-License-Identifier: MIT */
/*
 * top-list.h: the sites that are shown, in the order that is asked for, as far as that order can be seen.
 */
#ifndef CLI_TOP_LIST_H
#define CLI_TOP_LIST_H

#include <stddef.h>
#include <stdint.h>

struct top;

struct top_row {
	double key;    /* what it is sorted by, most first */
	uint64_t id;   /* the site's: decides between equals */
	uint32_t site; /* index in the shot's profile */
};

struct top_list {
	struct top_row *rows;
	size_t n_rows, capacity;
	size_t n_ordered; /* so many are in order */
	/* which sites the filter lets through, by index, of the shot and the filter with these numbers */
	unsigned char *matches;
	uint64_t matches_shot, matches_filter;
};

/*
 * Makes top->list. The first top->n_wanted rows are in order, and those up to the one of top->selected; the others
 * come later, in any order. -ENOMEM.
 */
int top_list_make(struct top *top);
struct top_list *top_list_free(struct top_list *list);

/* The first n_wanted of n rows become those with the highest keys, in order; exported for its test. */
void top_list_order(struct top_row *rows, size_t n, size_t n_wanted);

#endif
