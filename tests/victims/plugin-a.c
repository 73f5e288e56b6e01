/* SPDX-License-Identifier: MIT */
/* A plugin that leaks and is unloaded; the loader puts its twin at the same address. */
#include <stdlib.h>

void *plugin_run(void);

static void *volatile sink;

static void leak_in_plugin_a(void)
{
	/* LEAK leak_in_plugin_a: 2 blocks, 2000 bytes */
	sink = malloc(1000);
}

void *plugin_run(void)
{
	leak_in_plugin_a();
	return (void *)plugin_run;
}
