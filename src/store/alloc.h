// SPDX-License-Identifier: MIT
// Memory of this room comes from one place, so that a test can make each allocation fail.
#ifndef MQW_STORE_ALLOC_H
#define MQW_STORE_ALLOC_H

#include <stddef.h>

/** Memory filled with zeros, or NULL. */
void *mqw__store_alloc(size_t size);

#endif
