// SPDX-License-Identifier: MIT
// The head of an HTTP message, gathered from any pieces, bounded, and read.
#ifndef MQW_TRANSPORT_HTTP_H
#define MQW_TRANSPORT_HTTP_H

#include "layer.h"

/** A head; zeros with `most` set are a good start. */
typedef struct mqw__http {
    char *text; /**< All that was gathered. */
    size_t len;
    size_t cap;
    size_t most;   /**< It may not be longer. */
    bool response; /**< An answer is wanted, not a request. */
} mqw__http;

/**
 * Takes bytes until the head is complete; what is behind it stays.
 * 1: complete, and every line is sound. 0: not yet. MQW_E_PROTOCOL: nobody speaks HTTP here.
 * MQW_E_MALFORMED: badly. MQW_E_TOO_LARGE: too long. MQW_E_NO_MEMORY.
 */
int mqw__http_take(mqw__http *http, mqw__span *in);
void mqw__http_free(mqw__http *http);

/** The first line: method, target, version of a request; version, status, reason phrase of an answer. */
void mqw__http_start(const mqw__http *http, mqw_text words[3]);
/** Status of an answer; 0: it has none. */
int mqw__http_status(const mqw__http *http);
/** How many fields have this name; the first one's value when there is one. */
int mqw__http_find(const mqw__http *http, const char *name, mqw_text *value);
/** The next field of a name, from *at (0 at first) on. */
bool mqw__http_each(const mqw__http *http, const char *name, size_t *at, mqw_text *value);
/** Whether one of the fields of this name, which hold lists, has an item (in any case). */
bool mqw__http_lists(const mqw__http *http, const char *name, const char *item);

/** Cuts the next item off a list with commas. False: there is none. */
bool mqw__list_item(mqw_text *list, mqw_text *item);
/** Whether a list has exactly this item. */
bool mqw__list_has(const char *list, mqw_text item);
/** Whether it is this word, in any case. */
bool mqw__text_is(mqw_text text, const char *word);
/** One token of HTTP, as the name of a field or of a subprotocol. */
bool mqw__http_token(mqw_text text);
/** A text of a peer as it may be shown: what is not printable ASCII becomes `?`, what is too long is cut. */
const char *mqw__http_show(char *out, size_t cap, mqw_text text);

#endif
