/* SPDX-License-Identifier: MIT */
/*
 * grow.h: arrays that grow at their end by one, without a capacity beside the count: the capacity is the
 * next power of two, at least 8, so it has to grow exactly when the count is one.
 */
#ifndef BASE_GROW_H
#define BASE_GROW_H

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

/*
 * Makes room for one more behind the n that are there; array is the address of the pointer. Cutting back
 * n in between is fine. Not for arrays that were allocated otherwise.
 */
static inline int grow_array(void *array, size_t n, size_t size)
{
	void **place = array;

	if (n != 0 && (n < 8 || (n & (n - 1)) != 0))
		return 0;
	size_t capacity = n == 0 ? 8 : n * 2;
	void *grown = reallocarray(*place, capacity, size);

	if (!grown)
		return -ENOMEM;
	*place = grown;
	return 0;
}
#define GROW(array, n) grow_array(&(array), (n), sizeof(*(array)))

#endif
