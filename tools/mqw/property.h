// SPDX-License-Identifier: MIT
// Properties that the command line gives to packets: -D PACKET NAME VALUE, as mosquitto_pub has it.
#ifndef MQW_PROPERTY_H
#define MQW_PROPERTY_H

#include <mqwire/packet.h>

// One property, as it was given.
typedef struct tool_property {
    unsigned packet;  // MQW_IN_…
    unsigned id;      // of the property
    const char *name; // of a user property; else NULL
    const char *value;
    uint32_t number;
} tool_property;

typedef struct tool_properties {
    tool_property *items;
    size_t count;
} tool_properties;

enum { PROPERTY_WORDS = 4, PROPERTY_WHY = 200 };

// Reads PACKET NAME VALUE, or PACKET user-property NAME VALUE, from the first of `count` words, and appends
// it. Returns how many words it took, or 0: `why` says what is wrong. `packets`: those that the command
// sends.
int property_read(tool_properties *properties, unsigned packets, int count, char **words,
                  char why[PROPERTY_WHY]);
void properties_free(tool_properties *properties);

// Adds the properties of a packet to *out. Lists are made in memory that goes to *room, which the caller
// frees. False: no memory.
bool properties_put(const tool_properties *properties, unsigned packet, mqw_props *out, uint8_t **room);

#endif
