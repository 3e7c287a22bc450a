// SPDX-License-Identifier: MIT
// What mqw pub publishes; see payload.h.
#include "payload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool.h"

enum {
    PIECE = 64 * 1024,  // read at a time
    WHOLE = 256 * 1024, // what is larger is never copied into the client's queue
    NO_FD = -1
};

static bool fail(const tool_payload *payload, int error)
{
    tool_complain("cannot read %s: %s", payload->name, strerror(error));
    return false;
}

static bool too_large(const tool_payload *payload)
{
    tool_complain("%s is too large for a message: MQTT has %lu bytes at most", payload->name,
                  (unsigned long)MQW_LENGTH_MAX);
    return false;
}

// What cannot be read twice is kept.
static bool read_to_end(tool_payload *payload, int fd)
{
    size_t size = 0, used = 0;
    for (;;) {
        if (size - used < PIECE) {
            size = size * 2 + PIECE;
            uint8_t *more = realloc(payload->memory, size);
            if (more == NULL)
                return fail(payload, ENOMEM);
            payload->memory = more;
        }
        ssize_t count = read(fd, payload->memory + used, PIECE);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return fail(payload, errno);
        used += (size_t)count;
        if (used > MQW_LENGTH_MAX)
            return too_large(payload);
        if (count == 0)
            break;
    }
    payload->data = payload->memory;
    payload->size = (uint32_t)used;
    return true;
}

static bool take_descriptor(tool_payload *payload, int fd)
{
    struct stat facts;
    off_t start = lseek(fd, 0, SEEK_CUR);
    if (fstat(fd, &facts) < 0)
        return fail(payload, errno);
    // What is small is read at once: its size may change, and that of files in /proc and /sys is not true.
    off_t size = facts.st_size > start ? facts.st_size - start : 0;
    if (!S_ISREG(facts.st_mode) || start < 0 || size <= PIECE)
        return read_to_end(payload, fd);
    if (size > (off_t)MQW_LENGTH_MAX)
        return too_large(payload);
    payload->start = start;
    payload->size = (uint32_t)size;
    payload->fd = dup(fd);
    return payload->fd != NO_FD || fail(payload, errno);
}

bool payload_make(tool_payload *payload, const tool_settings *settings)
{
    const char *text = settings->message ? settings->message : "";
    *payload = (tool_payload){.fd = NO_FD, .name = settings->file ? settings->file : "standard input"};
    if (settings->whole)
        return take_descriptor(payload, STDIN_FILENO);
    if (settings->file == NULL) {
        payload->data = (const uint8_t *)text;
        payload->size = (uint32_t)strlen(text);
        return true;
    }
    int fd = open(settings->file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(payload, errno);
    bool good = take_descriptor(payload, fd);
    close(fd);
    return good;
}

void payload_free(tool_payload *payload)
{
    if (payload->fd != NO_FD)
        close(payload->fd);
    free(payload->memory);
}

/* --- Publishing --------------------------------------------------------------------------------------- */

static int read_piece(void *self, uint32_t offset, uint8_t *room, size_t cap)
{
    tool_payload *payload = self;
    size_t left = payload->size - offset, len = left < cap ? left : cap;
    len = len < PIECE ? len : PIECE;
    ssize_t count = (ssize_t)len;
    if (payload->fd == NO_FD)
        memcpy(room, payload->data + offset, len);
    else
        count = pread(payload->fd, room, len, payload->start + (off_t)offset);
    if (count <= 0) {
        payload->error = count < 0 ? errno : ENODATA; // it has become shorter
        return -1;
    }
    payload->on_read(payload->ctx, offset + (uint32_t)count);
    return (int)count;
}

int payload_publish(tool_payload *payload, mqw_client *client, mqw_publish *publish, mqw_client_done *done,
                    void *ctx)
{
    if (payload->fd == NO_FD && payload->size <= WHOLE) {
        publish->payload = (mqw_bytes){payload->data, payload->size};
        return mqw_client_publish(client, publish, done, ctx);
    }
    mqw_source source = {
        .size = sizeof(source), .payload_size = payload->size, .read = read_piece, .self = payload};
    publish->payload = (mqw_bytes){NULL, 0};
    return mqw_client_publish_from(client, publish, &source, done, ctx);
}
