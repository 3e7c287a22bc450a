// SPDX-License-Identifier: MIT
// Memory of this library comes from one place, so that a test can make each allocation fail.
#ifndef MQW_SQLITE_ALLOC_H
#define MQW_SQLITE_ALLOC_H

#include <stddef.h>

/** Memory, or NULL. */
void *mqw__sqlite_alloc(size_t size);

#endif
