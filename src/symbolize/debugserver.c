/* SPDX-License-Identifier: MIT */
/*
 * debugserver.c: the client of debuginfod.
 *
 * libdebuginfod brings libcurl with all it needs, which no report without it should pay for: so dlopen,
 * and only when a server is configured and something is missing. Distributions set DEBUGINFOD_URLS for
 * everybody, so that a slow or dead network must not make a report hang: all requests of a symbolizer
 * share one budget of time, and the first failure that is not a plain "have it not" ends the asking.
 */
#include "symbolize/debugserver.h"

#include <dlfcn.h>
#include <elfutils/debuginfod.h>
#include <time.h>

#include "base/clock.h"

static const uint64_t BUDGET_NS = UINT64_C(60) * 1000000000;

struct debugserver {
	void *library;
	debuginfod_client *client;
	__typeof__(&debuginfod_begin) begin;
	__typeof__(&debuginfod_end) end;
	__typeof__(&debuginfod_find_debuginfo) find_debuginfo;
	__typeof__(&debuginfod_set_progressfn) set_progress;
	uint64_t spent_ns;
	bool given_up;
};

/* The library gives only its own handle; a thread has one request under way at a time. */
static _Thread_local uint64_t deadline_ns;

static int on_progress(debuginfod_client *client, long done, long total)
{
	/* other than 0 ends the request */
	return clock_ns(CLOCK_MONOTONIC) > deadline_ns;
}

int debugserver_new(struct debugserver **ret)
{
	const char *urls = getenv(DEBUGINFOD_URLS_ENV_VAR);
	struct debugserver *server;

	if (!urls || !urls[0])
		return -ENOENT;
	server = calloc(1, sizeof(*server));
	if (!server)
		return -ENOMEM;
	*ret = server;
	return 0;
}

struct debugserver *debugserver_free(struct debugserver *server)
{
	if (!server)
		return NULL;
	if (server->client)
		server->end(server->client);
	/* the library stays: what it brought along does not all survive being unloaded */
	free(server);
	return NULL;
}

static bool load(struct debugserver *server)
{
	if (server->client)
		return true;
	server->library = dlopen(DEBUGINFOD_SONAME, RTLD_NOW | RTLD_LOCAL);
	if (!server->library)
		return false;
	server->begin = dlsym(server->library, "debuginfod_begin");
	server->end = dlsym(server->library, "debuginfod_end");
	server->find_debuginfo = dlsym(server->library, "debuginfod_find_debuginfo");
	server->set_progress = dlsym(server->library, "debuginfod_set_progressfn");
	if (!server->begin || !server->end || !server->find_debuginfo || !server->set_progress)
		return false;
	server->client = server->begin();
	if (!server->client)
		return false;
	server->set_progress(server->client, on_progress);
	return true;
}

int debugserver_fetch(struct debugserver *server, const struct build_id *build_id,
		      struct elffile **ret)
{
	uint64_t start = clock_ns(CLOCK_MONOTONIC);
	int fd;

	if (server->given_up || server->spent_ns >= BUDGET_NS || !load(server)) {
		server->given_up = true;
		return -ETIMEDOUT;
	}
	deadline_ns = start + (BUDGET_NS - server->spent_ns);
	fd = server->find_debuginfo(server->client, build_id->bytes, (int)build_id->size, NULL);
	server->spent_ns += clock_ns(CLOCK_MONOTONIC) - start;
	if (fd == -ENOENT)
		return -ENOENT;
	if (fd < 0) {
		server->given_up = true;
		return -ETIMEDOUT;
	}
	return elffile_open_fd(fd, "debuginfod", ret);
}
