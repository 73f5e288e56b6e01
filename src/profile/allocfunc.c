/* SPDX-License-Identifier: MIT */
/*
 * A stack begins where the allocator was entered, and for C++ and Rust that is several calls away from
 * the line that somebody wrote: std::vector<T>::reserve calls _M_allocate, that allocator_traits,
 * that the allocator, that operator new. Those that are an allocation function by another name are cut
 * off, so that the first frame of a stack is the first one that says something.
 *
 * Names are compared in their plain form: without template arguments, parameters and ABI tags, which
 * makes "std::allocator<std::pair<int, int> >::allocate(unsigned long)" "std::allocator::allocate".
 */
#include "profile/allocfunc.h"

#include <stddef.h>
#include <string.h>

#include "base/macro.h"

enum { PLAIN_MAX = 128 };

static const char *const allocation_functions[] = {
	"malloc",
	"calloc",
	"realloc",
	"reallocarray",
	"memalign",
	"aligned_alloc",
	"posix_memalign",
	"valloc",
	"pvalloc",
	"mmap",
	"mmap64",
	"mremap",
	"sbrk",
	"brk",
	"__libc_malloc",
	"__libc_calloc",
	"__libc_realloc",
	"__libc_reallocarray",
	"__libc_memalign",
	"__libc_valloc",
	"__libc_pvalloc",
	"__posix_memalign",
	"__mmap",
	"__mmap64",
	"__mremap",
	"__sbrk",
	"operator new",
	"operator new[]",
	/* libstdc++ and libc++ */
	"std::allocator::allocate",
	"std::allocator_traits::allocate",
	"std::__new_allocator::allocate",
	"__gnu_cxx::new_allocator::allocate",
	"__gnu_cxx::__alloc_traits::allocate",
	"std::__allocate_guarded",
	"std::_Vector_base::_M_allocate",
	"std::_Deque_base::_M_allocate_node",
	"std::pmr::new_delete_resource_t::do_allocate",
	"std::__1::allocator::allocate",
	"std::__1::allocator_traits::allocate",
	"std::__1::__libcpp_allocate",
	"std::__1::__libcpp_operator_new",
	"std::__1::__allocate_at_least",
	/* Rust */
	"__rust_alloc",
	"__rust_alloc_zeroed",
	"__rust_realloc",
	"__rdl_alloc",
	"__rdl_alloc_zeroed",
	"__rdl_realloc",
	"alloc::alloc::alloc",
	"alloc::alloc::alloc_zeroed",
	"alloc::alloc::realloc",
	"alloc::alloc::exchange_malloc",
	"std::alloc::System::alloc_impl",
};

/*
 * Rust writes a trait's method as "<Type as Trait>::method", which has no plain form, and from v0 of its mangling on
 * a type's own as "<Type>::method". What these are called inside changes with each of its versions.
 */
static const char *const rust_methods[] = {
	"<alloc::alloc::Global as core::alloc::Allocator>::",
	"<alloc::alloc::Global>::",
	"alloc::alloc::Global::",
	"<std::alloc::System as core::alloc::global::GlobalAlloc>::",
	"std::sys::unix::alloc::<impl core::alloc::global::GlobalAlloc for std::alloc::System>::",
};

/*
 * Writes the plain form of a demangled name; false if it does not fit, and then it is not one of ours.
 * None of ours has parentheses, < or > in its plain form, so "operator<" needs no care.
 */
static bool plain_name(const char *name, char ret[static PLAIN_MAX])
{
	size_t n = 0;
	unsigned depth = 0;

	for (const char *p = name; *p; p++) {
		if (*p == '<') {
			depth++;
		} else if (*p == '>') {
			if (depth == 0)
				return false;
			depth--;
		} else if (depth == 0) {
			if (*p == '(')
				break;
			if (n + 1 >= PLAIN_MAX)
				return false;
			ret[n++] = *p;
		}
	}
	ret[n] = '\0';
	char *tag = strstr(ret, "[abi:");
	if (tag)
		*tag = '\0';
	return n > 0;
}

/* operator new in all its forms, as the C++ ABI spells it: _Znwm, _Znaj, _ZnwmRKSt9nothrow_t… */
static bool is_operator_new(const char *linkage_name)
{
	return strncmp(linkage_name, "_Znw", 4) == 0 || strncmp(linkage_name, "_Zna", 4) == 0;
}

bool allocfunc_is(const char *function, const char *linkage_name)
{
	char plain[PLAIN_MAX];

	if (linkage_name && is_operator_new(linkage_name))
		return true;
	if (!function)
		function = linkage_name;
	if (!function)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(rust_methods); i++)
		if (strncmp(function, rust_methods[i], strlen(rust_methods[i])) == 0)
			return true;
	if (!plain_name(function, plain))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(allocation_functions); i++)
		if (strcmp(plain, allocation_functions[i]) == 0)
			return true;
	return false;
}
