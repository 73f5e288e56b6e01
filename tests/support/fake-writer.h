/* SPDX-License-Identifier: MIT */
/* fake-writer.h: a region of ordinary memory, for tests of what writes to its tables. */
#ifndef TESTS_SUPPORT_FAKE_WRITER_H
#define TESTS_SUPPORT_FAKE_WRITER_H

#include "agent/core/writer.h"

enum { FAKE_MODULES = 64, FAKE_STRINGS = 1 << 16, FAKE_EVENTS = 4096 };

extern struct mt_event fake_events[FAKE_EVENTS];
extern unsigned fake_n_events;

/* Empties the tables; without this call there are none. */
void fake_writer_init(void);

#endif
