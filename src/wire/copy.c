// SPDX-License-Identifier: MIT
// A packet that owns what it points at: one block with the packet, then the bytes of its views.
#include <string.h>

#include <mqwire/packet.h>

#include "base/alloc.h"
#include "wire/fields.h"

// What is allocated. The allocator wants to hear the size again when it is freed.
typedef struct block {
    mqw_packet packet;
    size_t size;
    uint8_t bytes[];
} block;

// Places in a packet where a view lies: at most one per field and property, those of the will counted too.
enum { MOST_VIEWS = 16 + 2 * MQW__PROPERTY_COUNT };

typedef struct views {
    uint16_t offsets[MOST_VIEWS];
    size_t count;
} views;

static void find_in_props(views *found, const mqw_packet *packet, uint16_t offset)
{
    const mqw_props *props = (const void *)((const uint8_t *)packet + offset);
    if (offset == 0 || props->has == 0)
        return;
    for (size_t i = 0; i < MQW__PROPERTY_COUNT; i++) {
        const mqw__field *field = &mqw__property_fields[i];
        if (mqw__is_view(field->kind) && props->has >> field->id & 1)
            found->offsets[found->count++] = (uint16_t)(offset + field->offset);
    }
}

// The views that are there; what is indeterminate is not looked at.
static views find_views(const mqw_packet *packet)
{
    const uint8_t *base = (const uint8_t *)packet;
    mqw__shape shape = mqw__shape_of(packet);
    views found = {.count = 0};
    for (size_t i = 0; i < shape.count; i++) {
        const mqw__field *field = &shape.fields[i];
        if (mqw__is_view(field->kind) && (field->has == 0 || base[field->has]))
            found.offsets[found.count++] = field->offset;
    }
    find_in_props(&found, packet, shape.will_props);
    find_in_props(&found, packet, shape.props);
    return found;
}

static mqw_bytes view_at(const mqw_packet *packet, uint16_t offset)
{
    mqw_bytes view;
    memcpy(&view, (const uint8_t *)packet + offset, sizeof(view));
    return view;
}

// Size of the block; 0: more than there can be.
static size_t block_size(const mqw_packet *packet, const views *found)
{
    size_t size = sizeof(block);
    for (size_t i = 0; i < found->count; i++) {
        size_t len = view_at(packet, found->offsets[i]).len;
        if (len > SIZE_MAX - size)
            return 0;
        size += len;
    }
    return size;
}

// Copies the bytes of the views behind the packet and lets its views point there.
static void relocate(block *copy, const views *found)
{
    uint8_t *at = copy->bytes;
    for (size_t i = 0; i < found->count; i++) {
        mqw_bytes view = view_at(&copy->packet, found->offsets[i]);
        if (view.len > 0)
            memcpy(at, view.data, view.len);
        view.data = at;
        at += view.len;
        memcpy((uint8_t *)&copy->packet + found->offsets[i], &view, sizeof(view));
    }
}

mqw_packet *mqw_packet_copy(const mqw_packet *packet, const mqw_allocator *allocator)
{
    mqw_allocator memory = mqw__allocator(allocator);
    views found = find_views(packet);
    size_t size = block_size(packet, &found);
    block *copy = size ? mqw__alloc(&memory, size) : NULL;
    if (copy == NULL)
        return NULL;
    copy->packet = *packet;
    copy->size = size;
    relocate(copy, &found);
    return &copy->packet;
}

// Through volatile: memory that is about to be freed need not be written otherwise.
static void wipe(block *whole)
{
    volatile uint8_t *bytes = whole->bytes;
    for (size_t i = 0; i < whole->size - sizeof(block); i++)
        bytes[i] = 0;
}

void mqw_packet_free(mqw_packet *copy, const mqw_allocator *allocator)
{
    mqw_allocator memory = mqw__allocator(allocator);
    block *whole = (block *)copy; // the packet is its first member
    if (whole && (copy->type == MQW_CONNECT || copy->type == MQW_AUTH))
        wipe(whole);
    if (whole)
        mqw__free(&memory, whole, whole->size);
}
