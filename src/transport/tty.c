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

static const struct {
    unsigned baud;
    speed_t speed;
} speeds[] = {
    {1200, B1200},       {2400, B2400},       {4800, B4800},       {9600, B9600},       {19200, B19200},
    {38400, B38400},     {57600, B57600},     {115200, B115200},   {230400, B230400},   {460800, B460800},
    {500000, B500000},   {576000, B576000},   {921600, B921600},   {1000000, B1000000}, {1500000, B1500000},
    {2000000, B2000000}, {3000000, B3000000}, {4000000, B4000000},
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

bool mqw__tty_knows(unsigned baud)
{
    speed_t speed;
    return baud == 0 || speed_of(baud, &speed);
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
