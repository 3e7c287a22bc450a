// SPDX-License-Identifier: MIT
// PINGREQ, PINGRESP, DISCONNECT and AUTH (sections 3.12 to 3.15).
#include "wire/packets.h"

void mqw__ping_read(mqw__check *check, const uint8_t *at, mqw_packet *packet)
{
    mqw__reader r = mqw__reader_at(check, at);
    (void)packet;
    mqw__reader_end(&r);
}

size_t mqw__ping_write(mqw__check *check, size_t at, const void *body)
{
    mqw__writer w = mqw__writer_at(check, at);
    (void)body;
    return w.at;
}

void mqw__disconnect_read(mqw__check *check, const uint8_t *at, mqw_packet *packet)
{
    mqw__reader r = mqw__reader_at(check, at);
    mqw_disconnect *out = &packet->disconnect;
    out->reason = 0;
    out->props.has = 0;
    if (r.at < r.end && r.check->version == MQW_5_0) {
        out->reason = mqw__read_reason(&r);
        if (r.at < r.end)
            mqw__read_properties(&r, MQW_IN_DISCONNECT, &out->props);
    }
    mqw__reader_end(&r);
}

size_t mqw__disconnect_write(mqw__check *check, size_t at, const void *body)
{
    mqw__writer w = mqw__writer_at(check, at);
    const mqw_disconnect *in = body;
    mqw__write_outcome(&w, in->reason, &in->props);
    return w.at;
}

static void judge_method(mqw__check *check, const mqw_props *props, const uint8_t *at)
{
    if (MQW__RARE(!mqw_has(props, auth_method)))
        mqw__break(check, MQW_RULE_AUTH_NO_METHOD, at, MQW__F(auth_method));
}

/* Only the empty form leaves anything out. */
void mqw__auth_read(mqw__check *check, const uint8_t *at, mqw_packet *packet)
{
    mqw__reader r = mqw__reader_at(check, at);
    mqw_disconnect *out = &packet->auth;
    const uint8_t *mark = r.at;
    out->reason = 0;
    out->props.has = 0;
    if (r.at < r.end) {
        out->reason = mqw__read_reason(&r);
        mark = r.at;
        mqw__read_properties(&r, MQW_IN_AUTH, &out->props);
    }
    judge_method(r.check, &out->props, mark);
    mqw__reader_end(&r);
}

size_t mqw__auth_write(mqw__check *check, size_t at, const void *body)
{
    mqw__writer w = mqw__writer_at(check, at);
    const mqw_disconnect *in = body;
    mqw__write_reason(&w, in->reason);
    mqw__write_properties(&w, MQW_IN_AUTH, &in->props);
    judge_method(w.check, &in->props, NULL);
    return w.at;
}
