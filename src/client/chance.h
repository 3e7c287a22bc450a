// SPDX-License-Identifier: MIT
// Numbers that nobody can guess come from one place, so that a test can say what they are.
#ifndef MQW_CLIENT_CHANCE_H
#define MQW_CLIENT_CHANCE_H

#include <stdbool.h>
#include <stddef.h>

/** Fills `out` with random bytes. False: there are none to be had. */
bool mqw__chance(void *out, size_t len);

#endif
