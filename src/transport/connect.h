// SPDX-License-Identifier: MIT
// Making the stream of a client-side connection: looking up names, trying addresses by turns, waiting for a
// peer.
#ifndef MQW_TRANSPORT_CONNECT_H
#define MQW_TRANSPORT_CONNECT_H

#include "address.h"
#include "link.h"
#include "wrap.h"

/** An address of ours to come from (mqw_open_options.bind). 0 with *len 0 for NULL; MQW_E_ADDRESS or
 * MQW_E_NO_MEMORY. */
int mqw__connect_from(struct sockaddr_storage *out, socklen_t *len, const char *text);
/** Starts on a later turn of the loop, and gives the link its stream, wrapped, or a failure. Takes over what
 * `wrap` has, unless it fails. 0 or an mqw_result. */
int mqw__connect_start(mqw__link *link, const mqw__address *address, const mqw_open_options *options,
                       mqw__wrap *wrap);

#endif
