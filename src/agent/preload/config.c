/* SPDX-License-Identifier: MIT */
/*
 * config.c: parsing of the environment by hand, because it happens inside the first malloc of the
 * process, where libc's own parsers may want to allocate or look at a locale that is not set up.
 *
 * Context: any thread; pure: reads its arguments, writes its result.
 */
#include "agent/preload/config.h"

#include <errno.h>
#include <string.h>

#include "region/abi.h"

enum {
	MAX_MEMORY_DEFAULT = 64 << 20,
};

const char *const config_variables[] = {
	"MEMTRACE_ALLOCATOR",
	"MEMTRACE_SAMPLE",
	"MEMTRACE_MAX_MEMORY",
	"MEMTRACE_SOCKET",
	"MEMTRACE_FOLLOW",
	"MEMTRACE_DEBUG",
	NULL,
};

const char *config_value(const char *entry, const char *name)
{
	for (; *name; name++, entry++)
		if (*entry != *name)
			return NULL;
	return *entry == '=' ? entry + 1 : NULL;
}

/* Decimal digits and nothing else. */
static int parse_number(const char *text, uint64_t *ret)
{
	uint64_t value = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		unsigned digit = (unsigned)*text - '0';

		if (digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, digit, &value))
			return -EINVAL;
	}
	*ret = value;
	return 0;
}

static int parse_bool(const char *text, bool *ret)
{
	if (strcmp(text, "0") != 0 && strcmp(text, "1") != 0)
		return -EINVAL;
	*ret = *text == '1';
	return 0;
}

static int parse_allocator(const char *text, struct config *config)
{
	if (strcmp(text, "fast") != 0 && strcmp(text, "system") != 0)
		return -EINVAL;
	config->system = *text == 's';
	return 0;
}

static int parse_sample(const char *text, struct config *config)
{
	uint64_t interval;
	int r;

	if (strcmp(text, "auto") == 0 || strcmp(text, "watched") == 0) {
		config->sampling = MT_SAMPLING_AUTO;
		config->watched = *text == 'w';
		return 0;
	}
	if (strcmp(text, "all") == 0) {
		config->sampling = MT_SAMPLING_ALL;
		return 0;
	}
	if (strcmp(text, "off") == 0) {
		config->sampling = MT_SAMPLING_OFF;
		return 0;
	}
	r = parse_number(text, &interval);
	if (r < 0)
		return r;
	/* the region keeps the interval of a sample in 32 bits */
	if (interval == 0 || interval > UINT32_MAX)
		return -EINVAL;
	config->sampling = MT_SAMPLING_INTERVAL;
	config->interval = interval;
	return 0;
}

static int parse_socket(const char *text, struct config *config)
{
	size_t length = strlen(text);

	if (length > CONFIG_SOCKET_MAX)
		return -EINVAL;
	memcpy(config->socket, text, length + 1);
	config->socket_length = length;
	return 0;
}

static int parse_entry(const char *entry, struct config *config)
{
	const char *value;

	if ((value = config_value(entry, "MEMTRACE_ALLOCATOR")) && *value)
		return parse_allocator(value, config);
	if ((value = config_value(entry, "MEMTRACE_SAMPLE")) && *value)
		return parse_sample(value, config);
	if ((value = config_value(entry, "MEMTRACE_MAX_MEMORY")) && *value)
		return parse_number(value, &config->max_memory);
	if ((value = config_value(entry, "MEMTRACE_SOCKET")) && *value)
		return parse_socket(value, config);
	if ((value = config_value(entry, "MEMTRACE_FOLLOW")) && *value)
		return parse_bool(value, &config->follow);
	if ((value = config_value(entry, "MEMTRACE_DEBUG")) && *value)
		return parse_bool(value, &config->debug);
	return 0;
}

int config_read(char *const *environ, struct config *ret, const char **ret_bad)
{
	int result = 0;

	*ret = (struct config){
		.follow = true,
		.sampling = MT_SAMPLING_AUTO,
		.max_memory = MAX_MEMORY_DEFAULT,
	};
	for (; environ && *environ; environ++) {
		const char *debug = config_value(*environ, "MEMTRACE_DEBUG");

		if (result < 0 && !debug)
			continue;
		if (parse_entry(*environ, ret) < 0 && result == 0) {
			*ret_bad = *environ;
			result = -EINVAL;
		}
	}
	return result;
}
