// SPDX-License-Identifier: MIT
// Passwords from a file or the terminal; see secret.h.
#include "secret.h"

#include <errno.h>
#include <signal.h>
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

// --- signals: they have to wait until the terminal is as it was ---

static const int endings[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT};
enum { ENDINGS = sizeof(endings) / sizeof(endings[0]) };

static volatile sig_atomic_t caught;

static void on_ending(int number)
{
    caught = number;
}

static void catch_endings(struct sigaction *before)
{
    struct sigaction action = {.sa_handler = on_ending}; // without SA_RESTART: reading ends
    caught = 0;
    for (int i = 0; i < ENDINGS; i++) {
        sigaction(endings[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_IGN)
            sigaction(endings[i], &action, NULL);
    }
}

static void let_go(const struct sigaction *before)
{
    for (int i = 0; i < ENDINGS; i++)
        sigaction(endings[i], &before[i], NULL);
    if (caught)
        raise(caught);
}

// --- the terminal ---

// What is typed up to the end of the line. -1: an end by ^C, ^\ or a signal, or too much.
static int read_typed(int fd, const struct termios *keys, char *room, size_t cap)
{
    size_t len = 0;
    for (;;) {
        char c = '\n';
        ssize_t count = read(fd, &c, 1);
        if (caught)
            return -1;
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0 || c == '\n')
            break;
        if ((cc_t)c == keys->c_cc[VINTR] || (cc_t)c == keys->c_cc[VQUIT])
            return -1;
        if (len + 1 < cap)
            room[len] = c;
        len++;
    }
    room[len < cap ? len : cap - 1] = '\0';
    return len < cap ? (int)len : -1;
}

// ^C and ^\ come as characters meanwhile, so that nothing can end us before the terminal is as it was; they
// end the line, so that they come at once.
int secret_from_terminal(const char *prompt, char *room, size_t cap)
{
    struct termios before, quiet;
    struct sigaction handlers[ENDINGS];
    FILE *terminal = fopen("/dev/tty", "r+e");
    if (terminal == NULL || tcgetattr(fileno(terminal), &before) != 0) {
        tool_complain("there is no terminal to ask for a password; --password-file or MQW_PASSWORD would do");
        if (terminal)
            fclose(terminal);
        return -1;
    }
    int fd = fileno(terminal);
    setvbuf(terminal, NULL, _IONBF, 0);
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
    quiet.c_cc[VEOL] = before.c_cc[VINTR];
    quiet.c_cc[VEOL2] = before.c_cc[VQUIT];
    catch_endings(handlers);
    tcsetattr(fd, TCSAFLUSH, &quiet);
    fputs(prompt, terminal);
    int len = read_typed(fd, &before, room, cap);
    tcsetattr(fd, TCSAFLUSH, &before);
    fputc('\n', terminal);
    fclose(terminal);
    let_go(handlers);
    if (len < 0)
        tool_complain("no password was given");
    return len;
}
