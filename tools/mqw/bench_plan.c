// SPDX-License-Identifier: MIT
// What a load consists of; see bench_plan.h.
#include "bench_plan.h"

#include <stdlib.h>
#include <string.h>

#include <mqwire/codec.h>
#include <uv.h>

#include "tool.h"

static const char topic_default[] = "bench/%r/%n";
static const char retained_filter[] = "bench/%r/#";

static void name_run(char run[PLAN_RUN + 1])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz012345";
    unsigned char random[PLAN_RUN] = {0};
    (void)uv_random(NULL, NULL, random, sizeof(random), 0, NULL);
    for (int i = 0; i < PLAN_RUN; i++)
        run[i] = letters[random[i] % 32];
    run[PLAN_RUN] = '\0';
}

// A template with %r as the name of the run and %n as a number. Returns the length; 0: it is too long.
static size_t expand(const char *from, const char *run, uint32_t number, char *out, size_t cap)
{
    size_t len = 0;
    for (; *from && len + 16 < cap; from++) {
        bool is_code = from[0] == '%' && (from[1] == 'r' || from[1] == 'n');
        if (!is_code)
            out[len++] = *from;
        else if (*++from == 'r')
            len += (size_t)snprintf(out + len, cap - len, "%s", run);
        else
            len += (size_t)snprintf(out + len, cap - len, "%0*lu", PLAN_DIGITS, (unsigned long)number);
    }
    out[len] = '\0';
    return *from ? 0 : len;
}

static const char *topic_template(const tool_settings *settings)
{
    return settings->bench.topic ? settings->bench.topic : topic_default;
}

static const char *filter_template(const tool_settings *settings)
{
    if (settings->bench.filter)
        return settings->bench.filter;
    return settings->bench.retained && !settings->bench.topic ? retained_filter : topic_template(settings);
}

/* --- Who hears what ------------------------------------------------------------------------------------ */

// With more receivers than topics several hear the same topic; with fewer each hears several.
static uint32_t classes(const bench_plan *plan)
{
    return plan->topics < plan->receivers ? plan->topics : plan->receivers;
}

uint32_t plan_class(const bench_plan *plan, uint32_t receiver)
{
    return receiver % classes(plan);
}

uint32_t plan_step(const bench_plan *plan)
{
    return classes(plan);
}

uint32_t plan_filters(const bench_plan *plan, uint32_t receiver)
{
    if (plan->all)
        return 1;
    return (plan->topics - plan_class(plan, receiver) + classes(plan) - 1) / classes(plan);
}

static uint32_t reach(const bench_plan *plan, uint32_t class)
{
    if (plan->all)
        return plan->receivers;
    return (plan->receivers - class + classes(plan) - 1) / classes(plan);
}

// Streams of a topic stand `width` apart at a receiver.
static void place_streams(bench_plan *plan)
{
    uint32_t groups = plan->receivers ? classes(plan) : 1;
    uint32_t width = plan->all ? plan->topics : (plan->topics + groups - 1) / groups;
    plan->slots = width * ((plan->streams + plan->topics - 1) / plan->topics);
    for (uint32_t i = 0; i < plan->streams; i++) {
        uint32_t topic = i % plan->topics;
        plan->class_of[i] = topic % groups;
        plan->slot_of[i] = i / plan->topics * width + (plan->all ? topic : topic / groups);
        plan->reach_of[i] = plan->receivers ? reach(plan, topic % groups) : 0;
    }
}

/* --- Making it ----------------------------------------------------------------------------------------- */

static bool wrong(const char *what)
{
    tool_complain("%s", what);
    return false;
}

static void count(bench_plan *plan)
{
    const tool_bench_settings *bench = &plan->settings->bench;
    bool quiet = (bench->idle || bench->storm) && !bench->has_publishers && !bench->has_subscribers;
    plan->publishers = bench->retained ? 1 : quiet ? 0 : bench->publishers;
    plan->members = quiet ? 0 : bench->subscribers;
    plan->receivers = bench->share && bench->share < plan->members ? bench->share : plan->members;
    uint32_t least = plan->publishers < plan->receivers ? plan->publishers : plan->receivers;
    plan->topics = bench->retained ? bench->retained : bench->topics ? bench->topics : least ? least : 1;
    plan->streams = plan->topics > plan->publishers ? plan->topics : plan->publishers;
    plan->all = strstr(filter_template(plan->settings), "%n") == NULL;
}

