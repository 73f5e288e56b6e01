/* SPDX-License-Identifier: MIT */
/*
 * leaky: a small server's day in one second. It keeps sessions in a table, which is fine, works with
 * short-lived buffers, which is fine, and forgets the reply of every request that fails, which is the
 * leak that memtrace has to name.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N_SESSIONS = 500, N_REQUESTS = 20000 };

struct session {
	char *user;
	char state[200];
};

static struct session *sessions[N_SESSIONS];

static struct session *session_open(unsigned number)
{
	struct session *session = calloc(1, sizeof(*session));
	char name[32];

	if (!session)
		return NULL;
	snprintf(name, sizeof(name), "user-%u", number);
	session->user = strdup(name);
	return session;
}

static char *reply_format(unsigned request, size_t size)
{
	char *reply = malloc(size);

	if (reply)
		snprintf(reply, size, "reply to request %u", request);
	return reply;
}

static int request_serve(unsigned request)
{
	char *reply = reply_format(request, 512 + request % 512);

	if (!reply)
		return -1;
	if (request % 7 == 3)
		return -1; /* the client went away: nobody frees the reply */
	free(reply);
	return 0;
}

int main(void)
{
	unsigned failed = 0;

	for (unsigned i = 0; i < N_SESSIONS; i++)
		sessions[i] = session_open(i);
	for (unsigned i = 0; i < N_REQUESTS; i++) {
		failed += request_serve(i) < 0;
		if (i % 20 == 0)
			usleep(500); /* waiting for clients */
	}
	printf("served %d requests, %u failed\n", N_REQUESTS, failed);
	return 0;
}
