/* SPDX-License-Identifier: MIT */
/*
 * burst.c: memory that is needed for a moment: some blocks that stay, many that come and all go again,
 * then two seconds of modest activity. What is resident then, against what is alive, is what the
 * operator of a server sees.
 *
 * Prints beside the time of an operation (malloc and free of the burst's blocks) a line of figures in KiB:
 * what is alive in blocks, what was resident at the beginning, at the peak, right after the release, and
 * at the end.
 */
#include <string.h>
#include <unistd.h>

#include "workload.h"

#define LIVE_PART    16u   /* one block in that many was there before the burst, and stays */
#define ACTIVE_STEPS 2000u /* of a millisecond */
#define PAIRS_A_STEP 1000u
#define N_ACTIVE     1000u

static long resident_kib(void)
{
	static char line[128];
	FILE *file = fopen("/proc/self/statm", "r");

	if (!file || !fgets(line, sizeof(line), file))
		abort();
	(void)fclose(file);
	/* the second number of the line */
	return strtol(strchr(line, ' '), NULL, 10) * (sysconf(_SC_PAGESIZE) / 1024);
}

static void be_active(uint64_t *seed)
{
	static char *blocks[N_ACTIVE];

	for (unsigned step = 0; step < ACTIVE_STEPS; step++) {
		for (unsigned i = 0; i < PAIRS_A_STEP; i++) {
			char **place = &blocks[bench_random(seed) % N_ACTIVE];

			free(*place);
			*place = workload_block(workload_size(seed, 512));
		}
		(void)usleep(1000);
	}
}

void run_burst(const struct workload *workload)
{
	const uint64_t n_live = workload->n / LIVE_PART;
	const long before = resident_kib();
	uint64_t seed = 521288629, started = bench_now_ns(), live = 0;
	char **blocks = calloc(workload->n, sizeof(*blocks));
	long peak, released;

	if (!blocks)
		abort();
	for (uint64_t i = 0; i < workload->n; i++) {
		const size_t size = workload_size(&seed, workload->size);

		blocks[i] = workload_block(size);
		live += i < n_live ? size : 0;
	}
	peak = resident_kib();
	for (uint64_t i = n_live; i < workload->n; i++)
		free(blocks[i]);
	bench_print(workload->name, started, workload->n);
	released = resident_kib();
	be_active(&seed);
	printf("live_kib %lu before_kib %ld peak_kib %ld released_kib %ld after_kib %ld\n",
	       (unsigned long)(live + workload->n * sizeof(*blocks)) / 1024, before, peak, released,
	       resident_kib());
	for (uint64_t i = 0; i < n_live; i++)
		free(blocks[i]);
	free(blocks);
}
