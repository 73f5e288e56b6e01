/* SPDX-License-Identifier: MIT */
#include "process/threads.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "test.h"

struct one {
	pthread_t thread;
	_Atomic pid_t tid;
	_Atomic uintptr_t stack; /* an address on it */
	atomic_bool end;
};

static void *work(void *userdata)
{
	struct one *one = userdata;
	char here;

	pthread_setname_np(pthread_self(), "worker");
	one->stack = (uintptr_t)&here;
	one->tid = (pid_t)syscall(SYS_gettid);
	/* busy: the kernel does not tell its stack pointer */
	while (!one->end)
		;
	return NULL;
}

static void start(struct one *one)
{
	*one = (struct one){};
	assert_int_equal(pthread_create(&one->thread, NULL, work, one), 0);
	while (!one->tid)
		;
}

/* Until the kernel has cleared the descriptor's id, which is the last that happens. */
static void end(struct one *one)
{
	char path[64];

	one->end = true;
	snprintf(path, sizeof(path), "/proc/self/task/%d", (int)one->tid);
	while (access(path, F_OK) == 0)
		usleep(1000);
}

static struct areas find(void)
{
	const struct procinfo info = {.pid = getpid()};
	struct procinfo_thread *threads;
	struct areas areas = {};
	struct maps maps;
	struct space space = {.pid = getpid(), .maps = &maps, .info = &info};
	size_t n;

	assert_int_equal(procinfo_read_threads(getpid(), &threads, &n), 0);
	assert_int_equal(maps_read(getpid(), false, &maps), 0);
	assert_int_equal(memory_open_pid(getpid(), &space.memory), 0);
	assert_int_equal(threads_find_stacks(&space, threads, n, &areas), 0);
	memory_free(space.memory);
	maps_deinit(&maps);
	free(threads);
	return areas;
}

static const struct area *area_at(const struct areas *areas, uintptr_t address)
{
	for (size_t i = 0; i < areas->n_areas; i++)
		if (address >= areas->areas[i].start && address < areas->areas[i].end)
			return &areas->areas[i];
	fail_msg("no area holds the address");
	return NULL;
}

static void the_main_threads_stack_is_found(void **state)
{
	struct areas areas = find();
	const struct area *area = area_at(&areas, (uintptr_t)&areas);

	assert_int_equal(area->kind, AREA_STACK);
	assert_int_equal(area->tid, getpid());
	areas_deinit(&areas);
}

static void a_running_threads_stack_is_found_with_its_extent(void **state)
{
	struct areas areas;
	const struct area *area;
	pthread_attr_t attributes;
	size_t size, guard;
	void *lowest;
	struct one one;

	start(&one);
	areas = find();
	area = area_at(&areas, one.stack);
	assert_int_equal(area->kind, AREA_STACK);
	assert_int_equal(area->tid, one.tid);
	assert_string_equal(area->label, "worker");
	assert_int_equal(pthread_getattr_np(one.thread, &attributes), 0);
	pthread_attr_getstack(&attributes, &lowest, &size);
	pthread_attr_getguardsize(&attributes, &guard);
	assert_int_equal(area->guard, guard);
	assert_int_equal(area->start + area->guard, (uintptr_t)lowest);
	assert_int_equal(area->end, (uintptr_t)lowest + size);
	pthread_attr_destroy(&attributes);
	areas_deinit(&areas);
	end(&one);
	pthread_join(one.thread, NULL);
}

static void threads_that_ended_and_were_not_joined_are_told_from_the_cache(void **state)
{
	struct areas areas;
	struct one joined, waiting;

	/* both at once, so that the one does not take the stack of the other */
	start(&joined);
	start(&waiting);
	end(&joined);
	end(&waiting);
	pthread_join(joined.thread, NULL);
	areas = find();
	assert_int_equal(area_at(&areas, waiting.stack)->kind, AREA_STACK_ENDED);
	assert_int_equal(area_at(&areas, joined.stack)->kind, AREA_STACK_CACHED);
	assert_int_equal(area_at(&areas, joined.stack)->tid, 0);
	areas_deinit(&areas);
	pthread_join(waiting.thread, NULL);
}

static void a_waiting_thread_tells_its_stack_pointer(void **state)
{
	/* this one runs, and it is the only one */
	assert_int_equal(threads_read_sp(getpid(), getpid()) == 0 ||
				 threads_read_sp(getpid(), getpid()) > 0x1000,
			 true);
	assert_int_equal(threads_read_sp(getpid(), 0x7ffffffe), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_main_threads_stack_is_found),
		cmocka_unit_test(a_running_threads_stack_is_found_with_its_extent),
		cmocka_unit_test(threads_that_ended_and_were_not_joined_are_told_from_the_cache),
		cmocka_unit_test(a_waiting_thread_tells_its_stack_pointer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