static bool allocate(bench_plan *plan)
{
    plan->names = malloc((size_t)plan->topics * plan->topic_len + 1);
    plan->slot_of = calloc(plan->streams, sizeof(*plan->slot_of));
    plan->class_of = calloc(plan->streams, sizeof(*plan->class_of));
    plan->reach_of = calloc(plan->streams, sizeof(*plan->reach_of));
    plan->filler = malloc(plan->size);
    return plan->names && plan->slot_of && plan->class_of && plan->reach_of && plan->filler;
}

static void fill(bench_plan *plan)
{
    char name[PLAN_TOPIC_SIZE];
    uint32_t chance = 1;
    for (uint32_t i = 0; i < plan->topics; i++) {
        expand(topic_template(plan->settings), plan->run, i, name, sizeof(name));
        memcpy(plan->names + (size_t)i * plan->topic_len, name, plan->topic_len);
    }
    for (uint32_t i = 0; i < plan->size; i++) {
        chance = chance * 1664525 + 1013904223;
        plan->filler[i] = (uint8_t)(chance >> 24);
    }
}

static bool check_texts(bench_plan *plan)
{
    char room[PLAN_TOPIC_SIZE];
    size_t filter_len = expand(filter_template(plan->settings), plan->run, 0, room, sizeof(room));
    if (filter_len == 0 || mqw_filter_check((mqw_text){room, filter_len}, plan->version) != 0)
        return wrong("--filter: that is not a topic filter");
    plan->topic_len = expand(topic_template(plan->settings), plan->run, 0, room, sizeof(room));
    mqw_text topic = {room, plan->topic_len};
    if (topic.len == 0 || mqw_topic_check(topic) != 0)
        return wrong("--topic: that is not a topic name");
    if (plan->topics > 1 && strstr(topic_template(plan->settings), "%n") == NULL)
        return wrong("--topic: several topics need %n, the number of the topic");
    char filter[PLAN_TOPIC_SIZE];
    filter_len = expand(filter_template(plan->settings), plan->run, 0, filter, sizeof(filter));
    if (!mqw_topic_matches((mqw_text){filter, filter_len}, topic))
        return wrong("--filter does not match --topic");
    return true;
}

static bool check(const bench_plan *plan)
{
    const tool_bench_settings *bench = &plan->settings->bench;
    if (plan->topics > PLAN_TOPICS_MAX)
        return wrong("that are too many topics");
    if (bench->rate && plan->publishers == 0)
        return wrong("--rate needs publishers");
    if (bench->storm && (bench->retained || bench->idle))
        return wrong("one of --storm, --idle and --retained only");
    if (bench->retained && bench->messages)
        return wrong("--retained says how many messages, --messages is for other loads");
    return true;
}

bool plan_make(bench_plan *plan, const tool_settings *settings)
{
    const tool_bench_settings *bench = &settings->bench;
    *plan = (bench_plan){.settings = settings, .size = bench->size};
    plan->version = (uint8_t)(settings->version ? settings->version : MQW_5_0);
    plan->qos = (uint8_t)settings->qos;
    plan->sub_qos = bench->has_sub_qos ? (uint8_t)bench->sub_qos : plan->qos;
    plan->give_qos = plan->sub_qos < plan->qos ? plan->sub_qos : plan->qos;
    name_run(plan->run);
    count(plan);
    if (!check(plan) || !check_texts(plan))
        return false;
    if (!allocate(plan))
        return wrong("out of memory");
    place_streams(plan);
    fill(plan);
    return true;
}

void plan_free(bench_plan *plan)
{
    free(plan->names);
    free(plan->slot_of);
    free(plan->class_of);
    free(plan->reach_of);
    free(plan->filler);
    *plan = (bench_plan){0};
}

const char *plan_topic(const bench_plan *plan, uint32_t topic)
{
    return plan->names + (size_t)topic * plan->topic_len;
}

size_t plan_filter(const bench_plan *plan, uint32_t member, uint32_t topic, char room[PLAN_TOPIC_SIZE])
{
    size_t len = 0;
    if (plan->settings->bench.share)
        len = (size_t)snprintf(room, PLAN_TOPIC_SIZE, "$share/g%lu/",
                               (unsigned long)(member % plan->receivers));
    return len + expand(filter_template(plan->settings), plan->run, topic, room + len, PLAN_TOPIC_SIZE - len);
}
