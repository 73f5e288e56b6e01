/* SPDX-License-Identifier: MIT */
/* Mangled names of several languages, and names that only look mangled. */
#include "symbolize/demangle.h"

#include <string.h>

#include "base/strbuf.h"
#include "test.h"

static void assert_demangles(const char *name, const char *expected)
{
	_cleanup_free_ char *text = NULL;
	int r = demangle(name, &text);

	if (!expected) {
		assert_int_equal(r, 0);
		return;
	}
	assert_int_equal(r, 1);
	assert_string_equal(text, expected);
}

static void cxx_names_have_parameters(void **state)
{
	assert_demangles("_ZN3foo3BarC1Ei", "foo::Bar::Bar(int)");
	assert_demangles("_ZL6helperi", "helper(int)");
	assert_demangles("_ZNKSt6vectorIiSaIiEE4sizeEv",
			 "std::vector<int, std::allocator<int> >::size() const");
	assert_demangles("_ZZ4mainENKUlvE_clEv", "main::{lambda()#1}::operator()() const");
	assert_demangles("_ZN1a1bEv.cold", "a::b() [clone .cold]");
}

static void rust_names_lose_their_hash(void **state)
{
	assert_demangles("_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE",
			 "core::fmt::Write::write_fmt");
	assert_demangles("_ZN66_$LT$alloc..vec..Vec$LT$T$GT$$u20$as$u20$core..ops..drop..Drop$GT$"
			 "4drop17h0123456789abcdefE",
			 "<alloc::vec::Vec<T> as core::ops::drop::Drop>::drop");
	assert_demangles("_RNvCs1234_7mycrate3foo", "mycrate::foo");
	assert_demangles("_RNvMs_NtCs1234_7mycrate3barNtB4_3Foo3new", "<mycrate::bar::Foo>::new");
}

static void d_names_too(void **state)
{
	assert_demangles("_D3std5stdio7writelnFZv", "std.stdio.writeln()");
}

static void other_names_are_left_alone(void **state)
{
	assert_demangles("main", NULL);
	assert_demangles("", NULL);
	assert_demangles("_", NULL);
	assert_demangles("_Z", NULL);
	assert_demangles("_ZN", NULL);
	assert_demangles("_R", NULL);
	assert_demangles("_D", NULL);
	assert_demangles("__libc_start_main", NULL);
}

/* Each parameter is a pair of two of the one before: the last one is 2^17 pairs. */
static void a_name_that_explodes_is_refused(void **state)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	_cleanup_(strbuf_deinit) struct strbuf name = {};

	/* each adds two substitutions, and the second is itself */
	strbuf_adds(&name, "_Z1fSt4pairIiiE");
	for (size_t i = 0; i < 36; i += 2)
		strbuf_addf(&name, "St4pairIS%c_S%c_E", digits[i], digits[i]);
	assert_int_equal(name.error, 0);
	assert_demangles(strbuf_text(&name), NULL);
}

static void a_name_without_end_is_refused(void **state)
{
	_cleanup_(strbuf_deinit) struct strbuf name = {};

	strbuf_adds(&name, "_Z1f");
	strbuf_add_repeated(&name, 'P', 100000);
	strbuf_addc(&name, 'i');
	assert_demangles(strbuf_text(&name), NULL);
}

static void asked_again_the_same_string_comes_back(void **state)
{
	_cleanup_(string_pool_freep) struct string_pool *pool = string_pool_new();
	_cleanup_(demangler_deinit) struct demangler demangler = {};
	static const char name[] = "_ZL6helperi", plain[] = "main", bad[] = "_ZN";
	const char *text, *again;

	assert_int_equal(demangler_get(&demangler, pool, name, &text), 0);
	assert_string_equal(text, "helper(int)");
	assert_int_equal(demangler_get(&demangler, pool, name, &again), 0);
	assert_ptr_equal(text, again);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(demangler_get(&demangler, pool, plain, &text), 0);
		assert_null(text);
		assert_int_equal(demangler_get(&demangler, pool, bad, &text), 0);
		assert_null(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cxx_names_have_parameters),
		cmocka_unit_test(rust_names_lose_their_hash),
		cmocka_unit_test(d_names_too),
		cmocka_unit_test(other_names_are_left_alone),
		cmocka_unit_test(a_name_that_explodes_is_refused),
		cmocka_unit_test(a_name_without_end_is_refused),
		cmocka_unit_test(asked_again_the_same_string_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
