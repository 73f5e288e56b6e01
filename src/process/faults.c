/* SPDX-License-Identifier: MIT */
/*
 * faults.c: an event for each thread on each processor, so that threads that are started later inherit it;
 * all events of a processor write into one ring, which the first of them maps. The kernel moves the ring's
 * head, we its tail; a record that wraps around its end is copied out.
 *
 * A record of a sample is, in this order (perf_event_open(2), PERF_RECORD_SAMPLE): pid and tid, time,
 * address, period, registers, stack. What the stack's record is long and what of it the kernel could copy
 * are two figures.
 */
#include "process/faults.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/grow.h"
#include "base/macro.h"
#include "process/procinfo.h"

enum {
	/* powers of two pages: the most that is tried, and what the kernel lets any user lock */
	RING_MAX = 4 << 20,
	RING_MIN = 512 << 10,
	RECORD_MAX = 65536, /* its size has 16 bits */
	WAKE_AFTER = RING_MIN / 4,
	/* samples a second, of all threads: the period doubles above, and halves below */
	SAMPLES_MOST = 1000,
	SAMPLES_LEAST = 100,
	NS_PER_S = 1000000000,
};

struct ring {
	struct perf_event_mmap_page *control; /* NULL: this processor has none */
	const uint8_t *data;
	size_t size; /* of data */
	int fd;      /* the event whose ring it is; owned by the list of all */
};

struct faults {
	struct ring *rings;
	size_t n_rings;
	int *fds; /* all events */
	size_t n_fds;
	int poll_fd;
	bool only_user;
	uint64_t period;
	uint64_t lost;
	uint64_t second_ns; /* when the count began */
	unsigned n_second;
	uint8_t *record; /* RECORD_MAX bytes */
};

static int open_event(pid_t tid, int cpu, bool only_user)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_PAGE_FAULTS,
		.sample_period = 1,
		.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_ADDR |
			       PERF_SAMPLE_PERIOD | PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER,
		.disabled = 1,
		.inherit = 1,
		.exclude_kernel = only_user,
		.exclude_hv = 1,
		.watermark = 1,
		.wakeup_watermark = WAKE_AFTER,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
		.sample_regs_user = SAMPLE_REGS_MASK,
		.sample_stack_user = FAULTS_STACK_MAX,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attr, tid, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int map_ring(struct faults *faults, struct ring *ring, int fd)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct epoll_event interest = {.events = EPOLLIN};
	size_t size = RING_MAX;
	void *at;

	do
		at = mmap(NULL, page + size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	while (at == MAP_FAILED && errno == EPERM && (size /= 2) >= RING_MIN);
	if (at == MAP_FAILED)
		return -errno;
	ring->control = at;
	ring->size = size;
	ring->data = (const uint8_t *)at + page;
	ring->fd = fd;
	return epoll_ctl(faults->poll_fd, EPOLL_CTL_ADD, fd, &interest) < 0 ? -errno : 0;
}

static int watch(struct faults *faults, pid_t tid, size_t cpu)
{
	struct ring *ring = &faults->rings[cpu];
	int fd = open_event(tid, (int)cpu, faults->only_user);

	/* a processor that is not there, a thread that has gone */
	if (fd == -ENODEV || fd == -ESRCH)
		return 0;
	if (fd < 0)
		return fd;
	if (GROW(faults->fds, faults->n_fds) < 0) {
		close(fd);
		return -ENOMEM;
	}
	faults->fds[faults->n_fds++] = fd;
	if (!ring->control)
		return map_ring(faults, ring, fd);
	return ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, ring->fd) < 0 ? -errno : 0;
}

static int watch_all(struct faults *faults, pid_t pid)
{
	_cleanup_free_ struct procinfo_thread *threads = NULL;
	size_t n_threads;
	int r = procinfo_read_threads(pid, &threads, &n_threads);

	for (size_t i = 0; r >= 0 && i < n_threads; i++)
		for (size_t cpu = 0; r >= 0 && cpu < faults->n_rings; cpu++)
			r = watch(faults, threads[i].tid, cpu);
	if (r >= 0 && faults->n_fds == 0)
		return -ESRCH;
	for (size_t i = 0; r >= 0 && i < faults->n_fds; i++)
		r = ioctl(faults->fds[i], PERF_EVENT_IOC_ENABLE, 0) < 0 ? -errno : 0;
	return r;
}

/* Whether faults inside of system calls may be seen, too; negative if none may. */
static int probe(pid_t pid, bool *ret_only_user)
{
	int fd = open_event(pid, -1, false);

	*ret_only_user = fd == -EACCES || fd == -EPERM;
	if (*ret_only_user)
		fd = open_event(pid, -1, true);
	if (fd >= 0)
		close(fd);
	return MIN(fd, 0);
}

int faults_open(pid_t pid, struct faults **ret)
{
	const long n_cpus = sysconf(_SC_NPROCESSORS_CONF);
	struct faults *faults = calloc(1, sizeof(*faults));
	int r;

	if (!faults)
		return -ENOMEM;
	faults->n_rings = (size_t)MAX(n_cpus, 1);
	faults->period = 1;
	faults->second_ns = clock_ns(CLOCK_MONOTONIC);
	faults->rings = calloc(faults->n_rings, sizeof(*faults->rings));
	faults->record = malloc(RECORD_MAX);
	faults->poll_fd = epoll_create1(EPOLL_CLOEXEC);
	r = faults->poll_fd < 0 ? -errno : probe(pid, &faults->only_user);
	if (!faults->rings || !faults->record)
		r = -ENOMEM;
	if (r >= 0)
		r = watch_all(faults, pid);
	if (r < 0) {
		faults_close(faults);
		return r;
	}
	*ret = faults;
	return 0;
}

