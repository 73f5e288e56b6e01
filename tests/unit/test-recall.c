/* SPDX-License-Identifier: MIT */
/*
 * test-recall.c: what is recalled is what unwinding finds.
 *
 * check() asks both from one place. The innermost two frames, of the tracing function itself and of check(),
 * have pcs of their own; all others must be equal.
 */
#include "test.h"

#include <alloca.h>
#include <pthread.h>
#include <string.h>
#include <sys/auxv.h>

#include "agent/core/modules.h"
#include "agent/core/recall-walk.h"
#include "agent/core/recall.h"
#include "agent/core/stack-hash.h"
#include "agent/core/sys.h"
#include "agent/core/unwind.h"
#include "region/abi.h"
#include "tests/support/oracle.h"

enum { FRAMES_MAX = 512, MAX_RECORDED = 128, N_WALKS = 20000 };

static struct unwind_stack stack;
static struct recall *recall, *from_caller;
static uintptr_t skip_start, skip_end;
static unsigned n_checks, n_noted, n_served;
static uint64_t theirs[FRAMES_MAX], ours[FRAMES_MAX];

static void note_stack(void)
{
	pthread_attr_t attr;
	void *start;
	size_t size;

	pthread_getattr_np(pthread_self(), &attr);
	pthread_attr_getstack(&attr, &start, &size);
	pthread_attr_destroy(&attr);
	stack.start = (uintptr_t)start;
	stack.end = (uintptr_t)start + size;
}

/* The test's note for a stack. */
static uint32_t note_of(const uint64_t *frames, unsigned n)
{
	return (uint32_t)(stack_hash(frames, n) >> 32) | 1;
}

static __attribute__((noinline)) void check(void)
{
	const bool is_skipping = skip_end > skip_start;
	const unsigned skipped = is_skipping ? 1 : 0, own = 2 - skipped;
	unsigned flags = 0, n;
	struct recall_stack found;

	n_checks++;
	n = unwind_trace(&stack, NULL, 0, 0, theirs, FRAMES_MAX, &flags);
	assert_int_equal(flags, 0);
	if (!recall_trace(recall, &stack, NULL, true, &found))
		return;
	n_served++;
	n -= skipped;
	if (found.note) {
		/* the frames are not told: those of this function are as before */
		n_noted++;
		assert_true(n <= MAX_RECORDED);
		memcpy(ours + own, theirs + 2, (n - own) * sizeof(*ours));
		assert_int_equal(found.note, note_of(ours, n));
		return;
	}
	assert_int_equal(found.n_frames, MIN(n, MAX_RECORDED));
	assert_int_equal(found.is_truncated, n > MAX_RECORDED);
	recall_copy(recall, ours, found.n_frames);
	for (unsigned i = own; i < found.n_frames; i++)
		assert_int_equal(ours[i], theirs[i + skipped]);
	assert_int_equal(found.hash, stack_hash(ours, found.n_frames));
	if (!found.is_truncated)
		recall_set_note(recall, note_of(ours, found.n_frames));
	__asm__ volatile("");
}

#ifdef __x86_64__
/* The same from the frame of the caller on, which is told by the frame pointer. */
static __attribute__((noinline, optimize("no-omit-frame-pointer"))) void check_from_caller(void)
{
	const uint64_t *record = __builtin_frame_address(0);
	const struct unwind_caller caller = {
		.sp = (uintptr_t)(record + 2), .fp = record[0], .pc = record[1]};
	unsigned flags = 0, n = unwind_trace(&stack, NULL, 0, 0, theirs, FRAMES_MAX, &flags) - 2;
	const uint32_t expected = note_of(theirs + 2, n);
	static uint64_t copy[FRAMES_MAX];
	struct recall_stack found;
	uint32_t note = recall_note(from_caller, &stack, &caller);

	n_checks++;
	n_noted += note != 0;
	assert_true(note == 0 || note == expected);
	if (!note && !recall_trace(from_caller, &stack, &caller, false, &found))
		return;
	n_served++;
	if (note)
		return;
	assert_int_equal(found.n_frames, n);
	recall_copy(from_caller, copy, n);
	assert_memory_equal(copy, theirs + 2, n * sizeof(*copy));
	recall_set_note(from_caller, expected);
}
#else
static void check_from_caller(void)
{
}
#endif

