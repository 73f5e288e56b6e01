/* SPDX-License-Identifier: MIT */
/*
 * deepbind: blocks cross between a program and its plugin loaded with RTLD_DEEPBIND, in both directions.
 * The plugin has no path: it is found by the RUNPATH of this program only if the loader sees that it is
 * this program that asks.
 */
#include <dlfcn.h>
#include <malloc.h>
#include <stdlib.h>

#include "check.h"

static void *find(void *plugin, const char *name)
{
	void *address = dlsym(plugin, name);

	CHECK(address);
	return address;
}

static void cross(void *plugin, size_t size)
{
	void *(*give)(size_t) = find(plugin, "plugin_give");
	void *(*give_copy)(const char *) = find(plugin, "plugin_give_copy");
	void (*take)(void *) = find(plugin, "plugin_take");
	void *(*resize)(void *, size_t) = find(plugin, "plugin_resize");
	char *block = give(size);

	CHECK(block && malloc_usable_size(block) >= size);
	memset(block, 1, size);
	free(block);
	take(malloc(size));
	take(strdup("copied by the program"));
	free(give_copy("copied by the plugin"));
	block = resize(malloc(size), size * 3);
	CHECK(block);
	block = realloc(block, size * 5);
	CHECK(block);
	take(block);
	free(realloc(give(size), size * 2));
	free(resize(give(size), size * 2));
}

int main(void)
{
	void *plugin = dlopen("libpreload-plugin.so", RTLD_NOW | RTLD_DEEPBIND);
	int (*constructed)(void);
	size_t size;

	if (!plugin)
		fprintf(stderr, "%s\n", dlerror());
	CHECK(plugin);
	constructed = find(plugin, "plugin_constructed");
	CHECK(constructed());
	for (size = 1; size < 1 << 20; size *= 3)
		cross(plugin, size);
	CHECK(dlclose(plugin) == 0);
	/* a failing one, and its message */
	CHECK(!dlopen("/nonexistent.so", RTLD_LAZY | RTLD_DEEPBIND) && dlerror());
	CHECK(dlopen(NULL, RTLD_NOW) && dlopen("libpreload-plugin.so", RTLD_LAZY));
	return 0;
}
