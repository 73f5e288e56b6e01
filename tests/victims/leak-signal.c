/* SPDX-License-Identifier: MIT */
/* Leaks in a signal handler, on the thread's stack and on an alternate one of the smallest size. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *volatile sink;

static void leak_in_handler(void)
{
	/* LEAK leak_in_handler: 6 blocks, 738 bytes */
	sink = malloc(123);
}

static void handler(int number)
{
	leak_in_handler();
}

static void raise_deep(int depth)
{
	if (depth > 0)
		raise_deep(depth - 1);
	else
		kill(getpid(), SIGUSR1);
	sink = NULL; /* no tail call */
}

int main(void)
{
	struct sigaction action = {.sa_handler = handler};
	static char alternate[16384];
	stack_t stack = {.ss_sp = alternate, .ss_size = sizeof(alternate)};

	sigaction(SIGUSR1, &action, NULL);
	for (int i = 0; i < 3; i++)
		raise_deep(5);
	if (sigaltstack(&stack, NULL) != 0)
		return 1;
	action.sa_flags = SA_ONSTACK;
	sigaction(SIGUSR1, &action, NULL);
	for (int i = 0; i < 3; i++)
		raise_deep(5);
	return 0;
}