static uint64_t random_state = 88172645463325252ull;

static unsigned draw(unsigned below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)(random_state >> 33) % below;
}

static void call_some(unsigned depth);

/* Functions of every kind of frame, each with several calls that return to different places. */
static __attribute__((noinline)) void plain(unsigned depth)
{
	if (draw(2))
		call_some(depth);
	else
		call_some(depth + 1);
	__asm__ volatile("");
}

static __attribute__((noinline, optimize("no-omit-frame-pointer"))) void
with_pointer(unsigned depth)
{
	if (draw(2))
		call_some(depth);
	if (draw(2))
		call_some(depth);
	__asm__ volatile("");
}

static __attribute__((noinline)) void with_room(unsigned depth)
{
	volatile char *room = alloca(draw(100) + 1);

	room[0] = 1;
	call_some(depth);
	room[0] = 2;
}

static __attribute__((noinline, optimize("omit-frame-pointer"))) void with_registers(unsigned depth)
{
	unsigned kept[6];

	for (unsigned i = 0; i < ARRAY_SIZE(kept); i++)
		kept[i] = draw(100);
	/* rbp is a variable here, and different each time */
	__asm__ volatile("" : "+r"(kept[0]), "+r"(kept[1]), "+r"(kept[2]), "+r"(kept[3]));
	call_some(depth);
	__asm__ volatile("" ::"r"(kept[0]), "r"(kept[1]), "r"(kept[2]), "r"(kept[3]), "r"(kept[4]));
	check();
	__asm__ volatile("" ::"r"(kept[5]));
}

static __attribute__((noinline)) void call_some(unsigned depth)
{
	static void (*const functions[])(unsigned) = {plain, with_pointer, with_room,
						      with_registers};

	if (draw(3) == 0)
		check();
	if (from_caller && draw(3) == 0)
		check_from_caller();
	if (depth > 0 && draw(4))
		functions[draw(ARRAY_SIZE(functions))](depth - 1);
	__asm__ volatile("");
}

static void walk_about(void)
{
	n_checks = n_noted = n_served = 0;
	while (n_checks < N_WALKS)
		call_some(12);
	/* cold pcs and nothing else keep it from serving */
	assert_true(n_served > n_checks * 9 / 10);
	assert_true(n_noted > n_checks / 10);
}

static void test_stacks_that_come_and_go(void **state)
{
	walk_about();
}

static void test_a_walk_begins_at_the_frame_that_is_told(void **state)
{
	struct recall_stack found;
	struct unwind_caller nowhere = {.sp = stack.end, .pc = 1}, nobody = {0};

	from_caller = recall_new(0, 0, MAX_RECORDED);
	walk_about();
	assert_int_equal(recall_note(from_caller, &stack, &nowhere), 0);
	assert_int_equal(recall_note(from_caller, &stack, &nobody), 0);
	/* such are walked from here on */
	assert_true(recall_trace(from_caller, &stack, &nobody, false, &found));
	recall_copy(from_caller, ours, found.n_frames);
	assert_true(recall_trace(from_caller, &stack, &nowhere, false, &found));
	recall_copy(from_caller, theirs, found.n_frames);
	assert_memory_equal(ours + 2, theirs + 2, (found.n_frames - 2) * sizeof(*ours));
	from_caller = NULL;
}

static void test_leading_frames_are_left_out(void **state)
{
	struct recall *whole = recall;
	struct recall_stack found;

	while (!recall_trace(recall, &stack, NULL, false, &found))
		;
	recall_copy(recall, ours, found.n_frames);
	skip_start = MT_FRAME_PC(ours[0]) - 256;
	skip_end = MT_FRAME_PC(ours[0]) + 256;
	recall = recall_new(skip_start, skip_end, MAX_RECORDED);
	walk_about();
	skip_start = skip_end = 0;
	recall = whole;
}

static void test_the_same_stack_is_told(void **state)
{
	recall_forget(recall);
	n_noted = 0;
	for (unsigned i = 0; i < 100; i++)
		check();
	assert_true(n_noted >= 30);
}

