// SPDX-License-Identifier: MIT
// Requests that wait for an answer (section 4.10), on top of publishing and subscribing.
#ifndef MQW_CLIENT_RESPONSE_H
#define MQW_CLIENT_RESPONSE_H

#include "client/inside.h"

/** A message has come: true when it was an answer, whoever waits for it. Goes before routes. O(1). */
bool mqw__responses_take(mqw_client *client, const mqw_publish *publish);
/** Ends what has waited too long (re-authentication included); when to call it again, UINT64_MAX: never. */
uint64_t mqw__responses_due(mqw_client *client);
/** CONNACK 0 has come. */
void mqw__responses_opened(mqw_client *client);
/** A subscription could not be restored: if it was ours, the next request asks for it anew. */
void mqw__responses_unsubscribed(mqw_client *client, mqw_text filter);
/** The client ends: so do all requests (MQW_E_CLOSED), and memory goes. */
void mqw__responses_end(mqw_client *client);

#endif
