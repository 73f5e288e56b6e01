/* SPDX-License-Identifier: MIT */
/*
 * jitname.h: what runtimes write into the names of a perf map besides the name: file and line.
 */
#ifndef SYMBOLIZE_JITNAME_H
#define SYMBOLIZE_JITNAME_H

#include <stddef.h>
#include <stdint.h>

/* Parts of the name; nothing is copied. */
struct jitname {
	const char *function;
	size_t function_length; /* 0: a function without a name */
	const char *file;       /* NULL: there is none in it */
	size_t file_length;
	uint32_t line; /* where the function begins; 0: not in it */
};

/*
 * V8 (node --perf-basic-prof): "JS:*serve /srv/app.js:3:15" is serve in /srv/app.js:3; CPython (python -X perf):
 * "py::Service.open:/srv/app.py" is Service.open in /srv/app.py. Any other name is all function.
 */
void jitname_split(const char *name, struct jitname *ret);

#endif
