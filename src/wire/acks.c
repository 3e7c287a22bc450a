// SPDX-License-Identifier: MIT
// PUBACK, PUBREC, PUBREL and PUBCOMP (sections 3.4 to 3.7), which are alike.
#include "wire/packets.h"

void mqw__ack_read(mqw__check *check, const uint8_t *at, mqw_packet *packet)
{
    mqw__reader r = mqw__reader_at(check, at);
    mqw_ack *out = &packet->puback;
    out->packet_id = mqw__read_packet_id(&r);
    out->dup = packet->type == MQW_PUBREL && mqw__read_dup(&r);
    out->reason = 0;
    out->props.has = 0;
    if (r.at < r.end && r.check->version == MQW_5_0) {
        out->reason = mqw__read_reason(&r);
        if (r.at < r.end)
            mqw__read_properties(&r, mqw__place(r.check), &out->props);
    }
    mqw__reader_end(&r);
}

void mqw__write_dup(mqw__writer *w, bool dup)
{
    if (MQW__RARE(dup && w->check->version != MQW_3_1))
        mqw__refuse(w->check, MQW_RULE_NOT_IN_VERSION, NULL, MQW__F(dup));
    else if (dup)
        w->check->first |= 8;
}

void mqw__write_outcome(mqw__writer *w, uint8_t reason, const mqw_props *props)
{
    size_t reason_at = w->at;
    if (w->check->version == MQW_5_0)
        mqw__write_reason(w, reason);
    else if (MQW__RARE(reason != 0))
        mqw__refuse(w->check, MQW_RULE_NOT_IN_VERSION, NULL, MQW__F(reason));
    size_t props_at = w->at;
    mqw__write_properties(w, mqw__place(w->check), props);
    if (w->at == props_at + 1)
        w->at = reason ? props_at : reason_at;
}

size_t mqw__ack_write(mqw__check *check, size_t at, const void *body)
{
    mqw__writer w = mqw__writer_at(check, at);
    const mqw_ack *in = body;
    if (MQW__RARE(in->dup && mqw__type(check) != MQW_PUBREL))
        mqw__refuse(w.check, MQW_RULE_NOT_IN_VERSION, NULL, MQW__F(dup));
    mqw__write_dup(&w, in->dup);
    mqw__write_packet_id(&w, in->packet_id);
    mqw__write_outcome(&w, in->reason, &in->props);
    return w.at;
}
