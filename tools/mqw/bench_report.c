// SPDX-License-Identifier: MIT
// What a bench prints; see bench_report.h.
#include "bench_report.h"

#include <jansson.h>

#include "paint.h"
#include "target.h"
#include "tool.h"

enum { CELL = 40, WORDS = 32, COLUMN = 22 };

static const char *address_of(const tool_settings *settings, size_t index, char room[TARGET_SHOWN])
{
    return target_show(settings->urls.items[index], room);
}

/* --- JSON ---------------------------------------------------------------------------------------------- */

static json_t *figures_of(const bench_result *result)
{
    json_t *object = json_object();
    for (int i = 0; i < FIGURE_COUNT; i++) {
        if (!result->has[i])
            continue;
        bool whole = bench_figures[i].unit == UNIT_COUNT;
        json_object_set_new(object, bench_figures[i].name,
                            whole ? json_integer((json_int_t)result->value[i]) : json_real(result->value[i]));
    }
    return object;
}

static json_t *object_of(const tool_settings *settings, const bench_result *result, size_t index)
{
    char room[TARGET_SHOWN];
    json_t *object = figures_of(result);
    json_object_set_new(object, "address", json_string(address_of(settings, index, room)));
    json_object_set_new(object, "good", json_boolean(result->status == TOOL_OK));
    if (*result->why)
        json_object_set_new(object, "error", json_string(result->why));
    return object;
}

static void print_json(json_t *object)
{
    json_dumpf(object, stdout, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(object);
}

/* --- The table ----------------------------------------------------------------------------------------- */

// Figures in which nothing went wrong are left out.
static bool is_shown(const bench_result *result, int figure)
{
    const bench_figure_row *row = &bench_figures[figure];
    return result->has[figure] && (row->unit != UNIT_COUNT || row->better == 0 || result->value[figure] > 0);
}

static tool_paint paint_of(const bench_figure_row *row)
{
    return row->unit == UNIT_COUNT && row->better < 0 ? PAINT_BAD : PAINT_PLAIN;
}

static void print_verdict(const bench_result *result, bool colours)
{
    bool good = result->status == TOOL_OK;
    if (*result->why)
        tool_complain("%s", result->why);
    else if (result->has[FIGURE_DELIVERED])
        printf("%s%s%s\n", paint_code(colours, good ? PAINT_GOOD : PAINT_BAD),
               good ? "every message came, once, in order and whole" : "not as it should be",
               paint_code(colours, PAINT_PLAIN));
}

void report_one(const tool_settings *settings, const bench_result *result)
{
    bool colours = paint_wanted(settings->colour, stdout);
    char cell[CELL];
    if (settings->json) {
        print_json(object_of(settings, result, 0));
        return;
    }
    for (int i = 0; i < FIGURE_COUNT; i++)
        if (is_shown(result, i))
            printf("%-*s %s%*s%s\n", WORDS, bench_figures[i].words,
                   paint_code(colours, paint_of(&bench_figures[i])), COLUMN,
                   result_show(bench_figures[i].unit, result->value[i], cell, CELL),
                   paint_code(colours, PAINT_PLAIN));
    print_verdict(result, colours);
}

static void print_row(const bench_result results[2], const bench_result *ratio, int figure, bool colours)
{
    const bench_figure_row *row = &bench_figures[figure];
    char cell[CELL];
    printf("%-*s", WORDS, row->words);
    for (int i = 0; i < 2; i++)
        printf(" %*s", COLUMN,
               results[i].has[figure] ? result_show(row->unit, results[i].value[figure], cell, CELL) : "");
    if (ratio->has[figure] && row->better) {
        bool better = row->better > 0 ? ratio->value[figure] > 1 : ratio->value[figure] < 1;
        printf("  %s%8.2f%s", paint_code(colours, better ? PAINT_GOOD : PAINT_NOTE), ratio->value[figure],
               paint_code(colours, PAINT_PLAIN));
    }
    putchar('\n');
}

void report_two(const tool_settings *settings, const bench_result results[2], const bench_result *ratio)
{
    bool colours = paint_wanted(settings->colour, stdout);
    char room[TARGET_SHOWN];
    if (settings->json) {
        json_t *object = json_object();
        json_object_set_new(object, "a", object_of(settings, &results[0], 0));
        json_object_set_new(object, "b", object_of(settings, &results[1], 1));
        json_object_set_new(object, "ratio", figures_of(ratio));
        print_json(object);
        return;
    }
    printf("%-*s", WORDS, "");
    for (size_t i = 0; i < 2; i++)
        printf(" %*.*s", COLUMN, COLUMN, address_of(settings, i, room));
    printf("  %8s\n", "times");
    for (int i = 0; i < FIGURE_COUNT; i++)
        if (is_shown(&results[0], i) || is_shown(&results[1], i))
            print_row(results, ratio, i, colours);
    for (int i = 0; i < 2; i++)
        print_verdict(&results[i], colours);
}
