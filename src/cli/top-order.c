/* SPDX-License-Identifier: MIT */
/*
 * top-order.c: see the header. The rows that are wanted are parted from the rest by selection, which takes a time
 * that grows with the number of rows and not faster; those few are sorted.
 */
#include "cli/top-order.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

enum { FEW = 16 };

bool top_order_is_before(const struct top_row *a, const struct top_row *b)
{
	return a->key != b->key ? a->key > b->key : a->id < b->id;
}

static int compare_rows(const void *a, const void *b)
{
	return top_order_is_before(a, b) ? -1 : top_order_is_before(b, a);
}

static void swap(struct top_row *a, struct top_row *b)
{
	const struct top_row kept = *a;

	*a = *b;
	*b = kept;
}

/* Hoare's partition around the median of three: returns an end of the left part, neither part is empty. */
static size_t part(struct top_row *rows, size_t n)
{
	struct top_row *first = rows, *middle = rows + n / 2, *last = rows + n - 1, pivot;
	size_t i = 0, j = n - 1;

	if (top_order_is_before(middle, first))
		swap(middle, first);
	if (top_order_is_before(last, middle))
		swap(last, middle);
	if (top_order_is_before(middle, first))
		swap(middle, first);
	pivot = *middle;
	for (;; i++, j--) {
		while (top_order_is_before(&rows[i], &pivot))
			i++;
		while (top_order_is_before(&pivot, &rows[j]))
			j--;
		if (i >= j)
			return j + 1;
		swap(&rows[i], &rows[j]);
	}
}

void top_order(struct top_row *rows, size_t n, size_t n_wanted)
{
	size_t begin = 0, end = n;

	n_wanted = MIN(n_wanted, n);
	if (n_wanted == 0)
		return;
	/* narrows down where the border is */
	while (n_wanted < n && begin < n_wanted && end - begin > FEW) {
		const size_t border = begin + part(rows + begin, end - begin);

		if (border > n_wanted)
			end = border;
		else
			begin = border;
	}
	if (n_wanted < n && begin < n_wanted)
		qsort(rows + begin, end - begin, sizeof(*rows), compare_rows);
	qsort(rows, n_wanted, sizeof(*rows), compare_rows);
}

int top_order_pick(const struct top_row *rows, size_t n, size_t n_wanted, struct top_row **ret,
		   size_t *ret_n)
{
	const size_t wanted = MAX(MIN(n_wanted, n), (size_t)1), room = MIN(2 * wanted, n + 1);
	struct top_row *picked = reallocarray(NULL, room, sizeof(*picked));
	size_t n_picked = 0;
	/* what is not before it cannot be wanted */
	const struct top_row *last = NULL;

	if (!picked)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (isnan(rows[i].key) || (last && !top_order_is_before(&rows[i], last)))
			continue;
		if (n_picked == room) {
			top_order(picked, n_picked, wanted);
			n_picked = wanted;
			last = &picked[wanted - 1];
			if (!top_order_is_before(&rows[i], last))
				continue;
		}
		picked[n_picked++] = rows[i];
	}
	top_order(picked, n_picked, wanted);
	*ret = picked;
	*ret_n = MIN(n_picked, wanted);
	return 0;
}
