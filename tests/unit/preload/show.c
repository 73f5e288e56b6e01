/* SPDX-License-Identifier: MIT */
/* show: prints its arguments, and what of the agent its environment has. */
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv, char **environment)
{
	int i;

	for (i = 1; i < argc; i++)
		printf("%s ", argv[i]);
	for (; *environment; environment++) {
		if (strncmp(*environment, "MEMTRACE_ALLOCATOR=", 19) == 0)
			fputs("variables ", stdout);
		if (strncmp(*environment, "LD_PRELOAD=", 11) == 0) {
			fputs("preload ", stdout);
			if (strstr(*environment, "libmemtrace-agent.so"))
				fputs("agent ", stdout);
			if (strstr(*environment, "libother.so"))
				fputs("other ", stdout);
		}
		if (strncmp(*environment, "MARK=", 5) == 0)
			printf("%s ", *environment);
	}
	return 0;
}
