/* SPDX-License-Identifier: MIT */
/* no-bytes.c: a build without the agent has no image either (inject_bytes_size is 0). */
#include <stddef.h>

extern const unsigned char inject_bytes[];
extern const size_t inject_bytes_size;

const unsigned char inject_bytes[1];
const size_t inject_bytes_size;
