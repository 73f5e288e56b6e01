/* SPDX-License-Identifier: MIT */
/*
 * Makes objects of classes whose numbers and blocks' sizes are known to the digit, says so line by line
 * ("class N blocks, B bytes" with the sizes that malloc really gave), and waits or aborts.
 */
#include <malloc.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace store
{
struct Session {
	virtual ~Session()
	{
	}
	int id;
	char name[100];
};

struct Cached : Session {
	long when;
};

template <class T> struct Box {
	virtual ~Box()
	{
	}
	T value;
};

struct Mixin {
	virtual ~Mixin()
	{
	}
	int x;
};

/* two tables: the first one counts */
struct Both : Mixin, Session {
	int y;
};

/* a virtual base: the object's own table is the first all the same */
struct Virtual : virtual Session {
	int z;
};
} // namespace store

/* no virtual function: says nothing of itself */
struct Plain {
	int a[10];
};

struct Small {
	virtual ~Small()
	{
	}
};

namespace
{
struct Hidden {
	virtual ~Hidden()
	{
	}
	char text[500];
};
} // namespace

static std::vector<void *> kept;

static void tell(const char *name, size_t blocks, size_t bytes)
{
	printf("class %zu blocks, %zu bytes, %s\n", blocks, bytes, name);
}

template <class T> static void make(const char *name, size_t n)
{
	size_t bytes = 0;

	for (size_t i = 0; i < n; i++) {
		T *object = new T();

		bytes += malloc_usable_size(dynamic_cast<void *>(object));
		kept.push_back(object);
	}
	tell(name, n, bytes);
}

static void make_arrays(const char *name, size_t n)
{
	size_t bytes = 0;

	for (size_t i = 0; i < n; i++) {
		Small *array = new Small[10];

		/* their number stands in front of them */
		bytes += malloc_usable_size(reinterpret_cast<size_t *>(array) - 1);
		kept.push_back(array);
	}
	tell(name, n, bytes);
}

int main(int argc, char **argv)
{
	std::vector<store::Session *> gone;

	for (int i = 0; i < 200; i++)
		gone.push_back(new store::Session());
	make<store::Session>("store::Session", 1000);
	make<store::Cached>("store::Cached", 300);
	make<store::Box<long>>("store::Box<long>", 50);
	make<store::Both>("store::Both", 7);
	make<store::Virtual>("store::Virtual", 9);
	make<Hidden>("(anonymous namespace)::Hidden", 11);
	make_arrays("Small[]", 5);
	for (int i = 0; i < 20; i++)
		kept.push_back(new Plain());
	for (auto *session : gone)
		delete session;
	puts("ready");
	fflush(stdout);
	if (argc > 1 && !strcmp(argv[1], "abort"))
		abort();
	pause();
	return 0;
}
