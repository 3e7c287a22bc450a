// SPDX-License-Identifier: MIT
// Becoming another user, and the limit of descriptors; see privileges.h.
#define _GNU_SOURCE
#include "privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tool.h"

enum { FILES_BESIDES = 64 }; // listeners, the store, the log, /metrics ...

bool privileges_find(tool_privileges *privileges, const char *name)
{
    *privileges = (tool_privileges){.name = NULL};
    if (name == NULL)
        return true;
    errno = 0;
    const struct passwd *found = getpwnam(name);
    if (found == NULL) {
        tool_complain("there is no user %s%s%s", name, errno ? ": " : "", errno ? strerror(errno) : "");
        return false;
    }
    if (found->pw_uid == geteuid())
        return true;
    if (geteuid() != 0) {
        tool_complain("only root can become %s", name);
        return false;
    }
    *privileges = (tool_privileges){.name = name, .uid = found->pw_uid, .gid = found->pw_gid};
    return true;
}

bool privileges_borrow(const tool_privileges *privileges)
{
    const tool_privileges *p = privileges;
    return p->name == NULL ||
           (initgroups(p->name, p->gid) == 0 && setegid(p->gid) == 0 && seteuid(p->uid) == 0);
}

bool privileges_return(const tool_privileges *privileges)
{
    return privileges->name == NULL || (seteuid(0) == 0 && setegid(0) == 0);
}

bool privileges_drop(const tool_privileges *privileges)
{
    const tool_privileges *p = privileges;
    if (p->name && (setresgid(p->gid, p->gid, p->gid) != 0 || setresuid(p->uid, p->uid, p->uid) != 0))
        return false;
    if (p->name && (seteuid(0) == 0 || (p->gid != 0 && setegid(0) == 0))) {
        errno = EPERM; // there is a way back
        return false;
    }
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

uint32_t privileges_raise_files(uint32_t connections)
{
    struct rlimit now, wanted;
    rlim_t need = (rlim_t)connections + FILES_BESIDES;
    if (getrlimit(RLIMIT_NOFILE, &now) != 0 || now.rlim_cur >= need)
        return connections;
    wanted = (struct rlimit){.rlim_cur = need, .rlim_max = now.rlim_max > need ? now.rlim_max : need};
    if (setrlimit(RLIMIT_NOFILE, &wanted) == 0)
        return connections;
    wanted = (struct rlimit){.rlim_cur = now.rlim_max < need ? now.rlim_max : need, .rlim_max = now.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &wanted) != 0)
        wanted.rlim_cur = now.rlim_cur;
    return wanted.rlim_cur > FILES_BESIDES ? (uint32_t)(wanted.rlim_cur - FILES_BESIDES) : 1;
}
