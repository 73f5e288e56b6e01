/* SPDX-License-Identifier: MIT */
/* malloc.c: a program that brings its own malloc, or (ADDRESS) only asks where libc's is. */
#include <stddef.h>
#include <stdlib.h>

#ifndef ADDRESS
void *malloc(size_t size)
{
	static char memory[1 << 16];
	static size_t used;

	size = (size + 15) & ~(size_t)15;
	if (size > sizeof(memory) - used)
		return NULL;
	used += size;
	return memory + used - size;
}
#endif

void *(*volatile address)(size_t) = malloc;

int main(void)
{
	return !address;
}
