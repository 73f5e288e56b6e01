/* SPDX-License-Identifier: MIT */
/*
 * One buffer of 2 MB that is freed raises glibc's mmap threshold to its size, and the trim threshold to
 * twice that. The 160 buffers of 1.9 MB that follow come from the heap, each with a small record behind it
 * that stays, and when they are freed the heap keeps them: 304 MB.
 */
#include "stage.h"

enum { BUFFERS = 160, BIG = 2 << 20, SIZE = 1945600, RECORD = 2000 };

static struct stage stage;
static void *buffers[BUFFERS];
static void *volatile sink;

static void send_big(void)
{
	void *p = stage_alloc(&stage, BIG);

	stage_free(&stage, p, BIG);
}

static void receive(int i)
{
	buffers[i] = stage_alloc(&stage, SIZE);
	sink = stage_alloc(&stage, RECORD);
}

int main(void)
{
	send_big();
	for (int i = 0; i < BUFFERS; i++)
		receive(i);
	for (int i = 0; i < BUFFERS; i++)
		stage_free(&stage, buffers[i], SIZE);
	stage_wait(&stage);
	return 0;
}
