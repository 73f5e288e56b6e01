/* SPDX-License-Identifier: MIT */
/*
 * class-name.h: the name of a C++ class as it was written, from the name in its type_info.
 */
#ifndef CLI_CLASS_NAME_H
#define CLI_CLASS_NAME_H

/* "N5store7SessionE" is "store::Session"; what cannot be read stays as it is. 0 or -ENOMEM. */
int class_name(const char *mangled, char **ret);

#endif
