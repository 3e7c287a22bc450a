// SPDX-License-Identifier: MIT
// The allocator that is used when the program names none: the C library's.
#include "base/alloc.h"

#include <stdlib.h>

static void *resize_by_libc(void *ctx, void *old, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)old_size;
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, new_size);
}

mqw_allocator mqw__allocator(const mqw_allocator *given)
{
    return given ? *given : (mqw_allocator){resize_by_libc, NULL};
}
