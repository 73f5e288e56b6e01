// SPDX-License-Identifier: MIT
/*
 * operators: new and delete in every form, and what happens when there is no memory: the new handler is
 * called, std::bad_alloc thrown, nothrow returns NULL, and destructors run on the way.
 */
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "check.h"

namespace
{
volatile std::size_t huge = PTRDIFF_MAX + static_cast<std::size_t>(1), some = 100;
constexpr std::align_val_t wide{1024};
int handler_calls, destroyed;

struct guard {
	~guard()
	{
		destroyed++;
	}
};

struct alignas(256) overaligned {
	char bytes[300];
};

bool is_aligned(const void *block, std::size_t align)
{
	return reinterpret_cast<std::uintptr_t>(block) % align == 0;
}

// Gives up at the third call, as programs do that free a reserve first.
void handler()
{
	if (++handler_calls == 3)
		std::set_new_handler(nullptr);
}

template <typename F> void check_throws(F allocate)
{
	bool caught = false;

	handler_calls = destroyed = 0;
	std::set_new_handler(handler);
	try {
		guard on_stack;
		void *volatile block = allocate();
		(void)block;
	} catch (const std::bad_alloc &) {
		caught = true;
	}
	CHECK(caught && handler_calls == 3 && destroyed == 1);
}

template <typename F> void check_null(F allocate)
{
	handler_calls = 0;
	std::set_new_handler(handler);
	CHECK(!allocate() && handler_calls == 3);
}

void check_failures()
{
	check_throws([] { return ::operator new(huge); });
	check_throws([] { return ::operator new[](huge); });
	check_throws([] { return ::operator new(huge, wide); });
	check_throws([] { return ::operator new[](huge, wide); });
	check_null([] { return ::operator new(huge, std::nothrow); });
	check_null([] { return ::operator new[](huge, std::nothrow); });
	check_null([] { return ::operator new(huge, wide, std::nothrow); });
	check_null([] { return ::operator new[](huge, wide, std::nothrow); });
}

void check_forms()
{
	void *block = ::operator new(some);

	CHECK(block);
	::operator delete(block);
	::operator delete(::operator new(some), some);
	::operator delete[](::operator new[](some));
	::operator delete[](::operator new[](some), some);
	::operator delete(::operator new(some, std::nothrow), std::nothrow);
	::operator delete[](::operator new[](some, std::nothrow), std::nothrow);
	block = ::operator new(some, wide);
	CHECK(is_aligned(block, 1024));
	::operator delete(block, wide);
	::operator delete(::operator new(some, wide), some, wide);
	::operator delete[](::operator new[](some, wide), wide);
	::operator delete[](::operator new[](some, wide), some, wide);
	block = ::operator new(some, wide, std::nothrow);
	CHECK(is_aligned(block, 1024));
	::operator delete(block, wide, std::nothrow);
	::operator delete[](::operator new[](some, wide, std::nothrow), wide, std::nothrow);
	::operator delete(nullptr);
	::operator delete[](nullptr, some);
}

void check_objects()
{
	auto object = std::make_unique<overaligned>();
	auto array = std::make_unique<overaligned[]>(3);
	std::vector<std::string> strings;
	// from one side to the other, as some programs do
	void *mixed = ::operator new(some);

	CHECK(is_aligned(object.get(), 256) && is_aligned(&array[2], 256));
	for (int i = 0; i < 10000; i++)
		strings.emplace_back(static_cast<std::size_t>(i) % 1000, 'x');
	std::free(mixed);
}
} // namespace

int main()
{
	check_forms();
	check_objects();
	check_failures();
	return 0;
}
