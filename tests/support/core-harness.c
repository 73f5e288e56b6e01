/* SPDX-License-Identifier: MIT */
/* core-harness.c: see core-harness.h. */
#include "tests/support/core-harness.h"

#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

int harness_fd = -1;

void harness_fail(const char *file, int line, const char *condition)
{
	fprintf(stderr, "%s:%d: check failed: %s\n", file, line, condition);
	_exit(99);
}

static int keep(int fd)
{
	if (harness_fd >= 0)
		close(harness_fd);
	harness_fd = dup(fd);
	return 0;
}

struct core_config harness_config(void)
{
	return (struct core_config){
		.mode = MT_MODE_PRELOAD,
		.allocator = MT_ALLOCATOR_FAST,
		.sampling = MT_SAMPLING_ALL,
		.max_memory = 16 << 20,
		.vdso = getauxval(AT_SYSINFO_EHDR),
		.tags = true,
		.handover = keep,
	};
}

int harness_wait(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int harness_run(void (*body)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		body();
		_exit(0);
	}
	return harness_wait(pid);
}

void harness_start(const struct core_config *config)
{
	check(core_start(config) == 0);
	check(harness_fd >= 0);
}

void harness_snapshot(int fd, struct region_snapshot *ret)
{
	struct region *region;

	check(region_open_fd(fd, &region) == 0);
	check(region_snapshot(region, 0, ret) == 0);
	region_free(region);
}

const struct mt_live *harness_find_live(const struct region_snapshot *snapshot, uint64_t addr)
{
	for (uint32_t i = 0; i < snapshot->n_live; i++)
		if (snapshot->live[i].addr == addr)
			return &snapshot->live[i];
	return NULL;
}

struct mt_site harness_sum_sites(const struct region_snapshot *snapshot, unsigned kind)
{
	struct mt_site sum = {0};

	for (uint32_t i = 0; i < snapshot->n_sites; i++) {
		const struct mt_site *site = &snapshot->sites[i];

		if (!site->n_frames || site->kind != kind)
			continue;
		sum.alloc_bytes += site->alloc_bytes;
		sum.alloc_blocks += site->alloc_blocks;
		sum.alloc_samples += site->alloc_samples;
		sum.freed_bytes += site->freed_bytes;
		sum.freed_blocks += site->freed_blocks;
		sum.freed_samples += site->freed_samples;
		sum.inherited_bytes += site->inherited_bytes;
		sum.inherited_blocks += site->inherited_blocks;
	}
	return sum;
}

union fd_message {
	char buffer[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

int harness_send_fd(int socket, int fd)
{
	union fd_message control = {0};
	struct iovec iov = {.iov_base = (char[]){'x'}, .iov_len = 1};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control.buffer,
				 .msg_controllen = sizeof(control.buffer)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	return sendmsg(socket, &message, 0) == 1 ? 0 : -1;
}

int harness_receive_fd(int socket)
{
	union fd_message control = {0};
	char byte;
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control.buffer,
				 .msg_controllen = sizeof(control.buffer)};
	int fd;

	if (recvmsg(socket, &message, 0) != 1 || !CMSG_FIRSTHDR(&message))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}
