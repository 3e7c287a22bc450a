// SPDX-License-Identifier: MIT
// Where mqw pub and mqw sub connect to: the servers that -h, -p, --unix, -L and addresses name, and the
// topics that stand in URLs.
#ifndef MQW_TARGET_H
#define MQW_TARGET_H

#include "options.h"

typedef struct tool_target {
    char *addresses;   // for mqw_client_options.address
    tool_texts topics; // each in memory of its own
} tool_target;

// False: what is wrong was said. target_free is due in any case.
bool target_make(tool_target *target, const tool_settings *settings);
void target_free(tool_target *target);

enum { TARGET_SHOWN = 160 };
// An address without user name and password.
const char *target_show(const char *address, char room[TARGET_SHOWN]);

#endif
