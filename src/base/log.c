/* SPDX-License-Identifier: MIT */
/*
 * log.c: one line on stderr, in one write, so that lines of several processes do not mix. Allocates
 * nothing: a message that is too long is cut.
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/progress.h"

enum { LOG_LINE_MAX = 4096 };

static bool log_quiet;

void log_line(enum log_level level, const char *format, ...)
{
	char line[LOG_LINE_MAX];
	int saved = errno;
	size_t length, i;
	va_list args;

	if (level == LOG_NOTICE && log_quiet)
		return;
	length = (size_t)snprintf(line, sizeof(line), "memtrace: %s",
				  level == LOG_WARNING ? "warning: " : "");
	va_start(args, format);
	vsnprintf(line + length, sizeof(line) - length - 1, format, args);
	va_end(args);
	length = strlen(line);
	progress_hide();
	for (i = 0; i < length; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	line[length++] = '\n';
	/* what was printed before stands before */
	fflush(stdout);
	if (write(STDERR_FILENO, line, length) < 0) {
		/* nobody is listening, and there is nobody else to tell */
	}
	errno = saved;
}

void log_set_quiet(bool quiet)
{
	log_quiet = quiet;
}
