// SPDX-License-Identifier: MIT
// What a server needs of the system, and what it should not keep: another user, descriptors.
#ifndef MQW_PRIVILEGES_H
#define MQW_PRIVILEGES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

// Somebody to become. Files are read and made as that user from the start (privileges_borrow), so that they
// can be read again later; only addresses are bound as root (privileges_return), and then there is no way
// back (privileges_drop).
typedef struct tool_privileges {
    const char *name; // NULL: we stay who we are
    uid_t uid;
    gid_t gid;
} tool_privileges;

// Looks the user up. False: it was told that there is none, or that we may not become it.
bool privileges_find(tool_privileges *privileges, const char *name);
// Each is false with errno, and true when there is nobody to become.
bool privileges_borrow(const tool_privileges *privileges);
bool privileges_return(const tool_privileges *privileges);
bool privileges_drop(const tool_privileges *privileges);

// Raises the limit of descriptors to what so many connections need. Returns for how many it is enough.
uint32_t privileges_raise_files(uint32_t connections);

#endif
