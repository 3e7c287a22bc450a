// SPDX-License-Identifier: MIT
// What a load consists of: who publishes what, and who is to hear it. Nothing here changes while it runs.
//
// A stream is one publisher's messages to one topic, numbered from 0: what a broker has to keep in order. A
// receiver is a subscriber, or a group of them that share what comes. Stream i is of publisher i % publishers
// and topic i % topics.
#ifndef MQW_BENCH_PLAN_H
#define MQW_BENCH_PLAN_H

#include "options.h"

enum { PLAN_RUN = 6, PLAN_DIGITS = 7, PLAN_TOPICS_MAX = 9999999, PLAN_TOPIC_SIZE = 1024, PLAN_HEAD = 16 };

typedef struct bench_plan {
    const tool_settings *settings;
    char run[PLAN_RUN + 1]; // the name of this run, in topics and client identifiers
    uint8_t version;
    uint8_t qos;      // of publishers
    uint8_t sub_qos;  // of subscribers
    uint8_t give_qos; // of what they are given
    bool all;         // every receiver hears every topic
    uint32_t publishers;
    uint32_t members; // subscribers
    uint32_t receivers;
    uint32_t topics;
    uint32_t streams;
    uint32_t slots; // streams that a receiver hears, at most
    uint32_t size;  // of a payload
    size_t topic_len;
    char *names;        // all topics, one behind the other
    uint32_t *slot_of;  // by stream: its place at each of its receivers
    uint32_t *class_of; // by stream: which receivers hear it
    uint32_t *reach_of; // by stream: how many they are
    uint8_t *filler;    // what stands in a payload behind its head
} bench_plan;

// False: what is wrong was said. plan_free is due in any case.
bool plan_make(bench_plan *plan, const tool_settings *settings);
void plan_free(bench_plan *plan);

const char *plan_topic(const bench_plan *plan, uint32_t topic);
// The filter by which a subscriber hears a topic. Returns its length.
size_t plan_filter(const bench_plan *plan, uint32_t member, uint32_t topic, char room[PLAN_TOPIC_SIZE]);
// Topics from `first` in steps of `step` are those of a receiver, unless it hears all by one filter.
uint32_t plan_class(const bench_plan *plan, uint32_t receiver);
uint32_t plan_step(const bench_plan *plan);
// How many filters a receiver has.
uint32_t plan_filters(const bench_plan *plan, uint32_t receiver);

#endif
