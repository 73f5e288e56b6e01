/* SPDX-License-Identifier: MIT */
/*
 * class-name.c: a type alone is no mangled name, but "type_info of that type" is one.
 */
#include "cli/class-name.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "symbolize/demangle.h"

int class_name(const char *mangled, char **ret)
{
	_cleanup_(strbuf_deinit) struct strbuf symbol = {};
	static const char prefix[] = "typeinfo for ";
	const size_t length = sizeof(prefix) - 1;
	_cleanup_free_ char *readable = NULL;
	int r;

	r = strbuf_addf(&symbol, "_ZTI%s", mangled);
	if (r >= 0)
		r = demangle(strbuf_text(&symbol), &readable);
	if (r < 0)
		return r;
	*ret = strdup(r > 0 && !strncmp(readable, prefix, length) ? readable + length : mangled);
	return *ret ? 0 : -ENOMEM;
}
