// SPDX-License-Identifier: MIT
// The text format of Prometheus; see metrics_text.h.
#include "metrics_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define NAME "mqwire_"

// What can fall again. Everything else is counted on and on.
static bool is_gauge(const char *field)
{
    static const char *const gauges[] = {"uptime",
                                         "clients_connected",
                                         "clients_disconnected",
                                         "clients_total",
                                         "clients_maximum",
                                         "connections",
                                         "subscriptions",
                                         "shared_subscriptions",
                                         "retained",
                                         "messages_stored",
                                         "messages_bytes",
                                         "queued",
                                         "queued_bytes",
                                         "inflight",
                                         "wills",
                                         "decisions",
                                         "memory",
                                         "memory_maximum",
                                         "paused"};
    for (size_t i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++)
        if (strcmp(field, gauges[i]) == 0)
            return true;
    return false;
}

static void head(FILE *out, const char *name, const char *end, const char *kind, const char *help)
{
    fprintf(out, "# HELP %s%s %s\n# TYPE %s%s %s\n", name, end, help, name, end, kind);
}

static void row(FILE *out, const char *field, const char *help, uint64_t value)
{
    char name[96];
    bool gauge = is_gauge(field);
    snprintf(name, sizeof(name), NAME "%s", strcmp(field, "clients_total") == 0 ? "sessions" : field);
    head(out, name, gauge ? "" : "_total", gauge ? "gauge" : "counter", help);
    fprintf(out, "%s%s %" PRIu64 "\n", name, gauge ? "" : "_total", value);
}

static uint64_t resident_bytes(void)
{
    char line[256] = "", *resident = line;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file && fgets(line, sizeof(line), file))
        (void)strtoull(line, &resident, 10); // the whole size stands in front
    if (file)
        fclose(file);
    return strtoull(resident, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void process(FILE *out)
{
    struct rusage used;
    struct rlimit files;
    memset(&used, 0, sizeof(used));
    (void)getrusage(RUSAGE_SELF, &used);
    head(out, "process_cpu_seconds", "_total", "counter", "Seconds of processors that the process took.");
    fprintf(out, "process_cpu_seconds_total %.6f\n", seconds(used.ru_utime) + seconds(used.ru_stime));
    head(out, "process_resident_memory_bytes", "", "gauge", "Bytes of memory that the process takes.");
    fprintf(out, "process_resident_memory_bytes %" PRIu64 "\n", resident_bytes());
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        head(out, "process_max_fds", "", "gauge", "Most descriptors that the process may have.");
        fprintf(out, "process_max_fds %" PRIu64 "\n", (uint64_t)files.rlim_cur);
    }
}

char *metrics_text(const mqw_broker_status *status, size_t *len)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, len);
    if (out == NULL)
        return NULL;
    head(out, NAME "build_info", "", "gauge", "Which version this is.");
    fprintf(out, NAME "build_info{version=\"%s\"} 1\n", MQW_TOOL_VERSION);
#define X(field, topic, help) row(out, #field, help, status->field);
    MQW_BROKER_STATUS(X)
#undef X
    process(out);
    bool good = !ferror(out);
    if (fclose(out) == 0 && good)
        return text;
    free(text);
    return NULL;
}
