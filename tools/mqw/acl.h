// SPDX-License-Identifier: MIT
// Who may read and write what: the ACL file of mqw serve, in the form of mosquitto's.
#ifndef MQW_ACL_H
#define MQW_ACL_H

#include <mqwire/packet.h>

enum { ACL_READ = 1, ACL_WRITE = 2, ACL_DENY = 4 };

typedef struct acl_rule {
    uint8_t what;  // ACL_…
    bool replaced; // %c and %u stand for names
    char *filter;
} acl_rule;

typedef struct acl_rules {
    acl_rule *rules;
    size_t count;
} acl_rules;

typedef struct acl_user {
    char *name;
    acl_rules rules;
} acl_user;

typedef struct tool_acl {
    acl_rules everybody;
    acl_rules anonymous;
    acl_user *users; // sorted by name
    size_t count;
} tool_acl;

// Somebody who asks. What was proved of him only: `user` is empty for who is anonymous.
typedef struct acl_who {
    mqw_text user;
    mqw_text client_id;
    const acl_rules *own; // acl_of
} acl_who;

// Reads a file. NULL: it was told what is wrong, with file and line.
tool_acl *acl_read(const char *file);
void acl_free(tool_acl *acl);

// The rules that are a user's own; with an empty name those of anonymous clients.
const acl_rules *acl_of(const tool_acl *acl, mqw_text user);
// Whether somebody may read, or write, a topic: what no rule allows is denied, and what one denies stays so.
bool acl_may(const tool_acl *acl, const acl_who *who, uint8_t what, mqw_text topic);
// Whether somebody may subscribe to a filter: if there can be a topic behind it that he may read.
bool acl_may_subscribe(const tool_acl *acl, const acl_who *who, mqw_text filter);

#endif
