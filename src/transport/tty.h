// SPDX-License-Identifier: MIT
// Serial lines.
#ifndef MQW_TRANSPORT_TTY_H
#define MQW_TRANSPORT_TTY_H

#include <stdbool.h>

/** Whether the system knows a speed; 0: as it is. */
bool mqw__tty_knows(unsigned baud);
/** Opens a serial line in raw mode, at `baud` (0: as it is). The descriptor, MQW_E_ADDRESS for a speed that
 * the system does not know, or MQW_E_STREAM with errno. */
int mqw__tty_open(const char *path, unsigned baud);

#endif
