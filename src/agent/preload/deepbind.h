/* SPDX-License-Identifier: MIT */
/*
 * deepbind.h: plugins that are loaded with RTLD_DEEPBIND.
 *
 * Such a plugin searches its own libraries before the program's, finds libc's malloc there and never
 * ours, and then frees blocks of the one through the other. The cure is to let libc's own symbol table
 * lead to us: from the first such dlopen on, the entries of the functions that we export have our
 * addresses, so that whatever looks them up in libc, in whichever order, gets ours.
 */
#ifndef AGENT_PRELOAD_DEEPBIND_H
#define AGENT_PRELOAD_DEEPBIND_H

/* Finds the C library's dlopen. May be called again. */
void deepbind_find(void);

/*
 * What the exported dlopen, a stub in assembly that jumps on to the next one so that the loader sees
 * the true caller, calls before if flags has RTLD_DEEPBIND or the next one is not known yet.
 */
void deepbind_prepare(int flags);

/* Where the stub jumps; NULL until it was looked for. */
extern void *(*deepbind_next_dlopen)(const char *path, int flags);

#endif