struct faults *faults_close(struct faults *faults)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (!faults)
		return NULL;
	for (size_t i = 0; faults->rings && i < faults->n_rings; i++)
		if (faults->rings[i].control)
			munmap(faults->rings[i].control, page + faults->rings[i].size);
	for (size_t i = 0; i < faults->n_fds; i++)
		close(faults->fds[i]);
	if (faults->poll_fd >= 0)
		close(faults->poll_fd);
	free(faults->rings);
	free(faults->fds);
	free(faults->record);
	free(faults);
	return NULL;
}

int faults_fd(const struct faults *faults)
{
	return faults->poll_fd;
}

uint64_t faults_lost(const struct faults *faults)
{
	return faults->lost;
}

bool faults_only_user(const struct faults *faults)
{
	return faults->only_user;
}

static void set_period(struct faults *faults, uint64_t period)
{
	faults->period = period;
	for (size_t i = 0; i < faults->n_fds; i++)
		(void)ioctl(faults->fds[i], PERF_EVENT_IOC_PERIOD, &faults->period);
}

/* Looked at each second, and as soon as there are too many. */
static void count_sample(struct faults *faults, uint64_t time_ns)
{
	if (time_ns >= faults->second_ns + NS_PER_S) {
		if (faults->n_second < SAMPLES_LEAST && faults->period > 1)
			set_period(faults, faults->period / 2);
		faults->second_ns = time_ns;
		faults->n_second = 0;
	}
	if (++faults->n_second <= SAMPLES_MOST)
		return;
	faults->n_second = SAMPLES_MOST / 2;
	set_period(faults, faults->period * 2);
}

/* Takes size bytes off a record; false if it is not as long. */
static bool take(const uint8_t **at, size_t *left, void *to, size_t size)
{
	if (*left < size)
		return false;
	memcpy(to, *at, size);
	*at += size;
	*left -= size;
	return true;
}

/* False if the record is damaged or was taken where there are no user's registers. */
static bool parse_sample(const uint8_t *at, size_t left, struct faults_sample *ret)
{
	uint32_t ids[2];
	uint64_t abi, size, copied;

	*ret = (struct faults_sample){};
	if (!take(&at, &left, ids, sizeof(ids)) ||
	    !take(&at, &left, &ret->time_ns, sizeof(ret->time_ns)) ||
	    !take(&at, &left, &ret->address, sizeof(ret->address)) ||
	    !take(&at, &left, &ret->weight, sizeof(ret->weight)) ||
	    !take(&at, &left, &abi, sizeof(abi)) || abi != PERF_SAMPLE_REGS_ABI_64 ||
	    !take(&at, &left, ret->registers, sizeof(ret->registers)) ||
	    !take(&at, &left, &size, sizeof(size)))
		return false;
	ret->tid = ids[1];
	if (size == 0)
		return true;
	if (left < size)
		return false;
	ret->stack = at;
	at += size;
	left -= size;
	if (!take(&at, &left, &copied, sizeof(copied)))
		return false;
	ret->stack_size = MIN(copied, size);
	return true;
}

static void copy_out(const struct ring *ring, uint64_t from, void *to, size_t size)
{
	const size_t skip = from % ring->size, n = MIN(size, ring->size - skip);

	memcpy(to, ring->data + skip, n);
	memcpy((uint8_t *)to + n, ring->data, size - n);
}

static int consume_ring(struct faults *faults, struct ring *ring,
			int (*visit)(const struct faults_sample *sample, void *userdata),
			void *userdata)
{
	uint64_t tail = ring->control->data_tail;
	const uint64_t head = __atomic_load_n(&ring->control->data_head, __ATOMIC_ACQUIRE);
	int r = 0;

	while (tail < head && r >= 0) {
		struct perf_event_header header;
		struct faults_sample sample;
		uint64_t lost[2];

		copy_out(ring, tail, &header, sizeof(header));
		if (header.size < sizeof(header) || header.size > head - tail)
			break;
		copy_out(ring, tail + sizeof(header), faults->record, header.size - sizeof(header));
		tail += header.size;
		if (header.type == PERF_RECORD_LOST &&
		    header.size >= sizeof(header) + sizeof(lost)) {
			memcpy(lost, faults->record, sizeof(lost));
			faults->lost += lost[1] * faults->period;
			set_period(faults, faults->period * 2);
		} else if (header.type == PERF_RECORD_SAMPLE &&
			   parse_sample(faults->record, header.size - sizeof(header), &sample)) {
			count_sample(faults, sample.time_ns);
			r = visit(&sample, userdata);
		}
	}
	__atomic_store_n(&ring->control->data_tail, MAX(tail, ring->control->data_tail),
			 __ATOMIC_RELEASE);
	return r;
}

int faults_consume(struct faults *faults,
		   int (*visit)(const struct faults_sample *sample, void *userdata), void *userdata)
{
	int r = 0;

	for (size_t i = 0; i < faults->n_rings && r >= 0; i++)
		if (faults->rings[i].control)
			r = consume_ring(faults, &faults->rings[i], visit, userdata);
	return r;
}
