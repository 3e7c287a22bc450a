// SPDX-License-Identifier: MIT
// Passwords from a file or the terminal; see secret.h.
#include "secret.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "tool.h"

static int read_line(FILE *file, char *room, size_t cap)
{
    if (fgets(room, (int)cap, file) == NULL)
        return ferror(file) ? -1 : 0;
    size_t len = strcspn(room, "\r\n");
    bool whole = room[len] != '\0' || len + 1 < cap;
    room[len] = '\0';
    if (!whole)
        errno = EFBIG;
    return whole ? (int)len : -1;
}

int secret_from_file(const char *name, char *room, size_t cap)
{
    FILE *file = fopen(name, "re");
    int len = file ? read_line(file, room, cap) : -1;
    if (len < 0)
        tool_complain("cannot read %s: %s", name, strerror(errno));
    if (file)
        fclose(file);
    return len;
}

// ^C and ^\ come as characters meanwhile, so that nothing can end us before the terminal is as it was.
int secret_from_terminal(const char *prompt, char *room, size_t cap)
{
    struct termios before, quiet;
    FILE *terminal = fopen("/dev/tty", "r+e");
    if (terminal == NULL || tcgetattr(fileno(terminal), &before) != 0) {
        tool_complain("there is no terminal to ask for a password; --password-file or MQW_PASSWORD would do");
        if (terminal)
            fclose(terminal);
        return -1;
    }
    setvbuf(terminal, NULL, _IONBF, 0);
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
    tcsetattr(fileno(terminal), TCSAFLUSH, &quiet);
    fputs(prompt, terminal);
    int len = read_line(terminal, room, cap);
    tcsetattr(fileno(terminal), TCSAFLUSH, &before);
    fputc('\n', terminal);
    fclose(terminal);
    if (len >= 0 && strpbrk(room, "\003\034")) {
        tool_complain("no password was given");
        return -1;
    }
    return len;
}
