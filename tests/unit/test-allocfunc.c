/* SPDX-License-Identifier: MIT */
#include "profile/allocfunc.h"

#include "base/macro.h"
#include "test.h"

static void malloc_family_is_cut(void **state)
{
	static const char *const names[] = {"malloc",         "calloc",         "realloc",
					    "aligned_alloc",  "__libc_malloc",  "mmap64",
					    "posix_memalign", "__libc_memalign"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_true(allocfunc_is(names[i], names[i]));
}

static void operator_new_is_cut_in_all_its_forms(void **state)
{
	assert_true(allocfunc_is("operator new(unsigned long)", "_Znwm"));
	assert_true(allocfunc_is("operator new[](unsigned long, std::align_val_t)", NULL));
	assert_true(allocfunc_is(NULL, "_ZnwmRKSt9nothrow_t"));
	assert_true(allocfunc_is("whatever", "_ZnamSt11align_val_t"));
	assert_false(allocfunc_is("operator delete(void*)", "_ZdlPv"));
	assert_false(allocfunc_is("renew(unsigned long)", "_Z5renewm"));
}

static void standard_allocators_are_cut_whatever_they_hold(void **state)
{
	assert_true(allocfunc_is("std::__new_allocator<std::pair<int const, std::vector<char, "
				 "std::allocator<char> > > >::allocate(unsigned long, void const*)",
				 NULL));
	assert_true(allocfunc_is("std::allocator_traits<std::allocator<int> >::allocate(std::"
				 "allocator<int>&, unsigned long)",
				 NULL));
	assert_true(allocfunc_is("std::_Vector_base<int, std::allocator<int> >::_M_allocate("
				 "unsigned long)",
				 NULL));
	assert_true(allocfunc_is("alloc::alloc::alloc", NULL));
	assert_true(
		allocfunc_is("<alloc::alloc::Global as core::alloc::Allocator>::allocate", NULL));
	assert_true(allocfunc_is("__rust_alloc", "__rust_alloc"));
	assert_true(allocfunc_is("<alloc::alloc::Global>::alloc_impl_runtime", NULL));
	assert_true(allocfunc_is("alloc::alloc::Global::alloc_impl_runtime", NULL));
	assert_true(allocfunc_is("<alloc::alloc::Global>::grow_impl_runtime", NULL));
	assert_false(allocfunc_is("<app::Global>::alloc_impl", NULL));
}

static void who_allocates_for_a_purpose_stays(void **state)
{
	static const char *const names[] = {
		"strdup",
		"getline",
		"asprintf",
		"xmalloc",
		"my::operator_new_thing(int)",
		"std::vector<int, std::allocator<int> >::reserve(unsigned long)",
		"std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> "
		">::_M_create(unsigned long&, unsigned long)",
		"pool::allocate(unsigned long)",
		"operator<(a const&, b const&)",
		"malloc_usable_size",
		"",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_false(allocfunc_is(names[i], NULL));
	assert_false(allocfunc_is(NULL, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(malloc_family_is_cut),
		cmocka_unit_test(operator_new_is_cut_in_all_its_forms),
		cmocka_unit_test(standard_allocators_are_cut_whatever_they_hold),
		cmocka_unit_test(who_allocates_for_a_purpose_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
