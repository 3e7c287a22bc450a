// SPDX-License-Identifier: MIT
// Processor time and memory of this process, and of the broker where its number is known.
#ifndef MQW_BENCH_PROCESS_H
#define MQW_BENCH_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

// Processor time of this process, in seconds.
double process_own_cpu(void);
// Of another one on this machine: seconds, and bytes of memory that it has in use. False: it is not known.
bool process_cpu(uint32_t pid, double *seconds);
bool process_memory(uint32_t pid, double *bytes);

#endif
