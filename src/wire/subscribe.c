// SPDX-License-Identifier: MIT
// SUBSCRIBE, SUBACK, UNSUBSCRIBE and UNSUBACK (sections 3.8 to 3.11).
#include "wire/packets.h"
#include "wire/topic.h"

enum { QOS = 0x03, NO_LOCAL = 0x04, RETAIN_HANDLING = 0x30, RESERVED_3 = 0xFC, RESERVED_5 = 0xC0 };

/* Judges the options that stand at `at` behind a filter; true: refused. */
static bool judge_options(mqw__check *check, mqw_text filter, uint8_t options, const uint8_t *at)
{
    bool five = check->version == MQW_5_0;
    bool refused = false;
    if (MQW__RARE(!five && !check->body && (options & RESERVED_3)))
        refused = mqw__refuse(check, MQW_RULE_NOT_IN_VERSION, at, MQW__F(filters));
    if (MQW__RARE(options & (five ? RESERVED_5 : RESERVED_3)))
        refused = mqw__break(check, MQW_RULE_OPTIONS_RESERVED, at, MQW__F(filters));
    if (MQW__RARE((options & QOS) == QOS))
        refused |= mqw__break(check, MQW_RULE_OPTIONS_QOS, at, MQW__F(filters));
    if (MQW__RARE((options & RETAIN_HANDLING) == RETAIN_HANDLING))
        refused |= mqw__break(check, MQW_RULE_OPTIONS_RETAIN_HANDLING, at, MQW__F(filters));
    if (MQW__RARE((options & NO_LOCAL) && five && mqw__is_shared(filter)))
        refused |= mqw__break(check, MQW_RULE_SHARE_NO_LOCAL, at, MQW__F(filters));
    return refused;
}

static unsigned empty_rule(const mqw__check *check)
{
    return mqw__type(check) == MQW_SUBSCRIBE ? MQW_RULE_SUBSCRIBE_EMPTY : MQW_RULE_UNSUBSCRIBE_EMPTY;
}

static void read_filter(mqw__reader *r)
{
    const uint8_t *mark = r->at;
    mqw_text filter;
    mqw__read_raw_text(r, &filter, MQW__F(filters));
    if (MQW__RARE(r->check->rule != 0))
        return;
    unsigned flaws = mqw__filter_flaws(filter, r->check->version);
    if (MQW__RARE(flaws != 0) && mqw__break_topic(r->check, flaws, mark, MQW__F(filters)))
        r->at = r->end;
    if (mqw__type(r->check) == MQW_SUBSCRIBE) {
        uint8_t options = mqw__read_u8(r, MQW__F(filters));
        if (judge_options(r->check, filter, options, r->at - 1))
            r->at = r->end;
    }
}

/* All that is left; also a list that is being sent, which stands there as it goes out. */
static void read_filters(mqw__reader *r)
{
    if (MQW__RARE(r->at == r->end))
        mqw__reader_break(r, empty_rule(r->check), r->at, MQW__F(filters));
    while (r->at < r->end)
        read_filter(r);
}

void mqw__subscribe_read(mqw__check *check, const uint8_t *at, mqw_packet *packet)
{
    mqw__reader r = mqw__reader_at(check, at);
    mqw_subscribe *out = &packet->subscribe;
    out->dup = mqw__read_dup(&r);
    out->packet_id = mqw__read_packet_id(&r);
    mqw__read_properties(&r, mqw__place(r.check), &out->props);
    out->filters.wire = (mqw_bytes){r.at, (size_t)(r.end - r.at)};
    read_filters(&r);
}

static void write_filters(mqw__writer *w, mqw_bytes wire)
{
    if (MQW__RARE((!wire.data && wire.len) || wire.len > MQW_LENGTH_MAX)) {
        mqw__refuse(w->check, MQW_RULE_FIELD_RANGE, NULL, MQW__F(filters));
        return;
    }
    mqw__reader r = {wire.data, wire.len ? wire.data + wire.len : wire.data, w->check};
    read_filters(&r);
    if (MQW__RARE(w->check->rule == MQW_RULE_TRUNCATED)) /* the list is, not a packet */
        w->check->rule = MQW_RULE_FIELD_RANGE;
    mqw__write_bytes(w, wire.data, wire.len);
}

size_t mqw__subscribe_write(mqw__check *check, size_t at, const void *body)
{
    mqw__writer w = mqw__writer_at(check, at);
    const mqw_subscribe *in = body;
    mqw__write_dup(&w, in->dup);
    mqw__write_packet_id(&w, in->packet_id);
    mqw__write_properties(&w, mqw__place(w.check), &in->props);
    write_filters(&w, in->filters.wire);
    return w.at;
}

/* ---- acknowledgements ---- */

/* UNSUBACK has no reason codes before 5.0. */
static bool has_reasons(const mqw__check *check)
{
    return mqw__type(check) == MQW_SUBACK || check->version == MQW_5_0;
}

/* `sent`: there is no place to name. */
static void judge_reasons(mqw__check *check, mqw_bytes reasons, bool sent)
{
    if (MQW__RARE(reasons.len == 0))
        mqw__break(check, MQW_RULE_REASONS_EMPTY, sent ? NULL : reasons.data, MQW__F(reasons));
    for (size_t i = 0; i < reasons.len; i++)
        if (MQW__RARE(mqw__wrong_reason(check, reasons.data[i])))
            mqw__break(check, mqw__reason_rule(mqw__type(check)), sent ? NULL : reasons.data + i,
                       MQW__F(reasons));
}

void mqw__suback_read(mqw__check *check, const uint8_t *at, mqw_packet *packet)
{
    mqw__reader r = mqw__reader_at(check, at);
    mqw_suback *out = &packet->suback;
    out->packet_id = mqw__read_packet_id(&r);
    mqw__read_properties(&r, mqw__place(r.check), &out->props);
    out->reasons = (mqw_bytes){r.at, 0};
    if (has_reasons(r.check)) {
        out->reasons = mqw__read_rest(&r);
        judge_reasons(r.check, out->reasons, false);
    }
    mqw__reader_end(&r);
}

static void write_reasons(mqw__writer *w, mqw_bytes reasons)
{
    if (MQW__RARE((!reasons.data && reasons.len) || reasons.len > MQW_LENGTH_MAX)) {
        mqw__refuse(w->check, MQW_RULE_FIELD_RANGE, NULL, MQW__F(reasons));
    } else if (has_reasons(w->check)) {
        judge_reasons(w->check, reasons, true);
        mqw__write_bytes(w, reasons.data, reasons.len);
    } else if (MQW__RARE(reasons.len != 0)) {
        mqw__refuse(w->check, MQW_RULE_NOT_IN_VERSION, NULL, MQW__F(reasons));
    }
}

size_t mqw__suback_write(mqw__check *check, size_t at, const void *body)
{
    mqw__writer w = mqw__writer_at(check, at);
    const mqw_suback *in = body;
    mqw__write_packet_id(&w, in->packet_id);
    mqw__write_properties(&w, mqw__place(w.check), &in->props);
    write_reasons(&w, in->reasons);
    return w.at;
}
