/* SPDX-License-Identifier: MIT */
/*
 * recent.h: which session files this user's memtrace wrote last, so that `report` without a target has
 * one. A small text file, $XDG_STATE_HOME/memtrace/sessions (~/.local/state without that variable), one
 * absolute path a line, the newest last. It is a convenience: where it cannot be written, nothing else
 * suffers.
 */
#ifndef CLI_RECENT_H
#define CLI_RECENT_H

/* The session at path, relative or absolute, is the newest now. 0 or -errno, which callers may pass over. */
int recent_add(const char *path);

/* The newest session file that is still there; -ENOENT if there is none. The caller frees. */
int recent_find(char **ret_path);

#endif
