// SPDX-License-Identifier: MIT
// Mount points: a prefix of all topics and filters of a client.
#include <string.h>

#include "affairs.h"

bool mqw__mount_join(mqw_text mount, mqw_text *topic, char *room)
{
    if (mount.len == 0)
        return true;
    if (mount.len + topic->len > UINT16_MAX)
        return false;
    memcpy(room, mount.data, mount.len);
    if (topic->len)
        memcpy(room + mount.len, topic->data, topic->len);
    *topic = (mqw_text){room, mount.len + topic->len};
    return true;
}

bool mqw__mount_filter(mqw_text mount, mqw_text *filter, char *room)
{
    mqw_text name, rest;
    if (mount.len == 0 || !mqw_share_split(*filter, &name, &rest))
        return mqw__mount_join(mount, filter, room);
    if (mount.len + filter->len > UINT16_MAX)
        return false;
    size_t before = filter->len - rest.len;
    memcpy(room, filter->data, before);
    memcpy(room + before, mount.data, mount.len);
    if (rest.len)
        memcpy(room + before + mount.len, rest.data, rest.len);
    *filter = (mqw_text){room, filter->len + mount.len};
    return true;
}

size_t mqw__levels(mqw_text topic)
{
    size_t levels = 1;
    for (size_t i = 0; i < topic.len; i++)
        levels += topic.data[i] == '/';
    return levels;
}
