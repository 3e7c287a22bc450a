// SPDX-License-Identifier: MIT
// What the sides of bench_client share: a job, which the client under test does in a process of its own, and
// the sink (or source) that is its server.
#ifndef MQW_BENCH_CONTEST_H
#define MQW_BENCH_CONTEST_H

#include <stdbool.h>
#include <stdint.h>

#define CONTEST_TOPIC "site/7/sensor/0042/t"
enum {
    CONTEST_PAYLOAD = 64, /**< Bytes. */
    CONTEST_WINDOW =
        1000 /**< Messages of QoS 1 and 2 in flight, in both directions, whoever the client is. */
};

/** One run, in memory that both processes see. Times are those of CLOCK_MONOTONIC. */
typedef struct contest_job {
    const char *address; /**< `127.0.0.1:PORT` */
    int port;
    uint8_t version; /**< 4 or 5. */
    uint8_t qos;
    bool receive;      /**< The client receives; else it publishes. */
    uint32_t messages; /**< How many. */
    uint64_t start;    /**< Set by the sink: the client was told that it may begin. */
    uint64_t end;      /**< Set by who gets the last message (its last acknowledgement with QoS above 0). */
} contest_job;

/** A client: does the job and returns, once its server needs nothing more. */
typedef void contest_side(contest_job *job);
contest_side contest_mqw_client, contest_mqw_conn, contest_mosquitto, contest_paho;
contest_side contest_bytes;  /**< No client: writes or reads the bytes of the job in large pieces. */
contest_side contest_writes; /**< The same with one write, or two reads, for each message. */

/** The server: takes one connection and is done when it ends. Fails the program when messages are missing. */
void contest_sink(int listener, contest_job *job);

/** Something went wrong that must not: ends the process. */
_Noreturn void contest_fail(const char *what);

#endif
