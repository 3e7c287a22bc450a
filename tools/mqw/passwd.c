// SPDX-License-Identifier: MIT
// mqw passwd: sets, changes or deletes a line of a password file, which is replaced whole or not at all.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mqwire/codec.h>

#include "secret.h"
#include "tool.h"
#include "users.h"

enum { ROUNDS = 100000, ROOM = USERS_PASSWORD + 2, TRIES = 8 };

typedef struct passwd {
    const tool_settings *settings;
    const char *file; // its real path
    const char *user;
    int fd; // of the file; locked
    struct stat is;
    char password[ROOM];
    size_t password_len;
    bool found;
} passwd;

static int fail(const char *what, const char *name)
{
    tool_complain("passwd: cannot %s %s: %s", what, name, strerror(errno));
    return TOOL_UNREACHABLE;
}

static int misuse(const char *words)
{
    tool_complain("passwd: %s (mqw passwd --help tells more)", words);
    return TOOL_USAGE;
}

/* --- The password ------------------------------------------------------------------------------------- */

static int refuse_password(const char *words)
{
    tool_complain("passwd: %s", words);
    return TOOL_USAGE;
}

static int ask_password(passwd *p)
{
    char again[ROOM];
    int len = secret_from_terminal("New password: ", p->password, sizeof(p->password));
    if (len <= 0)
        return len < 0 ? TOOL_USAGE : refuse_password("the password is empty");
    int other = secret_from_terminal("The same again: ", again, sizeof(again));
    bool same = other == len && memcmp(again, p->password, (size_t)len) == 0;
    users_wipe(again, sizeof(again));
    p->password_len = (size_t)len;
    if (other < 0)
        return TOOL_USAGE;
    return same ? TOOL_OK : refuse_password("that was not the same");
}

static int read_password(passwd *p)
{
    int result = TOOL_OK;
    if (p->settings->serve.from_input) {
        int len = secret_from_file("/dev/stdin", p->password, sizeof(p->password));
        p->password_len = len > 0 ? (size_t)len : 0;
        result = len > 0 ? TOOL_OK : len < 0 ? TOOL_USAGE : refuse_password("the password is empty");
    } else {
        result = ask_password(p);
    }
    if (result == TOOL_OK && p->password_len > USERS_PASSWORD)
        result = refuse_password("the password is longer than 512 bytes");
    return result;
}

/* --- Lines -------------------------------------------------------------------------------------------- */

static bool is_theirs(const passwd *p, const char *line)
{
    size_t len = strlen(p->user);
    return strncmp(line, p->user, len) == 0 && line[len] == ':';
}

// Who had a secret for SCRAM gets one for the new password: the old one must not go on.
static bool has_scram(const char *line)
{
    const char *hash = strchr(line, ':');
    const char *scram = hash ? strchr(hash + 1, ':') : NULL;
    return scram && scram[1] && scram[1] != '\n';
}

static bool put_line(const passwd *p, FILE *out, bool scram)
{
    char hash[USERS_HASH];
    mqw_text password = {p->password, p->password_len};
    mqw_scram_secret secret;
    if (!users_make_hash(password, hash)) {
        tool_complain("passwd: the system cannot make a yescrypt hash");
        return false;
    }
    fprintf(out, "%s:%s", p->user, hash);
    if (scram) {
        char text[USERS_HASH];
        if (mqw_scram_secret_make(&secret, password, ROUNDS) != 0) {
            tool_complain(
                "passwd: that password cannot be used with SCRAM (RFC 4013); without --scram it can");
            return false;
        }
        users_scram_show(&secret, text, sizeof(text));
        users_wipe(&secret, sizeof(secret));
        fprintf(out, ":%s", text);
    }
    fputc('\n', out);
    return true;
}

