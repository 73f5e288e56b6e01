/* SPDX-License-Identifier: MIT */
/*
 * cxx-name.h: C++ names as people write them. What a demangler gives is complete, and for a container of
 * the standard library two lines long; a program that reads names gets those, a person these.
 */
#ifndef PROFILE_CXX_NAME_H
#define PROFILE_CXX_NAME_H

/*
 * Leaves out of a demangled name, in place, what its source does not spell either: template arguments
 * that are the standard library's defaults, and its inline namespaces.
 * "std::vector<char, std::allocator<char> >::resize(unsigned long)" becomes
 * "std::vector<char>::resize(unsigned long)". Other names stay as they are.
 */
void cxx_name_shorten(char *name);

/*
 * The function's name alone, in place: without parameters, what follows them, and the type that it
 * returns, which demanglers put before names of templates. "void f<int>(int)" becomes "f<int>".
 */
void cxx_name_bare(char *name);

#endif
