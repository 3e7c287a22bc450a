// SPDX-License-Identifier: MIT
// Properties of 5.0: their block in a packet, read and written by one table.
#ifndef MQW_WIRE_PROPERTIES_H
#define MQW_WIRE_PROPERTIES_H

#include "wire/cursor.h"

/* The property length and the properties of a packet of 5.0 (`place`: one MQW_IN_ bit) at `at`; returns the
 * place behind them, the end of the packet when it failed. */
const uint8_t *mqw__properties_read(mqw__check *check, const uint8_t *at, unsigned place, mqw_props *out);

/* Writes them at `at`; returns the place behind them. */
size_t mqw__properties_write(mqw__check *check, size_t at, unsigned place, const mqw_props *props);
/* Refuses them: the version has none. */
MQW__COLD void mqw__properties_refuse(mqw__check *check, const mqw_props *props);

/* Size of the value of property `id` at the start of `in`; 0: unknown or cut short. */
size_t mqw__property_size(uint32_t id, mqw_bytes in);

/* Takes properties off `left` up to one with that id, whose value is then *value. False: there is none any
 * more
 * (`left` is empty), or one is cut short (`left` begins with it). */
bool mqw__property_next(mqw_list *left, uint32_t id, mqw_bytes *value);

/* Judges a payload that its properties call UTF-8. */
MQW__COLD bool mqw__payload_break(mqw__check *check, const mqw_props *props, mqw_bytes payload,
                                  uint8_t field);

/* Properties where the version has them; else there are none. */
MQW__INLINE void mqw__read_properties(mqw__reader *r, unsigned place, mqw_props *out)
{
    if (r->check->version == MQW_5_0)
        r->at = mqw__properties_read(r->check, r->at, place, out);
    else
        out->has = 0;
}

MQW__INLINE void mqw__write_properties(mqw__writer *w, unsigned place, const mqw_props *props)
{
    if (w->check->version != MQW_5_0) {
        if (MQW__RARE(props->has != 0))
            mqw__properties_refuse(w->check, props);
    } else if (props->has == 0) {
        mqw__write_u8(w, 0);
    } else {
        w->at = mqw__properties_write(w->check, w->at, place, props);
    }
}

/* A payload whose format nobody asked to have checked is any bytes. */
MQW__INLINE void mqw__reader_judge_payload(mqw__reader *r, const mqw_props *props, mqw_bytes payload,
                                           uint8_t field)
{
    if (MQW__RARE(r->check->codec->policy != NULL) && mqw__payload_break(r->check, props, payload, field))
        r->at = r->end;
}

#endif
