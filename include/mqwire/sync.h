// SPDX-License-Identifier: MIT
/**
 * @file sync.h
 * The client for simple programs without a loop of their own: each call runs a loop inside until it is done
 * or its time is up. No hidden thread: pings and reconnecting happen inside calls, so call mqw_sync_next
 * often enough. One thread at a time. Inside a callback of the client inside, calls that run the loop are
 * MQW_E_MISUSE; it is there that mqw_client_publish and the others are for.
 */
#ifndef MQWIRE_SYNC_H
#define MQWIRE_SYNC_H

#include "client.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A client that blocks. */
typedef struct mqw_sync mqw_sync;

/**
 * Connects. `timeout` in milliseconds for all of it, here and below; 0: 30 s. Attempts are repeated until
 * then: `options->max_attempts` 1 fails at once. `options` NULL: defaults. Its handlers and manual_ack are
 * replaced, stream_over is not used, and there can be no store, for that would need a loop (MQW_E_MISUSE).
 * @return 0 with *out, MQW_E_TIMEOUT, the result of mqw_client_open, or what went wrong: an mqw_result, or
 * the reason code of a refusal (0x80 and above). `why` (may be NULL) gets a sentence.
 */
MQW_API int mqw_sync_open(mqw_sync **out, const mqw_client_options *options, uint32_t timeout, char *why,
                          size_t cap);
/** Publishes and waits until it is over (see mqw_client_done): its result. On MQW_E_TIMEOUT it goes on being
 * delivered in later calls. */
MQW_API int mqw_sync_publish(mqw_sync *sync, const mqw_publish *publish, uint32_t timeout);
/** Subscribes: the reason code of SUBACK, or a negative result. */
MQW_API int mqw_sync_subscribe(mqw_sync *sync, const char *filter, uint8_t qos, uint32_t timeout);
/** Unsubscribes. */
MQW_API int mqw_sync_unsubscribe(mqw_sync *sync, const char *filter, uint32_t timeout);
/** The next message, which is acknowledged when the next call of mqw_sync_next or mqw_sync_close begins, and
 * lives until then. At most 64 wait inside; then the stream is not read, answers included. 1: *out; 0: none
 * came in time
 * (`timeout` 0: looks once, does not wait); negative: the client has given up, mqw_sync_error says why. */
MQW_API int mqw_sync_next(mqw_sync *sync, const mqw_publish **out, uint32_t timeout);
/** Says goodbye and frees it, whatever happens, within `timeout`, or a second when that is longer
 * (options->open->close_timeout). NULL is fine. 0, or MQW_E_TIMEOUT: something queued was lost. */
MQW_API int mqw_sync_close(mqw_sync *sync, uint32_t timeout);
/** Ends the call that is under way, or else the next one, as if its time were up. Legal in signal handlers
 * and on other threads, as long as the client is not being closed. */
MQW_API void mqw_sync_interrupt(mqw_sync *sync);
/** Why the last call failed, in words; "" when it did not. Lives until the next call. */
MQW_API const char *mqw_sync_error(const mqw_sync *sync);
/** The client inside, for everything else; its callbacks run inside the calls above. Messages that a route
 * takes are to be acknowledged there, with mqw_client_ack. NULL when it has given up. */
MQW_API mqw_client *mqw_sync_client(mqw_sync *sync);

#ifdef __cplusplus
}
#endif
#endif
