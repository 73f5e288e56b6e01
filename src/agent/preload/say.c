/* SPDX-License-Identifier: MIT */
/*
 * say.c: see say.h. Context: anywhere, signal handlers and the inside of malloc included.
 */
#include "agent/preload/say.h"

#include "agent/core/sys.h"

bool say_debug;

void say_text(struct say *line, const char *text)
{
	/* the last byte is the end of the line */
	for (; *text && line->length < sizeof(line->text) - 1; text++)
		line->text[line->length++] = *text;
}

static void put_digits(struct say *line, uint64_t number, unsigned base)
{
	char digits[24];
	size_t i = sizeof(digits) - 1;

	digits[i] = 0;
	do {
		digits[--i] = "0123456789abcdef"[number % base];
		number /= base;
	} while (number);
	say_text(line, digits + i);
}

void say_number(struct say *line, uint64_t number)
{
	put_digits(line, number, 10);
}

void say_hex(struct say *line, uint64_t number)
{
	say_text(line, "0x");
	put_digits(line, number, 16);
}

void say_begin(struct say *line)
{
	line->length = 0;
	say_text(line, "memtrace: ");
	say_number(line, (uint64_t)sys_getpid());
	say_text(line, ": ");
}

void say_end(struct say *line)
{
	line->text[line->length++] = '\n';
	(void)sys_call3(SYS_NR_write, 2, (long)line->text, (long)line->length);
}

void say(const char *what, const char *detail)
{
	struct say line;

	if (!say_debug)
		return;
	say_begin(&line);
	say_text(&line, what);
	if (detail) {
		say_text(&line, " ");
		say_text(&line, detail);
	}
	say_end(&line);
}

void say_error(const char *what, int error)
{
	struct say line;

	if (!say_debug)
		return;
	say_begin(&line);
	say_text(&line, what);
	say_text(&line, ": error ");
	say_number(&line, (uint64_t)(error < 0 ? -error : error));
	say_end(&line);
}
