/* SPDX-License-Identifier: MIT */
/*
 * micro.c: small workloads that each ask an allocator for one thing. This file is their table; what they
 * do stands in single.c, threads.c, mix.c and burst.c.
 *
 * Each runs for a tenth of a second or longer under the quickest allocator: what a process does once, at its start,
 * is not what is measured.
 *
 * usage: micro NAME [OPERATIONS]; micro --list
 */
#include <string.h>

#include "workload.h"

/* clang-format off */
static const struct workload workloads[] = {
	{"nothing", "a program that does nothing", run_nothing, .n = 10},

	{"pair-32", "malloc and free of 32 bytes", run_pairs, .n = 40000000, .size = 32},
	{"pair-512", "malloc and free of 512 bytes", run_pairs, .n = 40000000, .size = 512},
	{"pair-4096", "malloc and free of 4,096 bytes", run_pairs, .n = 30000000, .size = 4096},

	{"fifo-1000", "1,000 blocks of 64 bytes, freed oldest first", run_batches,
		.n = 30000000, .size = 64, .count = 1000, .order = FIFO},
	{"lifo-1000", "1,000 blocks of 64 bytes, freed newest first", run_batches,
		.n = 30000000, .size = 64, .count = 1000, .order = LIFO},
	{"shuffled-1000", "1,000 blocks of 64 bytes, freed in random order", run_batches,
		.n = 30000000, .size = 64, .count = 1000, .order = RANDOM},
	{"fifo-100000", "100,000 blocks of 64 bytes, freed oldest first", run_batches,
		.n = 20000000, .size = 64, .count = 100000, .order = FIFO},
	{"lifo-100000", "100,000 blocks of 64 bytes, freed newest first", run_batches,
		.n = 20000000, .size = 64, .count = 100000, .order = LIFO},
	{"shuffled-100000", "100,000 blocks of 64 bytes, freed in random order", run_batches,
		.n = 10000000, .size = 64, .count = 100000, .order = RANDOM},

	{"random-small-1000", "random sizes of 16 to 1,024 bytes, 1,000 alive", run_random_sizes,
		.n = 20000000, .size = 1024, .count = 1000},
	{"random-small-50000", "random sizes of 16 to 1,024 bytes, 50,000 alive", run_random_sizes,
		.n = 10000000, .size = 1024, .count = 50000},
	{"random-large", "random sizes of 16 bytes to 32 K, 1,000 alive", run_random_sizes,
		.n = 10000000, .size = 32768, .count = 1000},

	{"calloc-64", "calloc of 64 bytes, 1,000 alive", run_calloc,
		.n = 20000000, .size = 64, .count = 1000},
	{"calloc-8k", "calloc of 8 K, 100 alive", run_calloc, .n = 2000000, .size = 8192, .count = 100},
	{"calloc-1m", "calloc of 1 MB that is not touched, 10 alive", run_calloc,
		.n = 5000, .size = 1 << 20, .count = 10},
	{"calloc-1m-touched", "calloc of 1 MB, each page touched, 10 alive", run_calloc,
		.n = 5000, .size = 1 << 20, .count = 10, .touched = true},
	{"realloc-64k", "realloc to 64 K in steps of 256 bytes", run_realloc,
		.n = 20000000, .size = 64 << 10, .count = 256},
	{"realloc-16m", "realloc to 16 MB in steps of 16 K", run_realloc,
		.n = 16384, .size = 16 << 20, .count = 1024},
	{"large-64k", "blocks of 64 K that are not touched", run_large,
		.n = 20000000, .size = 64 << 10, .count = 8},
	{"large-64k-touched", "blocks of 64 K, each page touched", run_large,
		.n = 5000000, .size = 64 << 10, .count = 8, .touched = true},
	{"large-1m", "blocks of 1 MB that are not touched", run_large,
		.n = 20000000, .size = 1 << 20, .count = 8},
	{"large-1m-touched", "blocks of 1 MB, each page touched", run_large,
		.n = 20000, .size = 1 << 20, .count = 8, .touched = true},

	{"threads-1", "random sizes to 512 bytes in 1 thread", run_threads,
		.n = 20000000, .size = 512, .count = 500, .threads = 1},
	{"threads-2", "random sizes to 512 bytes in 2 threads", run_threads,
		.n = 20000000, .size = 512, .count = 500, .threads = 2},
	{"threads-8", "random sizes to 512 bytes in 8 threads", run_threads,
		.n = 20000000, .size = 512, .count = 500, .threads = 8},
	{"threads-32", "random sizes to 512 bytes in 32 threads", run_threads,
		.n = 20000000, .size = 512, .count = 500, .threads = 32},
	{"threads-128", "random sizes to 512 bytes in 128 threads", run_threads,
		.n = 20000000, .size = 512, .count = 500, .threads = 128},
	{"producer-consumer", "one thread allocates, another frees", run_hand_over,
		.n = 10000000, .size = 512, .count = 2000, .threads = 2},
	{"batches-handed-on", "4 threads free in batches what another allocated", run_hand_over,
		.n = 10000000, .size = 512, .count = 1000, .threads = 4},
	{"thread-churn", "threads that do 200 pairs and end, 8 at a time", run_thread_churn,
		.n = 16000, .size = 1024, .threads = 8},
	{"mix-1", "short and long lives of mixed sizes, 1 thread", run_mix,
		.n = 6000000, .size = 1 << 20, .count = 5000, .threads = 1},
	{"mix-8", "short and long lives of mixed sizes, 8 threads", run_mix,
		.n = 6000000, .size = 1 << 20, .count = 2000, .threads = 8},

	{"burst", "1,000,000 blocks to 512 bytes; those of a burst are freed", run_burst,
		.n = 1000000, .size = 512},
};
/* clang-format on */

static int list(void)
{
	for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++)
		printf("%s\t%s\t%s\n", workloads[i].name,
		       workloads[i].threads ? "threads" : "single", workloads[i].text);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--list") == 0)
		return list();
	for (size_t i = 0; argc > 1 && i < sizeof(workloads) / sizeof(workloads[0]); i++) {
		struct workload workload = workloads[i];

		if (strcmp(workload.name, argv[1]) != 0)
			continue;
		workload.n = bench_argument(argc, argv, 2, workload.n);
		workload.run(&workload);
		return 0;
	}
	(void)fputs("usage: micro NAME [OPERATIONS]; micro --list\n", stderr);
	return 2;
}
