// SPDX-License-Identifier: MIT
// The world of a simulation: time that is a number, chance that a seed decides, and the first thing that went
// wrong.
#ifndef MQW_SIM_WORLD_H
#define MQW_SIM_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the headers above
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mqwire/client.h>

#define NEVER UINT64_MAX

/** 1970 and the start of a simulation are that far apart. */
enum { WALL = 1000000 };

typedef struct world {
    uint64_t now; /**< Milliseconds. */
    uint64_t seed;
    uint64_t state; /**< Of chance. */
    bool trace;
    bool deaf;       /**< It is over: what is wrong now does not count. */
    char wrong[400]; /**< What went wrong first; "": nothing. */
} world;

static inline void world_start(world *on, uint64_t seed)
{
    memset(on, 0, sizeof *on);
    on->seed = seed;
    on->state = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    on->now = 1000;
    on->trace = getenv("SIM_SEED") != NULL;
}

static inline uint32_t world_random(world *on)
{
    uint64_t z = on->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)(z >> 32);
}

/** A number below `below`. */
static inline uint32_t chance(world *on, uint32_t below)
{
    return below ? world_random(on) % below : 0;
}

static inline bool one_in(world *on, uint32_t count)
{
    return chance(on, count) == 0;
}

__attribute__((format(printf, 2, 3))) static inline void note(const world *on, const char *format, ...)
{
    if (!on->trace)
        return;
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%8llu  ", (unsigned long long)on->now);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

/** A property does not hold. The first one is kept. */
__attribute__((format(printf, 2, 3))) static inline void wrong(world *on, const char *format, ...)
{
    va_list arguments;
    if (on->wrong[0] || on->deaf)
        return;
    va_start(arguments, format);
    vsnprintf(on->wrong, sizeof on->wrong, format, arguments);
    va_end(arguments);
    note(on, "WRONG: %s", on->wrong);
}

static inline void note_packet(const world *on, const char *who, const mqw_packet *packet)
{
    char line[200];
    if (!on->trace)
        return;
    mqw_print(line, sizeof line, packet, 0);
    note(on, "%s %s", who, line);
}

static inline uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

#endif
