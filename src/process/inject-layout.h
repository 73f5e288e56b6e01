/* SPDX-License-Identifier: MIT */
/*
 * inject-layout.h: the image in the memory of the process.
 */
#ifndef PROCESS_INJECT_LAYOUT_H
#define PROCESS_INJECT_LAYOUT_H

#include "process/inject-remote.h"
#include "process/inject-session.h"

/* The thread maps memory for it; its first pages are written. -EACCES if that is denied. */
int injection_map(struct injection *injection, struct remote *remote);
/* All of it is written, and the thread makes its data writable. */
int injection_lay_out(struct injection *injection, struct remote *remote);
/* Data as in the file, but for what hooks use while recording is off. No thread is needed. */
int injection_reset(struct injection *injection, struct remote *remote);

/* The memory is given back. Nobody may be in it. */
int injection_unmap(struct injection *injection, struct remote *remote);

#endif
