/* SPDX-License-Identifier: MIT */
/*
 * session.h: a profile in a file: self-contained (names included), compressed, versioned, checksummed.
 */
#ifndef PROFILE_SESSION_H
#define PROFILE_SESSION_H

#include "profile/profile.h"

/*
 * Writes to a temporary name beside path and renames it: either the whole file is there or the old one.
 * Returns the kernel's error (-ENOSPC, -EROFS, -EACCES…) or -ENOMEM, -E2BIG.
 */
int session_write(const struct profile *profile, const char *path);

/*
 * -EPROTO: not a session file; -EPROTONOSUPPORT: written by a newer memtrace; -EBADMSG: truncated or
 * damaged; else the kernel's error. Every size in the file is checked before it is used.
 */
int session_read(const char *path, struct profile **ret);
int session_parse(const void *bytes, size_t size, struct profile **ret);

/* Whether the file begins as a session file does: 1 or 0; -errno if it cannot be read. */
int session_is_session(const char *path);

#endif
