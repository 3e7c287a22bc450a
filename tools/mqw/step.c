// SPDX-License-Identifier: MIT
// What a line asks for; see step.h.
#include "step.h"

#include <string.h>
#include <strings.h>

#include "token.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static mqw_text skip(mqw_text text, size_t count)
{
    return (mqw_text){text.data + count, text.len - count};
}

static mqw_text trim(mqw_text text)
{
    while (text.len > 0 && strchr(" \t\r\n", text.data[0]))
        text = skip(text, 1);
    while (text.len > 0 && strchr(" \t\r\n", text.data[text.len - 1]))
        text.len--;
    return text;
}

// `12:34:56.789` as mqw prints it before each packet.
static mqw_text skip_time(mqw_text text)
{
    size_t len = 0;
    while (len < text.len && (is_digit(text.data[len]) || text.data[len] == ':' || text.data[len] == '.'))
        len++;
    bool time = len >= 8 && is_digit(text.data[0]) && text.data[2] == ':' && text.data[5] == ':';
    return time ? trim(skip(text, len)) : text;
}

static mqw_text skip_peer(mqw_text text, unsigned *peer)
{
    size_t len = 1;
    unsigned number = 0;
    if (text.len < 2 || text.data[0] != '#' || !is_digit(text.data[1]))
        return text;
    for (; len < text.len && is_digit(text.data[len]) && number < 100000000; len++)
        number = number * 10 + (unsigned)(text.data[len] - '0');
    if (len < text.len && text.data[len] != ' ')
        return text;
    *peer = number;
    return trim(skip(text, len));
}

static mqw_text skip_speaker(mqw_text text, mqw_role *speaker)
{
    if (text.len < 2 || (text.data[1] != '>' && text.data[1] != '<'))
        return text;
    if (text.data[0] == 'C')
        *speaker = MQW_CLIENT;
    else if (text.data[0] == 'S')
        *speaker = MQW_SERVER;
    else
        return text;
    return trim(skip(text, 2));
}

tool_step step_of(mqw_text line, mqw_role ours)
{
    tool_step step = {STEP_NONE, 0, {NULL, 0}};
    mqw_role speaker = ours;
    step.text = skip_peer(skip_time(trim(line)), &step.peer);
    step.text = skip_speaker(step.text, &speaker);
    if (step.text.len == 0)
        return step;
    if (step.text.data[0] == '#') {
        step.kind = STEP_NOTE;
        step.text = trim(skip(step.text, 1));
    } else if (step.text.data[0] == '.') {
        step.kind = STEP_COMMAND;
    } else {
        step.kind = speaker == ours ? STEP_SAY : STEP_HEAR;
    }
    return step;
}

unsigned step_packet_type(mqw_text text)
{
    tool_token word;
    if (!token_next(&text, &word))
        return 0;
    for (unsigned type = MQW_CONNECT; type <= MQW_AUTH; type++)
        if (strlen(mqw_packet_name((int)type)) == word.whole.len &&
            strncasecmp(mqw_packet_name((int)type), word.whole.data, word.whole.len) == 0)
            return type;
    return 0;
}
