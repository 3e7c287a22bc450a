// SPDX-License-Identifier: MIT
// Verifies each message that comes; see bench_verify.h.
#include "bench_verify.h"

#include <stdlib.h>
#include <string.h>

#include "tool.h"

enum { NUMBER_BITS = 40, PART = 512 };

static const uint64_t number_mask = (UINT64_C(1) << NUMBER_BITS) - 1;

static bool make_receivers(bench_verify *verify, const bench_plan *plan)
{
    verify->receivers = calloc(plan->receivers + 1, sizeof(*verify->receivers));
    for (uint32_t i = 0; verify->receivers && i < plan->receivers; i++) {
        verify->receivers[i].class = plan_class(plan, i);
        verify->receivers[i].next = calloc(plan->slots, sizeof(uint64_t));
        if (verify->receivers[i].next == NULL)
            return false;
    }
    return verify->receivers != NULL;
}

static bool make_groups(bench_verify *verify, const bench_plan *plan)
{
    if (!plan->settings->bench.share)
        return true;
    verify->last = calloc(plan->members + 1, sizeof(*verify->last));
    for (uint32_t i = 0; verify->last && i < plan->members; i++)
        if ((verify->last[i] = calloc(plan->slots, sizeof(uint64_t))) == NULL)
            return false;
    return verify->last != NULL;
}

bool verify_make(bench_verify *verify, const bench_plan *plan)
{
    *verify = (bench_verify){.plan = plan};
    if (plan->size > 4 * PART && !plan->settings->bench.verify_all)
        verify->middle = plan->size - 2 * PART;
    bool made = make_receivers(verify, plan) && make_groups(verify, plan);
    if (!made)
        tool_complain("out of memory");
    return made;
}

void verify_free(bench_verify *verify)
{
    for (uint32_t i = 0; verify->receivers && i < verify->plan->receivers; i++) {
        bench_receiver *receiver = &verify->receivers[i];
        for (uint32_t slot = 0; receiver->gaps && slot < verify->plan->slots; slot++)
            gaps_free(&receiver->gaps[slot]);
        free(receiver->gaps);
        free(receiver->next);
    }
    for (uint32_t i = 0; verify->last && i < verify->plan->members; i++)
        free(verify->last[i]);
    free(verify->receivers);
    free(verify->last);
    verify->receivers = NULL;
    verify->last = NULL;
}

void verify_head(uint8_t head[PLAN_HEAD], uint32_t stream, uint64_t number, uint64_t sent)
{
    uint64_t whose = (uint64_t)stream << NUMBER_BITS | (number & number_mask);
    memcpy(head, &whose, sizeof(whose));
    memcpy(head + sizeof(whose), &sent, sizeof(sent));
}

// Whether the payload behind the head is what was sent; of a large one both ends are looked at.
static bool is_whole(const bench_verify *verify, const mqw_publish *publish)
{
    const bench_plan *plan = verify->plan;
    const uint8_t *payload = publish->payload.data, *filler = plan->filler;
    if (publish->payload.len != plan->size || publish->qos != plan->give_qos ||
        publish->retain != verify->retained)
        return false;
    if (verify->middle == 0)
        return memcmp(payload + PLAN_HEAD, filler + PLAN_HEAD, plan->size - PLAN_HEAD) == 0;
    size_t end = plan->size - PART;
    return memcmp(payload + PLAN_HEAD, filler + PLAN_HEAD, PART - PLAN_HEAD) == 0 &&
           memcmp(payload + end, filler + end, PART) == 0;
}

static bool is_at_home(const bench_verify *verify, const bench_receiver *receiver, uint32_t stream,
                       mqw_text topic)
{
    const bench_plan *plan = verify->plan;
    return stream < plan->streams && (plan->all || plan->class_of[stream] == receiver->class) &&
           topic.len == plan->topic_len &&
           memcmp(topic.data,
                  plan_topic(plan, plan->streams == plan->topics ? stream : stream % plan->topics),
                  topic.len) == 0;
}

// The number is not the one that should be next.
static void take_other(bench_verify *verify, bench_receiver *receiver, uint32_t slot, uint64_t number)
{
    bench_tally *tally = &verify->tally;
    uint64_t next = receiver->next[slot];
    if (receiver->gaps == NULL)
        receiver->gaps = calloc(verify->plan->slots, sizeof(*receiver->gaps));
    if (number > next) {
        if (receiver->gaps)
            gaps_open(&receiver->gaps[slot], next, number);
        tally->missing += number - next;
        tally->delivered++;
        receiver->next[slot] = number + 1;
    } else if (receiver->gaps && gaps_fill(&receiver->gaps[slot], number)) {
        tally->missing--;
        tally->delivered++;
        tally->reordered += verify->last == NULL; // members of a group do not wait for each other
    } else {
        tally->duplicates++;
    }
}

// Within a group the order holds for each member.
static void take_as_member(bench_verify *verify, uint32_t member, uint32_t slot, uint64_t number)
{
    uint64_t *last = &verify->last[member][slot];
    if (number + 1 < *last)
        verify->tally.reordered++;
    else
        *last = number + 1;
}

bool verify_take(bench_verify *verify, uint32_t member, const mqw_publish *publish, uint64_t *number,
                 uint64_t *sent)
{
    const bench_plan *plan = verify->plan;
    bench_receiver *receiver = &verify->receivers[verify->last ? member % plan->receivers : member];
    uint64_t whose;
    if (publish->payload.len != plan->size) {
        verify->tally.corrupt++;
        return false;
    }
    memcpy(&whose, publish->payload.data, sizeof(whose));
    memcpy(sent, publish->payload.data + sizeof(whose), sizeof(*sent));
    *number = whose & number_mask;
    uint32_t stream = (uint32_t)(whose >> NUMBER_BITS);
    if (!is_at_home(verify, receiver, stream, publish->topic)) {
        verify->tally.strange++;
        return false;
    }
    if (!is_whole(verify, publish)) {
        verify->tally.corrupt++;
        return false;
    }
    uint32_t slot = plan->slot_of[stream];
    if (receiver->next[slot] == *number) {
        receiver->next[slot]++;
        verify->tally.delivered++;
    } else {
        take_other(verify, receiver, slot, *number);
    }
    if (verify->last)
        take_as_member(verify, member, slot, *number);
    return true;
}
