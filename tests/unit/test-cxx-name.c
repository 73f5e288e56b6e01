/* SPDX-License-Identifier: MIT */
#include "profile/cxx-name.h"

#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "test.h"

static void assert_changed(void (*change)(char *), const char *name, const char *expected)
{
	char *text = strdup(name);

	change(text);
	assert_string_equal(text, expected);
	free(text);
}

static void defaults_of_the_standard_library_go(void **state)
{
	static const struct {
		const char *name, *expected;
	} cases[] = {
		{"std::vector<char, std::allocator<char> >::resize(unsigned long)",
		 "std::vector<char>::resize(unsigned long)"},
		{"std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> "
		 ">::append(char const*)",
		 "std::string::append(char const*)"},
		{"std::map<std::__cxx11::basic_string<char, std::char_traits<char>, "
		 "std::allocator<char> >, std::vector<int, std::allocator<int> >, "
		 "std::less<std::__cxx11::basic_string<char, std::char_traits<char>, "
		 "std::allocator<char> > >, std::allocator<std::pair<std::__cxx11::basic_string<char, "
		 "std::char_traits<char>, std::allocator<char> > const, std::vector<int, "
		 "std::allocator<int> > > > >::operator[](int)",
		 "std::map<std::string, std::vector<int>>::operator[](int)"},
		{"std::unordered_map<int, int, std::hash<int>, std::equal_to<int>, "
		 "std::allocator<std::pair<int const, int> > >::~unordered_map()",
		 "std::unordered_map<int, int>::~unordered_map()"},
		{"std::__shared_ptr<Session, (__gnu_cxx::_Lock_policy)2>::reset()",
		 "std::__shared_ptr<Session>::reset()"},
		{"std::unique_ptr<a::b, std::default_delete<a::b> >::get() const",
		 "std::unique_ptr<a::b>::get() const"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_changed(cxx_name_shorten, cases[i].name, cases[i].expected);
}

static void what_the_source_spells_stays(void **state)
{
	static const char *const names[] = {
		"",
		"main",
		"std::vector<int, my::allocator<int>>::reserve(unsigned long)",
		"std::set<int, std::greater<int>>::insert(int const&)",
		"f(std::allocator<int>, std::less<int>)",
		"<alloc::vec::Vec<T> as core::clone::Clone>::clone",
		"a::b(int, std::allocator<",
		"std::vector<int, std::allocator<int",
		"a::b<1, (2 > 1)>(int)",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char *text = strdup(names[i]);

		cxx_name_shorten(text);
		assert_string_equal(text, names[i]);
		free(text);
	}
}

static void a_bare_name_has_neither_parameters_nor_result(void **state)
{
	static const struct {
		const char *name, *expected;
	} cases[] = {
		{"main", "main"},
		{"", ""},
		{"f(int) const", "f"},
		{"void f<int>(int)", "f<int>"},
		{"std::shared_ptr<a b> std::make_shared<Session>()", "std::make_shared<Session>"},
		{"operator new(unsigned long)", "operator new"},
		{"a::operator()(int)", "a::operator()"},
		{"std::ostream& std::operator<< <char>(std::ostream&, char)",
		 "std::operator<< <char>"},
		{"(anonymous namespace)::build(list<node>&, int)", "(anonymous namespace)::build"},
		{"void (anonymous namespace)::g<int>(int)", "(anonymous namespace)::g<int>"},
		{"main::{lambda(int)#1}::operator()(int) const",
		 "main::{lambda(int)#1}::operator()"},
		{"a::operator bool() const", "a::operator bool"},
		{"runtime.(*mcache).refill", "runtime.(*mcache).refill"},
		{"<alloc::vec::Vec<T> as core::clone::Clone>::clone",
		 "<alloc::vec::Vec<T> as core::clone::Clone>::clone"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_changed(cxx_name_bare, cases[i].name, cases[i].expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_of_the_standard_library_go),
		cmocka_unit_test(what_the_source_spells_stays),
		cmocka_unit_test(a_bare_name_has_neither_parameters_nor_result),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
