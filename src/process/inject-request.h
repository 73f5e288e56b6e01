/* SPDX-License-Identifier: MIT */
/*
 * inject-request.h: what a thread in the process is told.
 */
#ifndef PROCESS_INJECT_REQUEST_H
#define PROCESS_INJECT_REQUEST_H

#include "process/inject-remote.h"
#include "process/inject-session.h"

/* From a stopped thread's pointer to where libc keeps its id; 0 if that is not known. */
uint32_t injection_find_tid_offset(struct remote *remote);

/* The request, and the patches that it names. -E2BIG if these are too many. */
int injection_send_request(struct injection *injection, struct remote *remote);

/* The calls that injection has, with their data, before the request; and their results, after it was done. */
int injection_send_calls(struct injection *injection, struct remote *remote);
int injection_fetch_calls(struct injection *injection, struct remote *remote);

#endif
