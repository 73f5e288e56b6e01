/* SPDX-License-Identifier: MIT */
/*
 * stage.h: how a victim that is looked at from outside stands still. It reaches its state, says in one line
 * what is true of it ("ready live=1024 freed=4096"), and does what it is told, a word a line on stdin:
 *
 *	trim	calls malloc_trim(0)
 *	free	frees what pins the rest, if the victim has such a thing
 *
 * Each is answered with a line "done"; the end of stdin ends the victim. No stdio: it would allocate.
 */
#ifndef TESTS_VICTIMS_STAGE_H
#define TESTS_VICTIMS_STAGE_H

#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the victim holds and what it gave back, in bytes as asked for. */
struct stage {
	size_t live, freed;
	void (*free_pin)(void); /* NULL if there is none */
};

/* The caller is who allocates: nothing stands between it and malloc. */
#define stage_alloc(stage, size) stage_took(stage, malloc(size), size)

static inline void *stage_took(struct stage *stage, void *p, size_t size)
{
	if (!p)
		abort();
	memset(p, 0x5a, size);
	stage->live += size;
	return p;
}

static inline void stage_free(struct stage *stage, void *p, size_t size)
{
	free(p);
	stage->live -= size;
	stage->freed += size;
}

static inline void stage_obey(const struct stage *stage, const char *word)
{
	if (strcmp(word, "trim") == 0)
		malloc_trim(0);
	else if (strcmp(word, "free") == 0 && stage->free_pin)
		stage->free_pin();
	dprintf(STDOUT_FILENO, "done\n");
}

/* What a thread does on and on, and how many times before the victim is in its state. */
struct stage_server {
	void (*serve)(void);
	int n;
	sem_t is_reached;
};

static inline void *stage_serve_on(void *data)
{
	struct stage_server *server = (struct stage_server *)data;

	for (int step = 0;; step++) {
		server->serve();
		if (step == server->n)
			sem_post(&server->is_reached);
	}
	return NULL;
}

/* Returns when serve was called n times; a thread goes on calling it. */
static inline void stage_serve(void (*serve)(void), int n)
{
	static struct stage_server server;
	pthread_t thread;

	server.serve = serve;
	server.n = n;
	if (sem_init(&server.is_reached, 0, 0) < 0 ||
	    pthread_create(&thread, NULL, stage_serve_on, &server) != 0)
		abort();
	sem_wait(&server.is_reached);
}

/* Returns when stdin has ended. */
static inline void stage_wait(const struct stage *stage)
{
	char word[32];
	size_t length = 0;
	char c;

	dprintf(STDOUT_FILENO, "ready live=%zu freed=%zu\n", stage->live, stage->freed);
	while (read(STDIN_FILENO, &c, 1) == 1) {
		if (c != '\n') {
			if (length < sizeof(word) - 1)
				word[length++] = c;
			continue;
		}
		word[length] = 0;
		length = 0;
		stage_obey(stage, word);
	}
}

#endif
