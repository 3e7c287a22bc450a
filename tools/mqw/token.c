// SPDX-License-Identifier: MIT
// The words of a packet's text form; see token.h.
#include "token.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// Length of the word that begins a text. `\` keeps a quote from ending its string.
static size_t word_length(mqw_text text)
{
    bool quoted = false;
    for (size_t i = 0; i < text.len; i++) {
        if (quoted && text.data[i] == '\\')
            i++;
        else if (text.data[i] == '"')
            quoted = !quoted;
        else if (!quoted && is_blank(text.data[i]))
            return i;
    }
    return text.len;
}

static mqw_text skip(mqw_text text, size_t count)
{
    return (mqw_text){text.data + count, text.len - count};
}

bool token_next(mqw_text *left, tool_token *out)
{
    while (left->len > 0 && is_blank(left->data[0]))
        *left = skip(*left, 1);
    if (left->len == 0 || left->data[0] == '#')
        return false;
    out->whole = (mqw_text){left->data, word_length(*left)};
    *left = skip(*left, out->whole.len);
    const char *equals = memchr(out->whole.data, '=', out->whole.len);
    const char *quote = memchr(out->whole.data, '"', out->whole.len);
    out->name = out->whole;
    out->value = (mqw_text){NULL, 0};
    if (equals && (quote == NULL || equals < quote)) {
        out->name.len = (size_t)(equals - out->whole.data);
        out->value = skip(out->whole, out->name.len + 1);
    }
    return true;
}

bool token_is(mqw_text text, const char *word)
{
    return text.len == strlen(word) && memcmp(text.data, word, text.len) == 0;
}

bool token_same(mqw_text a, mqw_text b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}