// Copies all lines; only the one of that user is changed, or left out.
static bool copy_lines(passwd *p, FILE *in, FILE *out)
{
    char *line = NULL;
    size_t cap = 0;
    bool good = true, ended = true, scram = p->settings->serve.scram;
    for (ssize_t len; good && (len = getline(&line, &cap, in)) >= 0;) {
        bool theirs = is_theirs(p, line);
        if (!theirs)
            fwrite(line, 1, (size_t)len, out);
        else if (!p->found && !p->settings->serve.remove)
            good = put_line(p, out, scram || has_scram(line));
        p->found |= theirs;
        ended = theirs || line[len - 1] == '\n';
    }
    free(line);
    if (!ended)
        fputc('\n', out);
    if (good && !p->found && !p->settings->serve.remove)
        good = put_line(p, out, scram);
    return good && !ferror(in) && !ferror(out);
}

/* --- The file ----------------------------------------------------------------------------------------- */

// Opens and locks the file, made when it is not there. Another one may have replaced it while we waited.
static int open_file(passwd *p, const char *name)
{
    struct stat now;
    for (int i = 0; i < TRIES; i++) {
        int flags = O_RDWR | O_CLOEXEC | (p->settings->serve.remove ? 0 : O_CREAT);
        p->fd = open(name, flags, 0600);
        if (p->fd < 0)
            return fail("open", name);
        if (flock(p->fd, LOCK_EX) != 0 || fstat(p->fd, &p->is) != 0)
            return fail("lock", name);
        if (!S_ISREG(p->is.st_mode))
            return misuse("that is no file");
        if (stat(name, &now) == 0 && now.st_ino == p->is.st_ino && now.st_dev == p->is.st_dev)
            return TOOL_OK;
        close(p->fd);
        p->fd = -1;
    }
    errno = EAGAIN;
    return fail("lock", name);
}

// Owner, group and their rights stay; others get none.
static bool finish_file(const passwd *p, FILE *out)
{
    int fd = fileno(out);
    mode_t mode = p->is.st_size == 0 ? 0600 : p->is.st_mode & 0660;
    if (fchown(fd, p->is.st_uid, p->is.st_gid) != 0 && geteuid() == 0)
        return false;
    return fchmod(fd, mode) == 0 && fflush(out) == 0 && fsync(fd) == 0;
}

static int replace(passwd *p)
{
    size_t cap = strlen(p->file) + 8;
    char *name = malloc(cap);
    if (name)
        snprintf(name, cap, "%s.XXXXXX", p->file);
    int fd = name ? mkostemp(name, O_CLOEXEC) : -1;
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w"), *in = fdopen(dup(p->fd), "r");
    int result = out && in ? TOOL_OK : fail("make a file beside", p->file);
    if (result == TOOL_OK && !copy_lines(p, in, out))
        result = TOOL_BROKEN;
    else if (result == TOOL_OK && p->settings->serve.remove && !p->found)
        result = misuse("there is nobody of that name");
    else if (result == TOOL_OK && (!finish_file(p, out) || rename(name, p->file) != 0))
        result = fail("write", p->file);
    if (result != TOOL_OK && fd >= 0)
        unlink(name);
    if (out)
        fclose(out);
    if (in)
        fclose(in);
    free(name);
    return result;
}

static int edit(passwd *p, const char *name)
{
    int result = open_file(p, name);
    char *real = result == TOOL_OK ? realpath(name, NULL) : NULL;
    p->file = real;
    if (result == TOOL_OK)
        result = real ? replace(p) : fail("find", name);
    free(real);
    if (p->fd >= 0)
        close(p->fd);
    return result;
}

static const char *wrong_name(const char *user)
{
    if (*user == '\0' || *user == '#' || strlen(user) > USERS_NAME)
        return "a name is not empty, not longer than 512 bytes, and does not begin with #";
    if (strpbrk(user, ":\r\n") || mqw_utf8_check((mqw_text){user, strlen(user)}) != 0)
        return "a name is UTF-8 without colon and line feed";
    return NULL;
}

int passwd_run(const tool_settings *settings)
{
    passwd p = {.settings = settings, .fd = -1};
    if (settings->urls.count != 2)
        return misuse("FILE and USER are wanted");
    p.user = settings->urls.items[1];
    const char *wrong = wrong_name(p.user);
    if (wrong)
        return misuse(wrong);
    int result = settings->serve.remove ? TOOL_OK : read_password(&p);
    if (result == TOOL_OK)
        result = edit(&p, settings->urls.items[0]);
    users_wipe(p.password, sizeof(p.password));
    return result;
}
