/* SPDX-License-Identifier: MIT */
/*
 * Nobody knows who leaked it, and there is nothing but memory to look at: objects of three classes and
 * strings that repeat. Counts are printed, a class a line, before the victim stands still.
 */
#include <cstdio>
#include <cstring>
#include <typeinfo>

#include "stage.h"

static struct stage stage;

class Order
{
      public:
	virtual ~Order() = default;
	virtual long total() const
	{
		return price;
	}
	long price = 1;
	char note[400] = {};
};

class RushOrder : public Order
{
      public:
	long total() const override
	{
		return price * 2;
	}
	long surcharge = 2;
};

class Customer
{
      public:
	virtual ~Customer() = default;
	char name[120] = {};
};

template <typename T> static void keep(int n)
{
	for (int i = 0; i < n; i++) {
		T *object = new T();

		/* as the program's own code would use it */
		__asm__ volatile("" : : "r"(object) : "memory");
		stage.live += sizeof(T);
	}
	dprintf(STDOUT_FILENO, "class %s count=%d size=%zu\n", typeid(T).name(), n, sizeof(T));
}

int main()
{
	keep<Order>(30000);
	keep<RushOrder>(10000);
	keep<Customer>(50000);
	for (int i = 0; i < 20000; i++) {
		auto *text = static_cast<char *>(stage_alloc(&stage, 48));

		snprintf(text, 48, "%s", "tenant=blue-harbour;state=pending-review");
	}
	dprintf(STDOUT_FILENO, "string tenant=blue-harbour;state=pending-review count=20000\n");
	stage_wait(&stage);
	return 0;
}
