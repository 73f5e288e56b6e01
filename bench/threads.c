/* SPDX-License-Identifier: MIT */
/*
 * threads.c: many threads, each for itself; blocks that another thread frees; threads that come and go.
 *
 * Time is processor time of all threads, so that the number of processors does not enter. Hand-over
 * goes through a mutex and a condition for a thousand blocks at a time: waiting costs nothing then, and
 * the queue is not what is measured.
 */
#include <pthread.h>
#include <stdalign.h>

#include "workload.h"

#define MAX_THREADS 128u
#define CHURN_PAIRS 200u

static void start_all(pthread_t *threads, unsigned n, void *(*work)(void *), void *items,
		      size_t item_size)
{
	for (unsigned i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, work, (char *)items + i * item_size) != 0)
			abort();
}

static void join_all(pthread_t *threads, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		(void)pthread_join(threads[i], NULL);
}

struct alone {
	alignas(BENCH_APART) uint64_t seed;
	const struct workload *workload;
};

static void *replace_random(void *arg)
{
	struct alone *alone = arg;
	const struct workload *workload = alone->workload;
	char **blocks = calloc(workload->count, sizeof(*blocks));

	if (!blocks)
		abort();
	for (uint64_t i = 0; i < workload->n / workload->threads; i++) {
		char **place = &blocks[bench_random(&alone->seed) % workload->count];

		free(*place);
		*place = workload_block(workload_size(&alone->seed, workload->size));
	}
	for (unsigned i = 0; i < workload->count; i++)
		free(blocks[i]);
	free(blocks);
	return NULL;
}

/* An operation is free and malloc of a random size, in one of the threads, among count blocks of its own. */
void run_threads(const struct workload *workload)
{
	struct alone items[MAX_THREADS];
	pthread_t threads[MAX_THREADS];
	const uint64_t started = bench_now_ns();

	for (unsigned i = 0; i < workload->threads; i++)
		items[i] = (struct alone){i * 7919 + 12345, workload};
	start_all(threads, workload->threads, replace_random, items, sizeof(items[0]));
	join_all(threads, workload->threads);
	bench_print(workload->name, started, workload->n);
}

/* A slot that takes one batch at a time. */
struct slot {
	alignas(BENCH_APART) pthread_mutex_t lock;
	pthread_cond_t changed;
	char **batch; /* NULL: empty */
};

static void slot_put(struct slot *slot, char **batch)
{
	(void)pthread_mutex_lock(&slot->lock);
	while (slot->batch)
		(void)pthread_cond_wait(&slot->changed, &slot->lock);
	slot->batch = batch;
	(void)pthread_cond_signal(&slot->changed);
	(void)pthread_mutex_unlock(&slot->lock);
}

static char **slot_take(struct slot *slot)
{
	char **batch;

	(void)pthread_mutex_lock(&slot->lock);
	while (!slot->batch)
		(void)pthread_cond_wait(&slot->changed, &slot->lock);
	batch = slot->batch;
	slot->batch = NULL;
	(void)pthread_cond_signal(&slot->changed);
	(void)pthread_mutex_unlock(&slot->lock);
	return batch;
}

/* One of a ring of threads: it allocates a batch for the next one, and frees that of the one before. */
struct station {
	alignas(BENCH_APART) uint64_t seed;
	const struct workload *workload;
	struct slot *from, *to; /* NULL: only frees, or only allocates */
	uint64_t n_batches;
};

static char **make_batch(struct station *station)
{
	const struct workload *workload = station->workload;
	char **batch = malloc(workload->count * sizeof(*batch));

	if (!batch)
		abort();
	for (unsigned i = 0; i < workload->count; i++)
		batch[i] = workload_block(workload_size(&station->seed, workload->size));
	return batch;
}

static void free_batch(char **batch, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		free(batch[i]);
	free(batch);
}

static void *hand_over(void *arg)
{
	struct station *station = arg;

	for (uint64_t i = 0; i < station->n_batches; i++) {
		if (station->to)
			slot_put(station->to, make_batch(station));
		if (station->from)
			free_batch(slot_take(station->from), station->workload->count);
	}
	return NULL;
}

/*
 * Two threads: one allocates, the other frees. More: a ring, in which each frees what the one before
 * allocated. An operation is malloc in one thread and free in another.
 */
void run_hand_over(const struct workload *workload)
{
	const unsigned n = workload->threads, n_makers = n == 2 ? 1 : n;
	const uint64_t n_batches = workload->n / n_makers / workload->count;
	struct slot slots[MAX_THREADS];
	struct station stations[MAX_THREADS];
	pthread_t threads[MAX_THREADS];
	const uint64_t started = bench_now_ns();

	for (unsigned i = 0; i < n; i++) {
		slots[i] = (struct slot){PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL};
		stations[i] = (struct station){i * 7919 + 12345, workload, &slots[(i + n - 1) % n],
					       &slots[i], n_batches};
	}
	if (n == 2)
		stations[0].from = stations[1].to = NULL;
	start_all(threads, n, hand_over, stations, sizeof(stations[0]));
	join_all(threads, n);
	bench_print(workload->name, started, n_batches * n_makers * workload->count);
}

static void *live_shortly(void *arg)
{
	struct alone *alone = arg;
	char *blocks[20] = {NULL};

	for (unsigned i = 0; i < CHURN_PAIRS; i++) {
		free(blocks[i % 20]);
		blocks[i % 20] = workload_block(workload_size(&alone->seed, alone->workload->size));
	}
	for (unsigned i = 0; i < 20; i++)
		free(blocks[i]);
	return NULL;
}

/* Generations of threads, each of which does 200 pairs and ends. An operation is one thread. */
void run_thread_churn(const struct workload *workload)
{
	struct alone items[MAX_THREADS];
	pthread_t threads[MAX_THREADS];
	uint64_t n = 0, started = bench_now_ns();

	for (unsigned i = 0; i < workload->threads; i++)
		items[i] = (struct alone){i * 7919 + 12345, workload};
	for (; n < workload->n; n += workload->threads) {
		start_all(threads, workload->threads, live_shortly, items, sizeof(items[0]));
		join_all(threads, workload->threads);
	}
	bench_print(workload->name, started, n);
}
