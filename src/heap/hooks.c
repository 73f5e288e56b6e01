/* SPDX-License-Identifier: MIT */
/* hooks.c: the pointer to the embedder's hooks, and what happens where there are none. */
#include "heap/hooks.h"

#include "heap/os.h"

static const struct heap_hooks *hooks;

const struct heap_hooks *hooks_get(void)
{
	/* pairs with the release in heap_set_hooks */
	return __atomic_load_n(&hooks, __ATOMIC_ACQUIRE);
}

bool hooks_report_all(void)
{
	const struct heap_hooks *now = hooks_get();

	return now && now->reports_all;
}

void hooks_corruption(enum heap_error error, const void *block)
{
	const struct heap_hooks *now = hooks_get();

	if (now && now->corruption)
		now->corruption(error, block);
	os_abort();
}

int64_t hooks_first_countdown(void)
{
	const struct heap_hooks *now = hooks_get();
	int64_t first;

	if (!now || !now->allocated)
		return INT64_MAX;
	first = now->first_countdown ? now->first_countdown() : 0;
	return MAX(first, 0);
}

void heap_set_hooks(const struct heap_hooks *new_hooks)
{
	__atomic_store_n(&hooks, new_hooks, __ATOMIC_RELEASE);
	heap_restart_countdowns();
}
