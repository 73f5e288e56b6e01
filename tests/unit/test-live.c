/* SPDX-License-Identifier: MIT */
/* test-live.c: slots are given once, come back, and stay few. */
#include "tests/unit/test.h"

#include <pthread.h>
#include <stdlib.h>

#include "agent/core/live.h"
#include "agent/core/writer.h"
#include "tests/support/core-harness.h"

enum { N_SLOTS = 1000, N_THREADS = 4, N_HELD = 100, N_ROUNDS = 20000 };

static void body_slots_are_reused_before_new_ones_are_taken(void)
{
	struct core_config config = harness_config();
	static bool taken[10 * N_SLOTS];
	uint32_t slots[N_SLOTS], used;
	struct thread *thread;

	harness_start(&config);
	thread = thread_enter();
	for (unsigned i = 0; i < N_SLOTS; i++) {
		slots[i] = live_take(thread);
		check(slots[i] > 0 && slots[i] < ARRAY_SIZE(taken) && !taken[slots[i]]);
		taken[slots[i]] = true;
	}
	used = live_n_used();
	check(used >= N_SLOTS && used < N_SLOTS + 64);
	for (unsigned round = 0; round < 10; round++) {
		for (unsigned i = 0; i < N_SLOTS; i++)
			live_drop(thread, slots[i]);
		for (unsigned i = 0; i < N_SLOTS; i++)
			slots[i] = live_take(thread);
	}
	check(live_n_used() == used);
	check(writer.header->n_live == used);
	thread_leave(thread);
}

static void body_only_the_block_in_a_slot_can_be_removed(void)
{
	struct core_config config = harness_config();
	struct live_block block = {.size = 10, .site = 3, .interval = 7}, found;
	struct thread *thread;
	uint32_t slot;

	harness_start(&config);
	thread = thread_enter();
	slot = live_take(thread);
	check(!live_remove(thread, slot, 0x1000, &found));
	live_publish(slot, 0x1000, &block, thread->index, 5);
	check(live_state.mirror[slot].addr == 0x1000 && writer.live[slot].addr == 0x1000);
	check(!live_remove(thread, slot, 0x1010, &found));
	check(!live_remove(thread, 0, 0x1000, &found));
	check(!live_remove(thread, UINT32_MAX, 0x1000, &found));
	check(live_remove(thread, slot, 0x1000, &found));
	check(found.size == 10 && found.site == 3 && found.interval == 7);
	check(live_state.mirror[slot].addr == 0 && writer.live[slot].addr == 0);
	check(!live_remove(thread, slot, 0x1000, &found));
	thread_leave(thread);
}

static uint32_t owner[1 << 20]; /* of each slot; atomic */

static void *take_and_give(void *arg)
{
	uint32_t held[N_HELD] = {0}, me = (uint32_t)(uintptr_t)arg;
	struct thread *thread = thread_enter();
	unsigned seed = me;

	for (unsigned i = 0; i < N_ROUNDS; i++) {
		unsigned at = (unsigned)rand_r(&seed) % N_HELD;

		if (held[at]) {
			check(__atomic_exchange_n(&owner[held[at]], 0, __ATOMIC_RELAXED) == me);
			live_drop(thread, held[at]);
			held[at] = 0;
			continue;
		}
		/* every now and then as a handler would */
		thread->depth = i % 5 ? 1 : 2;
		held[at] = live_take(thread);
		thread->depth = 1;
		check(held[at] != 0);
		check(__atomic_exchange_n(&owner[held[at]], me, __ATOMIC_RELAXED) == 0);
	}
	for (unsigned i = 0; i < N_HELD; i++)
		if (held[i]) {
			__atomic_store_n(&owner[held[i]], 0, __ATOMIC_RELAXED);
			live_drop(thread, held[i]);
		}
	live_return_slots(thread);
	thread_leave(thread);
	return NULL;
}

static void body_no_slot_has_two_owners(void)
{
	struct core_config config = harness_config();
	pthread_t threads[N_THREADS];

	harness_start(&config);
	for (unsigned round = 0; round < 2; round++) {
		for (uintptr_t i = 0; i < N_THREADS; i++)
			pthread_create(&threads[i], NULL, take_and_give, (void *)(i + 1));
		for (unsigned i = 0; i < N_THREADS; i++)
			pthread_join(threads[i], NULL);
	}
	/* what all of them held at once, and what they kept at hand */
	check(live_n_used() <= N_THREADS * (N_HELD + 2 * THREAD_SLOTS) + 64);
}

static void body_a_full_table_gives_no_slot_until_one_is_freed(void)
{
	struct core_config config = harness_config();
	uint32_t first = 0, slot, n = 0;
	struct thread *thread;

	config.max_memory = 1 << 20;
	harness_start(&config);
	thread = thread_enter();
	while ((slot = live_take(thread)) != 0) {
		first = first ? first : slot;
		n++;
	}
	check(n > 1000 && n < writer.live_capacity);
	live_drop(thread, first);
	check(live_take(thread) == first);
	check(live_take(thread) == 0);
	thread_leave(thread);
}

HARNESS_TEST(slots_are_reused_before_new_ones_are_taken)
HARNESS_TEST(only_the_block_in_a_slot_can_be_removed)
HARNESS_TEST(no_slot_has_two_owners)
HARNESS_TEST(a_full_table_gives_no_slot_until_one_is_freed)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slots_are_reused_before_new_ones_are_taken),
		cmocka_unit_test(test_only_the_block_in_a_slot_can_be_removed),
		cmocka_unit_test(test_no_slot_has_two_owners),
		cmocka_unit_test(test_a_full_table_gives_no_slot_until_one_is_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
