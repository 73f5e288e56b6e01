/* SPDX-License-Identifier: MIT */
/*
 * foreign.c: which of them is in the process, and the calls for those that are asked: names, answers and
 * lengths lie behind one another in the data of the calls, so that one stop is enough for all of them.
 */
#include "process/foreign.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "base/strbuf.h"
#include "process/linked.h"
#include "process/mimalloc.h"
#include "process/runtimes.h"

static const struct {
	const char *name;
	int (*ask)(struct inject_calls *calls);
	int (*understand)(const struct inject_calls *calls, struct arenas *ret);
} asked[] = {
	{"jemalloc", jemalloc_ask, jemalloc_understand},
	{"tcmalloc", tcmalloc_ask, tcmalloc_understand},
};

uint32_t foreign_room(struct inject_calls *calls, size_t size)
{
	size_t at = ALIGN_UP(calls->data_size, (size_t)8);

	if (at + size > sizeof(calls->data))
		return UINT32_MAX;
	memset(calls->data + at, 0, size);
	calls->data_size = at + size;
	return (uint32_t)at;
}

void foreign_point(struct inject_calls *calls, unsigned argument, uint32_t offset)
{
	const size_t i = calls->n_calls - 1;

	calls->calls[i].arguments[argument] = offset;
	calls->pointers[i] |= (uint8_t)(1 << argument);
}

struct inject_call *foreign_call(struct inject_calls *calls, const char *function, const char *text)
{
	uint32_t at = text ? foreign_room(calls, strlen(text) + 1) : 0;
	struct inject_call *call;

	if (calls->n_calls == INJECT_CALLS_MAX || at == UINT32_MAX)
		return NULL;
	calls->function[calls->n_calls] = function;
	call = &calls->calls[calls->n_calls++];
	*call = (struct inject_call){};
	if (text) {
		memcpy(calls->data + at, text, strlen(text) + 1);
		foreign_point(calls, 0, at);
	}
	return call;
}

static int refuse(struct arenas *arenas, const char *format, const char *name, const char *why)
{
	if (arenas->refused)
		return 0;
	/* NOLINTNEXTLINE(clang-diagnostic-format-nonliteral): from this file */
	return asprintf(&arenas->refused, format, name, why) < 0 ? -ENOMEM : 0;
}

static void know(const struct linked_allocator *linked, struct inject_calls *calls)
{
	for (size_t i = 0; i < LINKED_FUNCTIONS && linked->functions[i].name; i++)
		calls->known[calls->n_known++] = (struct inject_known){
			linked->functions[i].name, linked->functions[i].address};
}

int foreign_know(const struct space *space, struct inject_calls *calls)
{
	struct linked_allocator linked;
	int r = runtimes_allocator(space->maps) ? 1 : linked_find(space, &linked);

	if (r == 0)
		know(&linked, calls);
	return MIN(r, 0);
}

static int ask(size_t which, const struct linked_allocator *linked, pid_t pid, struct arenas *ret)
{
	_cleanup_free_ struct inject_calls *calls = calloc(1, sizeof(*calls));
	_cleanup_(strbuf_deinit) struct strbuf error = {};
	struct inject_outcome outcome;
	int r;

	if (!calls)
		return -ENOMEM;
	know(linked, calls);
	r = asked[which].ask(calls);
	if (r >= 0)
		r = inject_calls_make(pid, calls, &outcome, &error);
	if (r < 0)
		return refuse(ret, "%s could not be asked for its figures: %s", asked[which].name,
			      *strbuf_text(&error) ? strbuf_text(&error) : strerror(-r));
	r = asked[which].understand(calls, ret);
	if (r == -EBADMSG)
		return refuse(ret, "%s answers in a way that is not known%s", asked[which].name,
			      "");
	return r;
}

int foreign_read(const struct space *space, pid_t may_stop, struct arenas *ret)
{
	const char *name = runtimes_allocator(space->maps);
	struct linked_allocator linked = {};
	int r = name ? 0 : linked_find(space, &linked);

	if (!name)
		name = linked.name;
	if (r < 0 || !name)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
		if (strcmp(name, asked[i].name) != 0)
			continue;
		if (may_stop)
			return ask(i, &linked, may_stop, ret);
		return refuse(ret,
			      space->pid ? "%s tells its figures only to a thread of the process, "
					   "which has to be stopped for it%s"
					 : "%s tells its figures only to a process that lives%s",
			      name, "");
	}
	r = mimalloc_read(space->memory, space->maps, ret);
	if (r == -EBADMSG)
		return refuse(ret, "%s has segments of a form that is not known%s", name, "");
	return r == -ENOMEM ? r : 0;
}
