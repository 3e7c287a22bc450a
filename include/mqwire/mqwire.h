// SPDX-License-Identifier: MIT
/**
 * @file mqwire.h
 * Everything of libmqwire: packets, codec, connection. Streams are in transport.h, which needs libuv.
 */
#ifndef MQWIRE_H
#define MQWIRE_H

#include "codec.h"
#include "conn.h"
#include "packet.h"
#include "session.h"
#include "spec.h"

#endif
