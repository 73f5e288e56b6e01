/* SPDX-License-Identifier: MIT */
/*
 * inject-wait.c: an alarm that repeats, whose handler does nothing, ends system calls that wait; and while
 * a thread of another program stands still for the tool, the tool is in a hurry.
 */
#include "process/inject-wait.h"

#include <sched.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	WAIT_ALARM_US = 20000,
	WAIT_NICE = -20,
	WAIT_SLICE_NS = 100000,
	SCHED_FLAG_RESET = 1, /* SCHED_FLAG_RESET_ON_FORK */
};

struct schedule {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

/* With the nice value of those who may, and the shortest slice, which anybody may ask for (Linux 6.12). */
static void schedule(pid_t tid, bool hurry, int nice)
{
	struct schedule schedule = {.size = sizeof(schedule), .runtime = hurry ? WAIT_SLICE_NS : 0};

	schedule.nice = hurry ? WAIT_NICE : nice;
	if (syscall(SYS_sched_setattr, tid, &schedule, 0) < 0 && hurry) {
		schedule.nice = nice;
		(void)syscall(SYS_sched_setattr, tid, &schedule, 0);
	}
}

/* While a thread waits for the tool, the tool goes before others: in real time where it may. */
void inject_wait_hurry(const struct inject_wait *wait, bool on)
{
	struct schedule real_time = {.size = sizeof(real_time),
				     .policy = SCHED_RR,
				     .flags = SCHED_FLAG_RESET,
				     .priority = 1};

	if (on && syscall(SYS_sched_setattr, 0, &real_time, 0) == 0)
		return;
	schedule(0, on, wait->old_nice);
}

void inject_wait_hurry_thread(pid_t tid)
{
	schedule(tid, true, 0);
}

void inject_wait_note(struct inject_wait *wait)
{
	wait->old_nice = getpriority(PRIO_PROCESS, 0);
}

static void on_alarm(int signal)
{
}

void inject_wait_begin(struct inject_wait *wait)
{
	struct sigaction action = {.sa_handler = on_alarm}; /* without SA_RESTART */
	struct itimerval timer = {{0, WAIT_ALARM_US}, {0, WAIT_ALARM_US}};

	sigaction(SIGALRM, &action, &wait->old_action);
	setitimer(ITIMER_REAL, &timer, &wait->old_timer);
	inject_wait_note(wait);
}

void inject_wait_end(struct inject_wait *wait)
{
	setitimer(ITIMER_REAL, &wait->old_timer, NULL);
	sigaction(SIGALRM, &wait->old_action, NULL);
}
