// SPDX-License-Identifier: MIT
// Memory of this library comes from one place. A test program that defines it itself is linked without this
// file.
#include "alloc.h"

#include <stdlib.h>

void *mqw__sqlite_alloc(size_t size)
{
    return malloc(size);
}
