/* SPDX-License-Identifier: MIT */
/* subject.cc: names of C++, for test-symbolizer.c. */
#include "probe.h"

namespace shop {

class Basket {
      public:
	explicit Basket(int n) : n_(n) {}
	KEEP int total(const char *currency) const
	{
		PROBE(method);
		return n_ + currency[0];
	}

      private:
	int n_;
};

template <typename T> KEEP T twice(T x)
{
	PROBE(instance);
	return x + x;
}

static KEEP int helper(int x, long y)
{
	PROBE(helper);
	return x + (int)y;
}

namespace {
KEEP int hidden(int x)
{
	PROBE(hidden);
	return x * 7;
}

INLINE int deep(int x)
{
	PROBE(deep);
	return x * 5;
}
} // namespace

KEEP int with_lambda(int x)
{
	auto lambda = [&](int y) __attribute__((always_inline))
	{
		PROBE(lambda);
		return x + y;
	};

	return lambda(x) + 1; /* calls the lambda */
}

KEEP int with_deep(int x)
{
	return deep(x) + 1; /* calls deep */
}

} // namespace shop

int main(int argc, char **argv)
{
	shop::Basket basket(argc);

	return basket.total(argv[0]) + shop::twice(argc) + shop::helper(argc, 2) +
		       shop::hidden(argc) + shop::with_lambda(argc) + shop::with_deep(argc) ==
	       0;
}
