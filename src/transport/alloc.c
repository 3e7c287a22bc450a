// SPDX-License-Identifier: MIT
// Memory of this room comes from one place. A test program that defines these two itself is linked without
// this file.
#include "alloc.h"

#include <stdlib.h>

void *mqw__uv_new(size_t size)
{
    return calloc(1, size);
}

void *mqw__uv_resize(void *old, size_t size)
{
    return realloc(old, size);
}
