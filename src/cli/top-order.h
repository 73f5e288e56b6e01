/* SPDX-License-Identifier: MIT */
/*
 * top-order.h: of a hundred thousand rows fifty are seen, and only those are put in order.
 */
#ifndef CLI_TOP_ORDER_H
#define CLI_TOP_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct top_row {
	double key;    /* what it is sorted by, most first */
	uint64_t id;   /* the site's: decides between equals */
	uint32_t site; /* index in the shot's profile */
};

bool top_order_is_before(const struct top_row *a, const struct top_row *b);

/* The first n_wanted of n rows become those with the highest keys, in order. No key is NAN. */
void top_order(struct top_row *rows, size_t n, size_t n_wanted);

/*
 * The same of rows that stay as they are; those whose key is NAN do not count. The caller frees ret, which has
 * ret_n rows, n_wanted if there are as many, and at least one of them. -ENOMEM.
 */
int top_order_pick(const struct top_row *rows, size_t n, size_t n_wanted, struct top_row **ret,
		   size_t *ret_n);

#endif
