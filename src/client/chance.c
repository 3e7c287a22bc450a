// SPDX-License-Identifier: MIT
// Random bytes. A test program that defines this itself is linked without this file.
#include "chance.h"

#include <openssl/rand.h>

bool mqw__chance(void *out, size_t len)
{
    return RAND_bytes(out, (int)len) == 1;
}
