/* SPDX-License-Identifier: MIT */
/*
 * inject-call.c: see the header. The image is laid out as for a recording, without hooks, and unmapped again
 * when the calls are made: nothing but the one thread was ever in it.
 */
#include "process/inject-call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/grow.h"
#include "base/macro.h"
#include "process/inject-outside.h"
#include "process/inject-session.h"
#include "process/inject-thread.h"

enum { CALL_TRIES = 300 };

static bool has_known(const struct inject_module *module, const struct inject_calls *calls)
{
	for (size_t i = 0; i < calls->n_known; i++)
		if (calls->known[i].address >= module->start &&
		    calls->known[i].address < module->end)
			return true;
	return false;
}

/* Modules whose code may hold locks of an allocator: every malloc there is, libc, the loader. */
static int collect_modules(const struct inject_modules *modules, const struct inject_calls *calls,
			   struct outside *ret)
{
	for (size_t i = 0; i < modules->n_modules; i++) {
		const struct inject_module *module = &modules->modules[i];
		struct inject_range range = {module->start, module->end - module->start};
		bool is_libc = inject_module_find(module, "__libc_start_main") != NULL;
		bool has_malloc =
			has_known(module, calls) || (inject_module_find(module, "malloc") &&
						     inject_module_find(module, "free"));

		if (!is_libc && !has_malloc && !module->is_loader)
			continue;
		if (GROW(ret->modules, ret->n_modules) < 0)
			return -ENOMEM;
		ret->modules[ret->n_modules++] = range;
		if (has_malloc && !is_libc && !module->is_loader && !ret->allocator.size)
			ret->allocator = range;
	}
	return 0;
}

static uint64_t find_function(const struct inject_modules *modules,
			      const struct inject_calls *calls, const char *name)
{
	for (size_t i = 0; i < calls->n_known; i++)
		if (strcmp(calls->known[i].name, name) == 0)
			return calls->known[i].address;
	for (size_t i = 0; i < modules->n_modules; i++) {
		const Elf64_Sym *symbol = inject_module_find(&modules->modules[i], name);

		if (symbol && !modules->modules[i].is_loader)
			return modules->modules[i].bias + symbol->st_value;
	}
	return 0;
}

static int find_functions(const struct inject_modules *modules, struct inject_calls *calls)
{
	for (size_t i = 0; i < calls->n_calls; i++) {
		if (i > 0 && calls->function[i] == calls->function[i - 1])
			calls->calls[i].function = calls->calls[i - 1].function;
		else
			calls->calls[i].function =
				find_function(modules, calls, calls->function[i]);
		if (!calls->calls[i].function)
			return -ENOENT;
	}
	return 0;
}

static int call_once(struct injection *injection, struct inject_calls *calls)
{
	struct outside outside = {};
	int r = injection_look(injection);

	if (r >= 0)
		r = find_functions(&injection->modules, calls);
	if (r >= 0)
		r = collect_modules(&injection->modules, calls, &outside);
	if (r >= 0) {
		injection->calls = calls;
		injection->outside = &outside;
		injection->control.request.command = INJECT_CALL;
		injection->control.request.session++;
		r = injection_work(injection);
		injection->calls = NULL;
		injection->outside = NULL;
	}
	free(outside.modules);
	return r;
}

static bool is_to_be_repeated(int r)
{
	return r == -EAGAIN || r == -EBUSY || r == -EXFULL;
}

/* The lines for attach end in the way out by an option of it. */
static void cut_option(struct strbuf *error)
{
	static const char *const ends[] = {"; use --no-inject", ", or use --no-inject"};

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		_cleanup_free_ char *line = strdup(strbuf_text(error));
		char *end = line ? strstr(line, ends[i]) : NULL;

		if (!end)
			continue;
		strbuf_reset(error);
		(void)strbuf_add(error, line, (size_t)(end - line));
	}
}

static void explain(pid_t pid, int r, const struct inject_calls *calls, struct strbuf *error)
{
	if (r == -EXFULL)
		strbuf_addf(error,
			    "%d has no thread that could be stopped outside of its allocator; "
			    "try again",
			    (int)pid);
	else if (r == -ENOENT)
		strbuf_addf(error, "%d has no function %s", (int)pid, calls->function[0]);
	else if (r == -ENOEXEC)
		strbuf_addf(error,
			    "%d is a static program, in which no function can be found by name",
			    (int)pid);
	else if (r == -ETIMEDOUT)
		strbuf_addf(error, "%d is still at it; look again later", (int)pid);
	else if (!*strbuf_text(error))
		inject_explain(pid, r, error);
	cut_option(error);
}

struct order {
	pid_t pid;
	struct inject_calls *calls;
	struct inject_outcome *outcome;
	struct strbuf *error;
};

static int call_until_done(struct injection *injection, struct inject_calls *calls)
{
	int r = call_once(injection, calls);

	for (unsigned i = 1; i < CALL_TRIES && is_to_be_repeated(r); i++) {
		injection_pause();
		r = call_once(injection, calls);
	}
	return r;
}

static int obey(void *order_)
{
	const struct order *order = order_;
	struct injection *injection = calloc(1, sizeof(*injection));
	int r = injection ? injection_init(injection, order->pid, order->error) : -ENOMEM;

	if (r >= 0)
		r = call_until_done(injection, order->calls);
	if (r >= 0)
		*order->outcome = injection->outcome;
	else
		explain(order->pid, r, order->calls, order->error);
	if (injection)
		injection_deinit(injection);
	free(injection);
	return r;
}

int inject_calls_make(pid_t pid, struct inject_calls *calls, struct inject_outcome *ret,
		      struct strbuf *error)
{
	return inject_thread_call(obey, &(struct order){pid, calls, ret, error});
}
