// SPDX-License-Identifier: MIT
// The servers of a client as its program, and later they themselves, name them. Nothing is looked up.
#ifndef MQW_CLIENT_SERVERS_H
#define MQW_CLIENT_SERVERS_H

#include "mqwire/packet.h"

enum { MQW__SERVERS_MAX = 32 };

/** One server, and what is known of it. */
typedef struct mqw__server {
    const char *address; /**< For mqw_conn_open: without user name and password. */
    bool has_username;   /**< They stood in the address, and go before those of the program's CONNECT. */
    bool has_password;
    mqw_text username;
    mqw_bytes password;
    uint8_t version; /**< To be spoken next; 0: not known. */
    uint8_t refused; /**< Versions that it does not know, of those said since it was connected: a bit each. */
    bool hopeless;   /**< It refused, and will again. */
    size_t size;     /**< Of this block, texts included. */
} mqw__server;

typedef struct mqw__servers {
    uint32_t count;
    mqw__server *at[MQW__SERVERS_MAX];
} mqw__servers;

/**
 * Reads a list of addresses, separated by spaces or commas (after `fd:`, `pipe:` and `tty:` by spaces only),
 * each perhaps with `user:password@` behind its scheme, %-encoded. NULL or empty: localhost.
 * 0, MQW_E_ADDRESS (also more than MQW__SERVERS_MAX) or MQW_E_NO_MEMORY; *out is empty then.
 */
int mqw__servers_read(mqw__servers *out, const char *list);

/**
 * Reads a server reference (section 4.11): `host`, `host:port`, `[v6]:port`, separated by spaces. Scheme,
 * path, user name and password are those of `origin`. What is not understood is left out.
 * 0 (also with an empty *out), or MQW_E_NO_MEMORY.
 */
int mqw__servers_refer(mqw__servers *out, const mqw__server *origin, mqw_text reference);

/** Puts `with` in the place of the one at `index`; what does not fit is freed. `with` is empty afterwards. */
void mqw__servers_replace(mqw__servers *servers, uint32_t index, mqw__servers *with);

/** Wipes and frees what is in it. */
void mqw__servers_clear(mqw__servers *servers);

#endif