/* clang-format off */
#define CALL_1(n) case n: called(); __asm__ volatile("" ::"i"(n)); break;
#define CALL_4(n) CALL_1(n) CALL_1(n + 1) CALL_1(n + 2) CALL_1(n + 3)
#define CALL_16(n) CALL_4(n) CALL_4(n + 4) CALL_4(n + 8) CALL_4(n + 12)
#define CALL_64(n) CALL_16(n) CALL_16(n + 16) CALL_16(n + 32) CALL_16(n + 48)
/* clang-format on */

/* One call too many for each to have a place of its own among a thread's rules. */
enum { N_CALLS = (1 << RECALL_RULE_BITS) + 1 };

static __attribute__((noinline)) void call_from(unsigned i, void (*called)(void))
{
	switch (i) {
		CALL_64(0)
		CALL_64(64)
		CALL_64(128)
		CALL_64(192)
		CALL_1(256)
	}
}

static uint64_t returned_to;
static unsigned inner_call, outer_call;

static __attribute__((noinline)) void note_return(void)
{
	returned_to = (uintptr_t)__builtin_return_address(0);
}

static __attribute__((noinline)) void check_from_inner(void)
{
	call_from(inner_call, check_from_caller);
	__asm__ volatile("");
}

static __attribute__((noinline)) void check_from_outer(unsigned depth)
{
	if (depth > 0)
		check_from_outer(depth - 1);
	else
		call_from(outer_call, check_from_inner);
	__asm__ volatile("");
}

/* Two calls whose rules want the same place. */
static void find_neighbours(unsigned *ret_i, unsigned *ret_j)
{
	unsigned places[1 << RECALL_RULE_BITS] = {0}, place;

	for (unsigned i = 0; i < N_CALLS; places[place] = ++i) {
		call_from(i, note_return);
		place = recall_rule_index(returned_to);
		*ret_i = places[place] - 1;
		*ret_j = i;
		if (places[place])
			return;
	}
	fail();
}

/* Which keys do is chance, or the loader's choice of addresses. */
static void test_frames_whose_rules_share_a_place_are_known_again(void **state)
{
	find_neighbours(&inner_call, &outer_call);
	from_caller = recall_new(0, 0, MAX_RECORDED);
	n_checks = n_noted = 0;
	/* at other depths, so that the last stack is not this one */
	for (unsigned i = 0; i < 100; i++)
		check_from_outer(i % 4);
	assert_true(n_noted >= n_checks * 9 / 10);
	from_caller = NULL;
}

static __attribute__((noinline)) void recurse(unsigned depth)
{
	if (depth % 64 == 0)
		check();
	if (depth > 0)
		recurse(depth - 1);
	if (depth % 50 == 0)
		check();
	__asm__ volatile("");
}

static void test_deep_stacks_are_cut(void **state)
{
	n_served = 0;
	for (unsigned i = 0; i < 4; i++)
		recurse(300);
	assert_true(n_served > 10);
	/* deeper than can be remembered: declined, and good again afterwards */
	for (unsigned i = 0; i < 2; i++)
		recurse(440);
	n_served = 0;
	for (unsigned i = 0; i < 200; i++)
		check();
	assert_true(n_served > 100);
}

static void *run_elsewhere(void *arg)
{
	note_stack();
	n_served = 0;
	for (unsigned i = 0; i < 200; i++)
		check();
	assert_true(n_served > 100);
	return arg;
}

static void test_another_stack_is_not_taken_for_this_one(void **state)
{
	pthread_t thread;

	for (unsigned i = 0; i < 2; i++) {
		pthread_create(&thread, NULL, run_elsewhere, NULL);
		pthread_join(thread, NULL);
		note_stack();
		check();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stacks_that_come_and_go),
		cmocka_unit_test(test_a_walk_begins_at_the_frame_that_is_told),
		cmocka_unit_test(test_leading_frames_are_left_out),
		cmocka_unit_test(test_the_same_stack_is_told),
		cmocka_unit_test(test_frames_whose_rules_share_a_place_are_known_again),
		cmocka_unit_test(test_deep_stacks_are_cut),
		cmocka_unit_test(test_another_stack_is_not_taken_for_this_one),
	};
	struct modules_loader loader;

	sys_init(getauxval(AT_SYSINFO_EHDR));
	oracle_find_loader(&loader);
	modules_init(&loader);
	note_stack();
	recall = recall_new(0, 0, MAX_RECORDED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
