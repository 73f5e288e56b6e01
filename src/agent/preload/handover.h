/* SPDX-License-Identifier: MIT */
/*
 * handover.h: gives a region's descriptor to the tool that listens for it.
 *
 * One message of eight bytes, HANDOVER_MESSAGE, with the descriptor attached, on a new connection to the
 * abstract stream socket that MEMTRACE_SOCKET names. The receiver learns the process from SO_PEERCRED.
 */
#ifndef AGENT_PRELOAD_HANDOVER_H
#define AGENT_PRELOAD_HANDOVER_H

#define HANDOVER_MESSAGE "MTREGION"

/*
 * Sends a copy of fd, never waiting. Returns 0, or -errno: nobody listens, another network namespace, no
 * descriptor free, too many at the door. Nothing is left open either way. Keeps errno.
 */
int handover_send(int fd);

#endif
