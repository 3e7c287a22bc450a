// SPDX-License-Identifier: MIT
// Enhanced authentication of a client (section 4.12) with a method of the program's choice.
#ifndef MQW_CLIENT_AUTH_H
#define MQW_CLIENT_AUTH_H

#include "client/inside.h"

/** Puts method and first data into a CONNECT. 0, or an mqw_result: do not send it. Only with client->auth. */
int mqw__auth_begin(mqw_client *client, mqw_connect *connect);
/** AUTH has come. */
void mqw__auth_received(mqw_client *client, const mqw_disconnect *auth);
/** CONNACK 0 has come: whether the server has shown that it is the right one. Always without client->auth. */
bool mqw__auth_accepted(mqw_client *client, const mqw_connack *connack);
/** … and what to say if not. */
const char *mqw__auth_words(void);
/** The connection is gone. */
void mqw__auth_lost(mqw_client *client);
/** Ends a re-authentication that takes too long; when to call it again, UINT64_MAX: never. */
uint64_t mqw__auth_due(mqw_client *client);
/** Frees what is kept; a re-authentication under way ends with MQW_E_CLOSED. */
void mqw__auth_end(mqw_client *client);

#endif
