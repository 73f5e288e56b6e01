/* SPDX-License-Identifier: MIT */
/* fake-writer.c: see fake-writer.h. */
#include "tests/support/fake-writer.h"

#include <string.h>

struct writer writer;
struct mt_event fake_events[FAKE_EVENTS];
unsigned fake_n_events;

static struct mt_header header;
static struct mt_module modules[FAKE_MODULES];
static char strings[FAKE_STRINGS];

void fake_writer_init(void)
{
	memset(&header, 0, sizeof(header));
	memset(modules, 0, sizeof(modules));
	header.n_strings = 1;
	header.n_modules = 1;
	fake_n_events = 0;
	writer.header = &header;
	writer.modules = modules;
	writer.modules_capacity = FAKE_MODULES;
	writer.strings = strings;
	writer.ring = fake_events;
	writer.ring_capacity = FAKE_EVENTS;
}

uint32_t writer_add_string(const char *string, uint32_t length)
{
	uint64_t at = __atomic_fetch_add(&header.n_strings, length + 1, __ATOMIC_RELAXED);

	if (at + length + 1 > sizeof(strings))
		return 0;
	memcpy(strings + at, string, length);
	strings[at + length] = 0;
	return (uint32_t)at;
}

void writer_put_event(const struct mt_event *event)
{
	unsigned n = __atomic_fetch_add(&fake_n_events, 1, __ATOMIC_RELAXED);

	if (n < FAKE_EVENTS)
		fake_events[n] = *event;
}
