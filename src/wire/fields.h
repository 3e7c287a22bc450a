// SPDX-License-Identifier: MIT
// The packets as tables: which fields each has, of which kind, and where. Printing, scanning and copying read
// them.
#ifndef MQW_WIRE_FIELDS_H
#define MQW_WIRE_FIELDS_H

#include <mqwire/packet.h>

// What a field holds. Those from MQW__TEXT on are views: a pointer and a length.
typedef enum mqw__kind {
    MQW__FLAG,
    MQW__U4, // only in the text form
    MQW__U8,
    MQW__U16,
    MQW__U32,
    MQW__VERSION, // U8 in which 0 means 4
    MQW__REASON,  // U8
    MQW__TEXT,
    MQW__PROTOCOL, // TEXT in which empty means the name that belongs to the version
    MQW__BLOB,
    MQW__SECRET,  // BLOB that traces do not show
    MQW__REASONS, // one byte each
    MQW__FILTERS, // the lists, from here on: one item per field of the text form
    MQW__TOPICS,
    MQW__VARS,
    MQW__PAIRS
} mqw__kind;

typedef struct mqw__field {
    const char *name;
    uint8_t len; // of the name
    uint8_t kind;
    uint8_t id;      // property identifier; 0: a field of the packet itself
    bool always;     // printed even when it is 0 or empty
    uint16_t offset; // in mqw_packet; that of a property: in mqw_props
    uint16_t has;    // offset of the flag that says that it is there; 0: it always is
} mqw__field;

// What a packet consists of. The offsets are those of mqw_props in mqw_packet; 0: it has none.
typedef struct mqw__shape {
    const mqw__field *fields;
    size_t count;
    uint16_t props;
    uint16_t will_props;
} mqw__shape;

// All a packet of this type can have; empty when there is no such type.
mqw__shape mqw__shape_of_type(unsigned type);
// The same without what is indeterminate in this packet: a will that is not there, all behind an unknown
// level. Single fields are to be asked for by mqw__field.has, properties by mqw_props.has.
mqw__shape mqw__shape_of(const mqw_packet *packet);

// The four flag bits of the fixed header: those that it says, and those that the type and its fields ask for.
unsigned mqw__header_flags(const mqw_packet *packet);
unsigned mqw__own_flags(const mqw_packet *packet);

#define X(...) +1
enum { MQW__PROPERTY_COUNT = 0 MQW_PROPERTIES(X) };
#undef X

extern const mqw__field mqw__property_fields[MQW__PROPERTY_COUNT];

#define MQW__WILL_PREFIX "will."

static inline bool mqw__is_list(unsigned kind)
{
    return kind >= MQW__FILTERS;
}

static inline bool mqw__is_view(unsigned kind)
{
    return kind >= MQW__TEXT;
}

// All views look alike, whatever their bytes mean.
_Static_assert(sizeof(mqw_text) == sizeof(mqw_bytes) && sizeof(mqw_list) == sizeof(mqw_bytes),
               "views differ");
_Static_assert(sizeof(bool) == 1, "flags are read as bytes");

#endif
