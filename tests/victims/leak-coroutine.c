/* SPDX-License-Identifier: MIT */
/* Coroutines on stacks of their own, one from malloc and one at the very end of a mapping. */
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

enum { STACK_SIZE = 64 * 1024 };

static void *volatile sink;
static ucontext_t main_context, contexts[2];

static void leak_in_coroutine(void)
{
	/* LEAK leak_in_coroutine: 20 blocks, 12800 bytes */
	sink = malloc(640);
}

static void coroutine(int number)
{
	for (int i = 0; i < 10; i++) {
		leak_in_coroutine();
		swapcontext(&contexts[number], &main_context);
	}
}

int main(void)
{
	char *stacks[2] = {
		malloc(STACK_SIZE), /* freed below */
		mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)};

	for (int i = 0; i < 2; i++) {
		getcontext(&contexts[i]);
		contexts[i].uc_stack.ss_sp = stacks[i];
		contexts[i].uc_stack.ss_size = STACK_SIZE;
		contexts[i].uc_link = &main_context;
		makecontext(&contexts[i], (void (*)(void))coroutine, 1, i);
	}
	for (int round = 0; round < 11; round++)
		for (int i = 0; i < 2; i++)
			if (round < 10)
				swapcontext(&main_context, &contexts[i]);
	free(stacks[0]);
	munmap(stacks[1], STACK_SIZE);
	return 0;
}
