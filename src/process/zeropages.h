/* SPDX-License-Identifier: MIT */
/*
 * zeropages.h: pages that were only ever read.
 */
#ifndef PROCESS_ZEROPAGES_H
#define PROCESS_ZEROPAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether a page with this entry of pagemap may be one: if none may, nothing has to be asked. */
bool zeropages_may_be(uint64_t entry);

/*
 * Takes MEMORY_RESIDENT from those of the n pages (of enum memory_page, 512 at most) from address on that
 * are the kernel's page of zeros. pagemap is the file's descriptor. -errno, -ENOTTY before Linux 6.7: then
 * nothing has changed.
 */
int zeropages_clear(int pagemap, uint64_t address, size_t n, uint8_t *pages);

#endif
