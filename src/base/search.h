/* SPDX-License-Identifier: MIT */
/*
 * search.h: binary search in an array in order.
 */
#ifndef BASE_SEARCH_H
#define BASE_SEARCH_H

#include <stddef.h>

/*
 * The first of the indices below n that does not meet the condition on i, where all that do come before all that do
 * not; n if all of them do.
 *
 *	low = SEARCH(n, i, ranges[i].end <= address);        the first range that ends above address
 */
#define SEARCH(n, i, condition)                                                          \
	({                                                                               \
		size_t _search_low = 0, _search_high = (n);                              \
		while (_search_low < _search_high) {                                     \
			const size_t i = _search_low + (_search_high - _search_low) / 2; \
			if (condition)                                                   \
				_search_low = i + 1;                                     \
			else                                                             \
				_search_high = i;                                        \
		}                                                                        \
		_search_low;                                                             \
	})

#endif
