/* SPDX-License-Identifier: MIT */
/*
 * say.h: lines on stderr without stdio: one write(2) a line, no allocation, errno kept.
 *
 * A line is made in a buffer of fixed size; what does not fit is cut.
 */
#ifndef AGENT_PRELOAD_SAY_H
#define AGENT_PRELOAD_SAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct say {
	size_t length;
	char text[512];
};

void say_begin(struct say *line);
void say_text(struct say *line, const char *text);
void say_number(struct say *line, uint64_t number);
void say_hex(struct say *line, uint64_t number);
/* Ends the line and writes it out. */
void say_end(struct say *line);

/* Whether MEMTRACE_DEBUG asks for the lines below. */
extern bool say_debug;

/* "memtrace: PID: WHAT DETAIL" if say_debug is set; detail may be NULL. */
void say(const char *what, const char *detail);
void say_error(const char *what, int error);

#endif
