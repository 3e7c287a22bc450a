// SPDX-License-Identifier: MIT
// How much and how fast; see progress.h.
#include "progress.h"

#include <string.h>
#include <unistd.h>

#include "paint.h"

enum { SECOND = 1000000000, TICK = 200, BAR = 24, SIZE = 48 };

// 12345678 as 12,345,678
static const char *count_of(uint64_t number, char out[SIZE])
{
    char digits[SIZE];
    int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number), to = 0;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            out[to++] = ',';
        out[to++] = digits[i];
    }
    out[to] = '\0';
    return out;
}

static const char *size_of(double bytes, char out[SIZE])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    size_t unit = 0;
    for (; bytes >= 1000 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
        bytes /= 1000;
    snprintf(out, SIZE, unit && bytes < 99.95 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
    return out;
}

static const char *time_of(double seconds, char out[SIZE])
{
    unsigned whole = (unsigned)seconds;
    if (seconds < 60)
        snprintf(out, SIZE, "%.*f s", seconds < 10 ? 2 : 0, seconds);
    else
        snprintf(out, SIZE, "%u:%02u:%02u", whole / 3600, whole / 60 % 60, whole % 60);
    return out;
}

static double per_second(uint64_t amount, uint64_t since, uint64_t now)
{
    return now > since ? (double)amount * SECOND / (double)(now - since) : 0;
}

/* --- The line at the bottom --------------------------------------------------------------------------- */

// [########........] 33 %
static void print_bar(const tool_progress *progress)
{
    uint64_t all = progress->all_bytes ? progress->all_bytes : progress->all_messages;
    uint64_t now = progress->all_bytes ? progress->bytes : progress->messages;
    if (all == 0)
        return;
    double part = now < all ? (double)now / (double)all : 1;
    int full = (int)(part * BAR);
    fprintf(stderr, "%s[", paint_code(progress->colours, PAINT_GOOD));
    for (int i = 0; i < BAR; i++)
        fputc(i < full ? '#' : '.', stderr);
    fprintf(stderr, "]%s %3.0f %%  ", paint_code(progress->colours, PAINT_PLAIN), part * 100);
}

// What a single message has, and what many have.
static void print_amount(const tool_progress *progress, uint64_t now)
{
    char messages[SIZE], bytes[SIZE], all[SIZE], rate[SIZE], flow[SIZE];
    uint64_t since = progress->last_time;
    size_of((double)progress->bytes, bytes);
    size_of((double)progress->all_bytes, all);
    size_of(per_second(progress->bytes - progress->last_bytes, since, now), flow);
    const char *dim = paint_code(progress->colours, PAINT_DIM);
    if (progress->all_messages == 1 && progress->all_bytes > 0) {
        fprintf(stderr, "%s of %s  %s%s/s", bytes, all, dim, flow);
        return;
    }
    count_of((uint64_t)per_second(progress->messages - progress->last_messages, since, now), rate);
    fprintf(stderr, "%s %s, %s  %s%s/s, %s/s", count_of(progress->messages, messages), progress->verb, bytes,
            dim, rate, flow);
}

static void show(tool_progress *progress, uint64_t now)
{
    char took[SIZE];
    progress_hide(progress);
    print_bar(progress);
    print_amount(progress, now);
    fprintf(stderr, ", %s%s", time_of((double)(now - progress->started) / SECOND, took),
            paint_code(progress->colours, PAINT_PLAIN));
    fflush(stderr);
    progress->shown = true;
}

void progress_hide(tool_progress *progress)
{
    if (progress->shown)
        fputs("\r\033[K", stderr);
    progress->shown = false;
}

/* --- Figures ------------------------------------------------------------------------------------------ */

static void print_stats(const tool_progress *progress, uint64_t since, uint64_t messages, uint64_t bytes)
{
    char counted[SIZE], size[SIZE], rate[SIZE], flow[SIZE], took[SIZE];
    uint64_t now = uv_hrtime();
    if (progress->settings->json) {
        fprintf(stderr, "{\"event\":\"stats\",\"messages\":%llu,\"bytes\":%llu,\"seconds\":%.6f}\n",
                (unsigned long long)messages, (unsigned long long)bytes, (double)(now - since) / SECOND);
        return;
    }
    fprintf(stderr, "%s message%s %s, %s in %s: %s/s, %s/s\n", count_of(messages, counted),
            messages == 1 ? "" : "s", progress->verb, size_of((double)bytes, size),
            time_of((double)(now - since) / SECOND, took),
            count_of((uint64_t)per_second(messages, since, now), rate),
            size_of(per_second(bytes, since, now), flow));
}

static void on_tick(uv_timer_t *timer)
{
    tool_progress *progress = timer->data;
    uint64_t now = uv_hrtime();
    if (progress->wanted)
        show(progress, now);
    bool second = now - progress->last_time >= (uint64_t)SECOND / 100 * 95; // timers are not exact
    if (second && progress->settings->stats && !progress->wanted &&
        progress->messages != progress->last_messages)
        print_stats(progress, progress->last_time, progress->messages - progress->last_messages,
                    progress->bytes - progress->last_bytes);
    if (second) {
        progress->last_time = now;
        progress->last_messages = progress->messages;
        progress->last_bytes = progress->bytes;
    }
}

void progress_open(tool_progress *progress, uv_loop_t *loop, const tool_settings *settings, const char *verb,
                   bool on_terminal)
{
    bool terminal = paint_wanted(PAINT_AUTO, stderr) || isatty(STDERR_FILENO);
    *progress = (tool_progress){.settings = settings, .verb = verb, .open = true};
    progress->wanted =
        settings->progress == PAINT_ALWAYS || (settings->progress == PAINT_AUTO && terminal && !on_terminal &&
                                               !settings->quiet && !settings->debug && !settings->json);
    progress->colours = paint_wanted(settings->colour, stderr);
    progress->started = progress->last_time = uv_hrtime();
    uv_timer_init(loop, &progress->timer);
    progress->timer.data = progress;
    if (progress->wanted || settings->stats)
        uv_timer_start(&progress->timer, on_tick, progress->wanted ? TICK : 1000,
                       progress->wanted ? TICK : 1000);
    uv_unref((uv_handle_t *)&progress->timer);
}

void progress_close(tool_progress *progress)
{
    if (!progress->open)
        return;
    progress->open = false;
    uv_close((uv_handle_t *)&progress->timer, NULL);
    progress_hide(progress);
    if (progress->settings->stats)
        print_stats(progress, progress->started, progress->messages, progress->bytes);
}
