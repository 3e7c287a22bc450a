// SPDX-License-Identifier: MIT
// A set of listeners and the connections that they have accepted.
#ifndef MQW_TRANSPORT_SERVER_H
#define MQW_TRANSPORT_SERVER_H

#include <sys/types.h>

#include "address.h"
#include "link.h"
#include "rate.h"
#include "watch.h"
#include "wrap.h"

typedef struct mqw__listener mqw__listener;

typedef struct mqw__door {
    mqw__listener *listener;
    mqw__watch watch;
    int fd;
    unsigned streak; /**< How often in a row all that were asked for had come. */
} mqw__door;

/** One address to listen on; a name may stand for several sockets. */
struct mqw__listener {
    mqw__deadline again; /**< When accepting may go on after it has failed. */
    mqw__listener *next;
    mqw_server *server;
    mqw_config *config;
    mqw_open_options options;
    mqw__wrap wrap;
    mqw_connection_handler *on_connection;
    void *ctx;
    bool resting;
    bool inherited; /**< Accepted sockets are set up as the options say. */
    int count;
    mqw__door doors[MQW__NAMES_MAX];
    char path[MQW__NAME_MAX]; /**< To remove when closing; empty: none. */
    dev_t device;
    ino_t inode;
};

struct mqw_server {
    mqw__task task;
    mqw__loop *loop;
    mqw__listener *listeners;
    mqw__link *links;
    uint32_t connections;
    uint32_t rate;      /**< Accepted a second at most; 0: no limit. */
    uint64_t allowance; /**< What may be accepted now, in thousandths … */
    uint64_t reckoned;  /**< … as of then. */
    bool closing;
    void (*on_closed)(mqw_server *server, void *ctx);
    void *closed_ctx;
};

/** Opens the sockets of an address. 0, or a negative errno value with nothing left open. */
int mqw__listener_open(mqw__listener *listener, const mqw__address *address);
/** Closes them, and removes the path. */
void mqw__listener_close(mqw__listener *listener);
/** Watches for peers, or does not, as the server's state asks. */
void mqw__listener_watch(mqw__listener *listener);
/** Whether no more may be accepted at present. */
bool mqw__listener_full(const mqw__listener *listener);

/** Makes a connection of an accepted socket; closes it when there is no memory. False then. */
bool mqw__server_welcome(mqw__listener *listener, int fd);

#endif
