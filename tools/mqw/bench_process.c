// SPDX-License-Identifier: MIT
// Processor time and memory; see bench_process.h. Of other processes they are read from /proc.
#include "bench_process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

// Of /proc/PID/stat, counted from the name on; the next one is the system's.
enum { UTIME = 12 };

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec * 1e-6;
}

double process_own_cpu(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return 0;
    return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

static bool read_file(uint32_t pid, const char *what, char *room, size_t cap)
{
    char name[64];
    snprintf(name, sizeof(name), "/proc/%lu/%s", (unsigned long)pid, what);
    FILE *file = pid ? fopen(name, "re") : NULL;
    if (file == NULL)
        return false;
    size_t len = fread(room, 1, cap - 1, file);
    room[len] = '\0';
    fclose(file);
    return len > 0;
}

// The number behind so many blanks.
static bool word_of(const char *text, int blanks, uint64_t *number)
{
    char *end;
    for (; text && blanks > 0; blanks--) {
        text = strchr(text, ' ');
        text += text != NULL;
    }
    if (text == NULL)
        return false;
    *number = strtoull(text, &end, 10);
    return end != text;
}

bool process_cpu(uint32_t pid, double *seconds)
{
    char text[1024];
    uint64_t user, system;
    if (!read_file(pid, "stat", text, sizeof(text)))
        return false;
    const char *behind = strrchr(text, ')'); // the name may have blanks
    if (!word_of(behind, UTIME, &user) || !word_of(behind, UTIME + 1, &system))
        return false;
    *seconds = (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
    return true;
}

bool process_memory(uint32_t pid, double *bytes)
{
    char text[256];
    uint64_t pages;
    if (!read_file(pid, "statm", text, sizeof(text)) || !word_of(text, 1, &pages))
        return false;
    *bytes = (double)pages * (double)sysconf(_SC_PAGESIZE);
    return true;
}
