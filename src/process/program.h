/* SPDX-License-Identifier: MIT */
/*
 * program.h: can the preloaded agent work in that program? Asked before anything is started.
 */
#ifndef PROCESS_PROGRAM_H
#define PROCESS_PROGRAM_H

#include <stdbool.h>

enum program_fit {
	PROGRAM_FITS,
	PROGRAM_STATIC,      /* no dynamic loader */
	PROGRAM_OTHER_LIBC,  /* interpreter is not glibc's (musl) */
	PROGRAM_OTHER_CLASS, /* 32-bit, or another machine */
	PROGRAM_SETUID,      /* set-id or file capabilities: the loader ignores preloads */
	PROGRAM_OWN_MALLOC,  /* the main program exports malloc itself */
	PROGRAM_SANITIZER,   /* needs a sanitizer's runtime, which has to be the first library */
	PROGRAM_NOT_EXECUTABLE,
	PROGRAM_NOT_FOUND,
};

struct program {
	char *path;        /* the file that will be executed, found along PATH */
	char *interpreter; /* of a script: the "#!" program, whose fit this is; else NULL */
	enum program_fit fit;
	char *detail; /* the symbol, the interpreter… that decided; NULL if nothing did */
};

/* name as given to execvp. Returns 0 and the answer, or -errno if the file cannot be looked at. */
int program_examine(const char *name, struct program *ret);
void program_deinit(struct program *program);

#endif
