/*
 * C ABI.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */

#ifndef LIBMSRP_H
#define LIBMSRP_H

/* Generated from bindings-c/src by `make generate`. Changes made here are lost. */

#include <stddef.h>
#include <stdint.h>

/* The version of this header; libmsrp_version() tells the library's. */
#define LIBMSRP_VERSION_MAJOR 0
#define LIBMSRP_VERSION_MINOR 1
#define LIBMSRP_VERSION_PATCH 0
#define LIBMSRP_VERSION_STRING "0.1.0"

#endif  /* LIBMSRP_H */
