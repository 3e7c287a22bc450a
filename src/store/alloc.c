// SPDX-License-Identifier: MIT
// Memory of this room comes from one place. A test program that defines it itself is linked without this
// file.
#include "alloc.h"

#include <stdlib.h>

void *mqw__store_alloc(size_t size)
{
    return calloc(1, size);
}
