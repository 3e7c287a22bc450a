// SPDX-License-Identifier: MIT
// PUBACK, PUBREC, PUBREL and PUBCOMP (sections 3.4 to 3.7), which are alike.
#include "wire/packets.h"

void mqw__ack_read(mqw__reader r, mqw_packet *packet)
{
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

size_t mqw__ack_write(mqw__writer w, const mqw_packet *packet)
{
    const mqw_ack *in = &packet->puback;
    if (MQW__RARE(in->dup && packet->type != MQW_PUBREL))
        mqw__refuse(w.check, MQW_RULE_NOT_IN_VERSION, NULL, "dup");
    mqw__write_dup(&w, in->dup);
    mqw__write_packet_id(&w, in->packet_id);
    mqw__write_outcome(&w, in->reason, &in->props);
    return w.at;
}
