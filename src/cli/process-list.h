/* SPDX-License-Identifier: MIT */
/*
 * process-list.h: the processes that this user may look at (root: everybody's), without those that have no
 * memory of their own. A process that ends while it is looked at is left out.
 */
#ifndef CLI_PROCESS_LIST_H
#define CLI_PROCESS_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"
#include "process/procinfo.h"

struct process_entry {
	struct procinfo info; /* brief: pss and uss are unknown */
	bool has_agent;
};

struct process_list {
	struct process_entry *entries; /* by pid */
	size_t n_entries;
};

/*
 * before: the same a moment ago, or NULL; what it knows of the agent is not looked for again. -ENOSYS if /proc
 * is not mounted, -ENOMEM.
 */
int process_list_take(const struct process_list *before, struct process_list *ret);
void process_list_deinit(struct process_list *list);

/* The entry of the process, or NULL. */
const struct process_entry *process_list_find(const struct process_list *list, pid_t pid);

/* The arguments with blanks between them, nothing unprintable; "[name]" where there are none. */
void process_entry_add_command(const struct process_entry *entry, struct strbuf *text);

#endif
