// SPDX-License-Identifier: MIT
// Passwords and passphrases that are not on the command line.
#ifndef MQW_SECRET_H
#define MQW_SECRET_H

#include <stdbool.h>
#include <stddef.h>

// The first line of a file, or what somebody types at the terminal, who does not see it. Returns its length;
// negative: there is none, which was said.
int secret_from_file(const char *name, char *room, size_t cap);
int secret_from_terminal(const char *prompt, char *room, size_t cap);

#endif
