/* SPDX-License-Identifier: MIT */
/*
 * plugin: allocates and frees on its own and across its border, from its constructor on. deepbind.c
 * loads it with RTLD_DEEPBIND.
 */
#include <stdlib.h>
#include <string.h>

void *plugin_give(size_t size);
void *plugin_give_copy(const char *text);
void plugin_take(void *block);
void *plugin_resize(void *block, size_t size);
int plugin_constructed(void);

static int constructed;

static __attribute__((constructor)) void construct(void)
{
	/* libc allocates for it through the program's malloc, the plugin frees through its own */
	char *copy = strdup("a string that libc allocates");
	char *path = realpath("/", NULL);

	constructed = copy && path && strcmp(path, "/") == 0;
	free(copy);
	free(path);
}

int plugin_constructed(void)
{
	return constructed;
}

void *plugin_give(size_t size)
{
	return malloc(size);
}

void *plugin_give_copy(const char *text)
{
	return strdup(text);
}

void plugin_take(void *block)
{
	free(block);
}

void *plugin_resize(void *block, size_t size)
{
	return realloc(block, size);
}
