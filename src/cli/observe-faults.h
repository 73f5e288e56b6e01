/* SPDX-License-Identifier: MIT */
/*
 * observe-faults.h: `attach --no-inject` of a process without the agent: who makes it grow, told by the page
 * faults that the kernel samples. It serves for static programs, Go, musl and any allocator.
 */
#ifndef CLI_OBSERVE_FAULTS_H
#define CLI_OBSERVE_FAULTS_H

#include <stdint.h>
#include <sys/types.h>

#include "base/strbuf.h"
#include "profile/profile.h"

/*
 * Until Ctrl-C, the process's end, or duration_ns if that is not 0. On failure error says what, why and
 * the way out.
 */
int observe_faults(pid_t pid, uint64_t duration_ns, struct profile **ret, struct strbuf *error);

#endif
