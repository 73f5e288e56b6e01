/* SPDX-License-Identifier: MIT */
/*
 * capture-core.h: from a core file to a profile. The agent's region, if there was one, is in the core;
 * without it there are the process and its mappings.
 */
#ifndef CLI_CAPTURE_CORE_H
#define CLI_CAPTURE_CORE_H

#include <stdbool.h>

#include "base/strbuf.h"
#include "profile/profile.h"

/* exe: where the program's file is now, or NULL. On failure error says what, why and the way out. */
int capture_core(const char *path, const char *exe, bool symbolize, struct profile **ret,
		 struct strbuf *error);

#endif
