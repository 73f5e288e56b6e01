/* SPDX-License-Identifier: MIT */
/* test-sys.c: what the core has instead of a libc does what libc does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "agent/core/sys.h"

static void test_memory_helpers_do_what_libc_does(void **state)
{
	unsigned char a[80], b[80], model[80];

	for (size_t size = 0; size < 40; size++) {
		for (size_t from = 0; from < 40; from += 3) {
			for (size_t to = 0; to < 40; to += 3) {
				for (size_t i = 0; i < sizeof(a); i++)
					a[i] = b[i] = model[i] = (unsigned char)(i * 7);
				for (size_t i = 0; i < size; i++)
					model[to + i] = (unsigned char)((from + i) * 7);
				assert_ptr_equal(memmove(a + to, a + from, size), a + to);
				assert_memory_equal(a, model, sizeof(a));
				memcpy(b, a, sizeof(a));
				assert_int_equal(memcmp(a, b, sizeof(a)), 0);
				memset(a + to, 0xa5, size);
				for (size_t i = 0; i < size; i++)
					assert_int_equal(a[to + i], 0xa5);
				assert_int_equal(a[to + size], model[to + size]);
			}
		}
	}
	a[0] = 1, b[0] = 255;
	assert_true(memcmp(a, b, 1) < 0);
	assert_true(memcmp(b, a, 1) > 0);
}

static void test_clocks_agree_with_libc(void **state)
{
	struct timespec ts;
	uint64_t before, after;

	before = sys_clock_ns();
	clock_gettime(CLOCK_MONOTONIC, &ts);
	after = sys_clock_ns();
	assert_in_range(ts.tv_sec * 1000000000ull + ts.tv_nsec, before, after);
	before = sys_clock_coarse_ns();
	assert_true(before <= sys_clock_ns());
	assert_true(sys_clock_realtime_ns() / 1000000000 - (uint64_t)time(NULL) + 2 < 4);
	assert_true(sys_clock_process_cpu_ns() > 0);
	assert_int_equal(sys_page_size(), sysconf(_SC_PAGESIZE));
}

static void test_readability_is_asked_of_the_kernel(void **state)
{
	size_t page = sys_page_size();
	unsigned char *p =
		mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (!sys_can_probe())
		skip();
	mprotect(p + page, page, PROT_NONE);
	munmap(p + 3 * page, page);
	assert_true(sys_is_readable((uintptr_t)p + 5, 8));
	assert_false(sys_is_readable((uintptr_t)p + page - 4, 8));
	assert_false(sys_is_readable((uintptr_t)p + page, 1));
	assert_true(sys_is_readable((uintptr_t)p + 2 * page, page));
	assert_false(sys_is_readable((uintptr_t)p + 2 * page, page + 1));
	assert_false(sys_is_readable(UINTPTR_MAX - 4, 8));
	munmap(p, 3 * page);
}

static struct sys_lock lock;
static unsigned n_inside;

static void *adder(void *arg)
{
	for (int i = 0; i < 20000; i++) {
		sys_lock_take(&lock);
		n_inside++;
		sys_lock_drop(&lock);
	}
	return NULL;
}

static void test_the_lock_excludes(void **state)
{
	pthread_t threads[4];

	for (unsigned i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, adder, NULL);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(n_inside, 80000);
	assert_true(sys_lock_try(&lock));
	assert_false(sys_lock_try(&lock));
	assert_false(sys_lock_take_timed(&lock, 1000000));
	sys_lock_drop(&lock);
	assert_true(sys_lock_take_timed(&lock, 1000000));
	sys_lock_drop(&lock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_helpers_do_what_libc_does),
		cmocka_unit_test(test_clocks_agree_with_libc),
		cmocka_unit_test(test_readability_is_asked_of_the_kernel),
		cmocka_unit_test(test_the_lock_excludes),
	};

	sys_init(getauxval(AT_SYSINFO_EHDR));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
