// SPDX-License-Identifier: MIT
// Topic aliases (section 3.3.2.3.4): those of the peer, resolved; ours, the program's or assigned by recency.
#include "conn/rules.h"

#include <string.h>

enum { RECENT_MAX = 32 };

static mqw__alias *row_of(const mqw__aliases *aliases, uint16_t alias)
{
    return alias && alias <= aliases->count ? &aliases->rows[alias - 1] : NULL;
}

/* Makes rows up to `alias`. They grow with what is used, not with what was allowed. */
static mqw__alias *row_for(mqw_conn *conn, mqw__aliases *aliases, uint16_t alias)
{
    if (alias > aliases->count) {
        uint32_t count = aliases->count * 2 > alias ? aliases->count * 2 : alias;
        size_t old = aliases->count * sizeof *aliases->rows, size = count * sizeof *aliases->rows;
        if (!mqw__config_hold(conn->config, size - old))
            return NULL;
        mqw__alias *rows = mqw__resize(&conn->config->allocator, aliases->rows, old, size);
        if (!rows) {
            mqw__config_let_go(conn->config, size - old);
            return NULL;
        }
        memset(rows + aliases->count, 0, size - old);
        aliases->rows = rows;
        aliases->count = count;
    }
    return &aliases->rows[alias - 1];
}

static int row_set(mqw_conn *conn, mqw__alias *row, mqw_text topic)
{
    if (topic.len > row->len && !mqw__config_hold(conn->config, topic.len - row->len))
        return MQW_E_NO_MEMORY;
    char *data = mqw__resize(&conn->config->allocator, row->data, row->len, topic.len);
    if (!data) {
        if (topic.len > row->len)
            mqw__config_let_go(conn->config, topic.len - row->len);
        return MQW_E_NO_MEMORY;
    }
    if (topic.len < row->len)
        mqw__config_let_go(conn->config, row->len - topic.len);
    memcpy(data, topic.data, topic.len);
    *row = (mqw__alias){data, row->used, (uint16_t)topic.len, true};
    return 0;
}

void mqw__aliases_free(mqw_config *config, mqw__aliases *aliases)
{
    for (uint32_t i = 0; i < aliases->count; i++) {
        mqw__free(&config->allocator, aliases->rows[i].data, aliases->rows[i].len);
        mqw__config_let_go(config, aliases->rows[i].len);
    }
    mqw__free(&config->allocator, aliases->rows, aliases->count * sizeof *aliases->rows);
    mqw__config_let_go(config, aliases->count * sizeof *aliases->rows);
}

bool mqw__aliases_allow(const mqw_conn *conn, mqw__trial *trial, const mqw_publish *publish)
{
    bool client = trial->sender == MQW_CLIENT;
    uint16_t alias = publish->props.topic_alias;
    if (alias > mqw__conn_acceptor(conn, (mqw_role)trial->sender)->alias_maximum &&
        mqw__trial_breaks(conn, trial, client ? MQW_RULE_ALIAS_MAXIMUM_SERVER : MQW_RULE_ALIAS_MAXIMUM_CLIENT,
                          "topic_alias"))
        return false;
    if (publish->topic.len)
        return true;
    const mqw__extra *extra = conn->extra;
    const mqw__alias *row =
        extra ? row_of(trial->sender == conn->role ? &extra->alias_out : &extra->alias_in, alias) : NULL;
    return (row && row->said) || !mqw__trial_breaks(conn, trial, MQW_RULE_ALIAS_UNKNOWN, "topic_alias");
}

int mqw__alias_resolve(mqw_conn *conn, mqw_publish *publish)
{
    uint16_t alias = publish->props.topic_alias;
    if (alias == 0 || alias > conn->ours.alias_maximum)
        return 0; /* let pass by policy, as it stands */
    mqw__extra *extra = mqw__conn_extra(conn);
    mqw__alias *row = extra ? row_for(conn, &extra->alias_in, alias) : NULL;
    if (!row)
        return MQW_E_NO_MEMORY;
    if (conn->config->options.alias_in == MQW_ALIAS_RAW) {
        row->said |= publish->topic.len > 0;
        return 0;
    }
    if (publish->topic.len)
        return row_set(conn, row, publish->topic);
    publish->topic = (mqw_text){row->data, row->len};
    return 0;
}

mqw__alias *mqw__alias_row(mqw_conn *conn, uint16_t alias)
{
    mqw__extra *extra = mqw__conn_extra(conn);
    return extra ? row_for(conn, &extra->alias_out, alias) : NULL;
}

static mqw__alias *known_row(mqw__aliases *aliases, mqw_text topic)
{
    for (uint32_t i = 0; i < aliases->count; i++) {
        mqw__alias *row = &aliases->rows[i];
        if (row->said && mqw__same_text(topic, (mqw_text){row->data, row->len}))
            return row;
    }
    return NULL;
}

/* A row that is free, else the one that was used longest ago. NULL: no memory. */
static mqw__alias *oldest_row(mqw_conn *conn, mqw__aliases *aliases, uint32_t most)
{
    if (!row_for(conn, aliases, (uint16_t)most))
        return NULL;
    mqw__alias *oldest = &aliases->rows[0];
    for (uint32_t i = 0; i < most && oldest->said; i++)
        if (!aliases->rows[i].said || aliases->clock - aliases->rows[i].used > aliases->clock - oldest->used)
            oldest = &aliases->rows[i];
    return oldest;
}

mqw__alias *mqw__alias_assign(mqw_conn *conn, mqw_publish *publish)
{
    uint32_t most = conn->theirs.alias_maximum;
    if (most > RECENT_MAX)
        most = RECENT_MAX;
    mqw__extra *extra = most && publish->topic.len ? mqw__conn_extra(conn) : NULL;
    if (!extra)
        return NULL;
    mqw__aliases *aliases = &extra->alias_out;
    mqw__alias *row = known_row(aliases, publish->topic);
    if (row)
        publish->topic.len = 0;
    else
        row = oldest_row(conn, aliases, most);
    if (row)
        mqw_set(&publish->props, topic_alias, (uint16_t)(row - aliases->rows + 1));
    return row;
}

void mqw__alias_settle(mqw_conn *conn, mqw__alias *row, mqw_text topic)
{
    row->used = ++conn->extra->alias_out.clock;
    if (topic.len == 0)
        return;
    row->said = conn->config->options.alias_out == MQW_ALIAS_MANUAL || row_set(conn, row, topic) == 0;
}
