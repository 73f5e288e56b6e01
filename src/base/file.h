/* SPDX-License-Identifier: MIT */
/*
 * file.h: whole files in, whole files out. Errors are -errno as the kernel gave it.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Reads all of a file, also one in /proc whose size the kernel does not tell, and puts a zero behind
 * it. -EFBIG if there are more than max bytes. The caller frees. ret_size may be NULL.
 */
int file_read(const char *path, size_t max, char **ret, size_t *ret_size);
/* Reads from where fd stands to the end; fd stays open. */
int file_read_fd(int fd, size_t max, char **ret, size_t *ret_size);

/* Reads size bytes at offset or up to the end. Returns how many, or -errno. */
ssize_t file_pread(int fd, void *buffer, size_t size, uint64_t offset);
/* Writes all of it: 0 or -errno. */
int file_write_fd(int fd, const void *bytes, size_t size);

/*
 * A file that is written beside its final name and appears there as a whole, or not at all:
 *
 *	_cleanup_(file_draft_deinit) struct file_draft draft;
 *	r = file_draft_init(&draft, path);	then write to draft.fd, then
 *	r = file_draft_commit(&draft);
 *
 * A path that is no regular file (a pipe, /dev/stdout) is written to directly; a symbolic link is
 * followed. A full disk shows at the latest in commit, which does not wait for the disk.
 */
struct file_draft {
	int fd;
	char *path; /* the final name */
	char *temp; /* the name until commit, NULL if path is written to directly */
};

/* On failure, too, the draft may be given to file_draft_deinit. */
int file_draft_init(struct file_draft *draft, const char *path);
/* What was not committed disappears. */
void file_draft_deinit(struct file_draft *draft);
int file_draft_commit(struct file_draft *draft);

/* All of the above for bytes that are there already. */
int file_write(const char *path, const void *bytes, size_t size);

#endif
