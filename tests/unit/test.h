/* SPDX-License-Identifier: MIT */
/*
 * test.h: what every unit test includes after its own headers: cmocka in the order that it asks for.
 */
#ifndef TESTS_UNIT_TEST_H
#define TESTS_UNIT_TEST_H

/* IWYU pragma: begin_exports */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
/* IWYU pragma: end_exports */

#endif
