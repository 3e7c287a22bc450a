// SPDX-License-Identifier: MIT
// What a run came to; see bench_result.h.
#include "bench_result.h"

#include <stdlib.h>
#include <string.h>

const bench_figure_row bench_figures[FIGURE_COUNT] = {
#define X(NAME, name, UNIT, better, words) {#name, UNIT_##UNIT, better, words},
    BENCH_FIGURES(X)
#undef X
};

void result_set(bench_result *result, bench_figure figure, double value)
{
    result->value[figure] = value;
    result->has[figure] = true;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// What counts as wrong is added up, of everything else the one in the middle is taken.
static double gather(const bench_figure_row *row, double *values, uint32_t count)
{
    double sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += values[i];
    if (row->unit == UNIT_COUNT && row->better < 0)
        return sum;
    qsort(values, count, sizeof(*values), ascending);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

bench_result result_median(const bench_result *runs, uint32_t count)
{
    bench_result all = {.status = 0};
    double *values = malloc((count + 1) * sizeof(*values));
    for (int figure = 0; values && figure < FIGURE_COUNT; figure++) {
        uint32_t have = 0;
        for (uint32_t i = 0; i < count; i++)
            if (runs[i].has[figure])
                values[have++] = runs[i].value[figure];
        if (have > 0)
            result_set(&all, (bench_figure)figure, gather(&bench_figures[figure], values, have));
    }
    free(values);
    for (uint32_t i = 0; i < count; i++)
        if (runs[i].status > all.status) {
            all.status = runs[i].status;
            memcpy(all.why, runs[i].why, sizeof(all.why));
        }
    return all;
}

void result_divide(bench_result *out, const bench_result *a, const bench_result *b)
{
    for (int i = 0; i < FIGURE_COUNT; i++)
        if (a->has[i] && b->has[i] && b->value[i] > 0)
            result_set(out, (bench_figure)i, a->value[i] / b->value[i]);
}

// 12345678 as 12,345,678
static size_t show_count(double value, char *room, size_t cap)
{
    char digits[32];
    int len = snprintf(digits, sizeof(digits), "%.0f", value);
    size_t to = 0;
    for (int i = 0; i < len && to + 2 < cap; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            room[to++] = ',';
        room[to++] = digits[i];
    }
    room[to] = '\0';
    return to;
}

static void show_scaled(double value, double step, const char *const units[5], const char *behind, char *room,
                        size_t cap)
{
    int unit = 0;
    for (; value >= step && unit < 4; unit++)
        value /= step;
    snprintf(room, cap, "%.*f %s%s",
             value < 10 && unit    ? 2
             : value < 100 && unit ? 1
                                   : 0,
             value, units[unit], behind);
}

static void show_seconds(double value, char *room, size_t cap)
{
    static const char *const units[] = {"ns", "us", "ms", "s", "s"};
    double scaled = value * 1e9;
    int unit = 0;
    for (; scaled >= 1000 && unit < 3; unit++)
        scaled /= 1000;
    snprintf(room, cap, "%.*f %s", scaled < 10 ? 2 : scaled < 100 ? 1 : 0, scaled, units[unit]);
}

const char *result_show(bench_unit unit, double value, char *room, size_t cap)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    size_t len;
    switch (unit) {
    case UNIT_COUNT: show_count(value, room, cap); break;
    case UNIT_RATE:
        len = show_count(value, room, cap);
        snprintf(room + len, cap - len, "/s");
        break;
    case UNIT_BYTES: show_scaled(value, 1000, units, "", room, cap); break;
    case UNIT_BYTE_RATE: show_scaled(value, 1000, units, "/s", room, cap); break;
    case UNIT_SECONDS: show_seconds(value, room, cap); break;
    case UNIT_PERCENT: snprintf(room, cap, "%.0f %%", value); break;
    }
    return room;
}
