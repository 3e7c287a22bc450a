// SPDX-License-Identifier: MIT
// Memory of this room comes from one place, so that a test can make each allocation fail.
#ifndef MQW_TRANSPORT_ALLOC_H
#define MQW_TRANSPORT_ALLOC_H

#include <stddef.h>

/** Memory filled with zeros, or NULL. */
void *mqw__uv_new(size_t size);
/** As realloc. */
void *mqw__uv_resize(void *old, size_t size);

#endif
