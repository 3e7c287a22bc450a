// SPDX-License-Identifier: MIT
// Serial lines: raw mode, speed, no waiting for a modem.
#define _GNU_SOURCE
#include "tty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <termios.h>
#include <unistd.h>

#include "mqwire/transport.h"

#define SPEEDS(X)                                                                                          \
    X(1200)                                                                                                \
    X(2400)                                                                                                \
    X(4800) X(9600) X(19200) X(38400) X(57600) X(115200) X(230400) X(460800) X(500000) X(576000) X(921600) \
        X(1000000) X(1500000) X(2000000) X(3000000) X(4000000)

static const struct {
    unsigned baud;
    speed_t speed;
} speeds[] = {
#define X(baud) {baud, B##baud},
    SPEEDS(X)
#undef X
};

static bool speed_of(unsigned baud, speed_t *speed)
{
    for (size_t i = 0; i < sizeof speeds / sizeof speeds[0]; i++) {
        if (speeds[i].baud == baud) {
            *speed = speeds[i].speed;
            return true;
        }
    }
    return false;
}

static bool set_up(int fd, unsigned baud, speed_t speed)
{
    struct termios mode;
    if (tcgetattr(fd, &mode))
        return false;
    cfmakeraw(&mode);
    mode.c_cflag |= CLOCAL | CREAD;
    if (baud && cfsetspeed(&mode, speed))
        return false;
    return tcsetattr(fd, TCSANOW, &mode) == 0;
}

int mqw__tty_open(const char *path, unsigned baud)
{
    speed_t speed = 0;
    if (baud && !speed_of(baud, &speed))
        return MQW_E_ADDRESS;
    int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return MQW_E_STREAM;
    if (set_up(fd, baud, speed))
        return fd;
    int failure = errno;
    close(fd);
    errno = failure;
    return MQW_E_STREAM;
}
