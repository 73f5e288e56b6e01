/* SPDX-License-Identifier: MIT */
/* Loads two plugins in turn, twice; prints "same" if they were mapped at one address. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static void *run(const char *directory, const char *name)
{
	char path[4096];
	void *handle, *address;
	void *(*plugin_run)(void);

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!handle) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	plugin_run = (void *(*)(void))dlsym(handle, "plugin_run");
	address = plugin_run();
	dlclose(handle);
	return address;
}

int main(int argc, char **argv)
{
	void *a = NULL, *b = NULL;

	if (argc < 2)
		return 2;
	for (int i = 0; i < 2; i++) {
		a = run(argv[1], "libplugin-a.so");
		b = run(argv[1], "libplugin-b.so");
	}
	printf("%s\n", a == b ? "same" : "different");
	return 0;
}
