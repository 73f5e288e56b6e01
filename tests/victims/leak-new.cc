// SPDX-License-Identifier: MIT
// The operators new, and owners that own each other.
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <vector>

static void *volatile sink;

struct alignas(128) wide {
	char bytes[384];
};

struct node {
	std::shared_ptr<node> other;
	char payload[1000 - sizeof(std::shared_ptr<node>)];
};

static void leak_new()
{
	for (int i = 0; i < 9; i++)
		// LEAK leak_new: 9 blocks, 792 bytes
		sink = new long[11];
}

static void leak_new_nothrow()
{
	// LEAK leak_new_nothrow: 1 blocks, 77 bytes
	sink = new (std::nothrow) char[77];
}

static void leak_new_aligned()
{
	// LEAK leak_new_aligned: 1 blocks, 384 bytes
	sink = new wide;
}

static void leak_vector()
{
	// LEAK leak_vector: 1 blocks, 24 bytes
	auto *v = new std::vector<int>;
	// LEAK leak_vector: 1 blocks, 4000 bytes
	v->reserve(1000);
	sink = v;
}

static void leak_string()
{
	// LEAK leak_string: 2 blocks, 132 bytes
	sink = new std::string(99, 'x');
}

static void leak_cycle()
{
	for (int i = 0; i < 3; i++) {
		// LEAK leak_cycle: 6 blocks, 3072 bytes
		auto a = std::shared_ptr<node>(new node);
		// LEAK leak_cycle: 6 blocks, 3072 bytes
		auto b = std::shared_ptr<node>(new node);
		a->other = b;
		b->other = a;
	}
}

static void no_leak()
{
	auto p = std::make_unique<wide>();
	auto v = std::vector<std::string>(100, std::string(50, 'y'));
	sink = p.get();
	sink = v.data();
}

int main()
{
	leak_new();
	leak_new_nothrow();
	leak_new_aligned();
	leak_vector();
	leak_string();
	leak_cycle();
	no_leak();
	return 0;
}
