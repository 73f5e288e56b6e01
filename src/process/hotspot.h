/* SPDX-License-Identifier: MIT */
/*
 * hotspot.h: a Java machine (OpenJDK's HotSpot) seen from outside. It exports tables of its own types,
 * fields and constants for its debugger; with them its structures can be read whatever its version is.
 *
 *	r = hotspot_open(space, &hotspot);
 *	at = hotspot_static(hotspot, "CodeCache", "_heaps");	address of a static field, 0: there is none
 *	offset = hotspot_offset(hotspot, "Method", "_constMethod");
 *
 * Nothing in the process is touched. What is read may change meanwhile: whoever follows pointers checks
 * what they lead to.
 */
#ifndef PROCESS_HOTSPOT_H
#define PROCESS_HOTSPOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "process/space.h"

struct hotspot; /* opaque */

#define HOTSPOT_NONE UINT64_MAX

/*
 * The space has to outlive it. -ENODATA: it is no HotSpot, or one that has no such tables; -EAGAIN: it has
 * just been started; otherwise as inject_modules_read.
 */
int hotspot_open(const struct space *space, struct hotspot **ret);
/* The same where the table's addresses are known: memory and no more. */
struct hotspot *hotspot_free(struct hotspot *hotspot);
DEFINE_CLEANUP(struct hotspot *, hotspot_free)

/* Address of a static field; 0 if there is none of that name. */
uint64_t hotspot_static(const struct hotspot *hotspot, const char *type, const char *field);
/* Offset of a field in its type; HOTSPOT_NONE if there is none. */
uint64_t hotspot_offset(const struct hotspot *hotspot, const char *type, const char *field);
/* Bytes of a type; 0 if it is unknown. */
uint64_t hotspot_size(const struct hotspot *hotspot, const char *type);
/* A constant by its full name ("frame::arg_reg_save_area_bytes"). False if there is none. */
bool hotspot_constant(const struct hotspot *hotspot, const char *name, uint64_t *ret);
/*
 * An option as it is in force ("UseG1GC"): its first 8 bytes, of which a bool has 1, an int 4. False if
 * this version has no such option.
 */
bool hotspot_flag(struct hotspot *hotspot, const char *name, uint64_t *ret);
/* The same of one that is true or false; or_else if there is none. */
bool hotspot_flag_is(struct hotspot *hotspot, const char *name, bool or_else);

/* Words and smaller from its memory; false if they are not there. */
bool hotspot_read(const struct hotspot *hotspot, uint64_t address, void *buffer, size_t size);
/* *ret = the pointer at address. False if it cannot be read, or is NULL. */
bool hotspot_pointer(const struct hotspot *hotspot, uint64_t address, uint64_t *ret);
/* The pointer in a field of the object at address. */
bool hotspot_field(const struct hotspot *hotspot, uint64_t address, const char *type,
		   const char *field, uint64_t *ret);

#endif
