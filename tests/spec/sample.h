// SPDX-License-Identifier: MIT
// One packet, what it must come to, and all that can be checked of it.
#ifndef MQW_TESTS_SPEC_SAMPLE_H
#define MQW_TESTS_SPEC_SAMPLE_H

#include "spec.h"

typedef struct spec_sample {
    int line;
    mqw_codec codec;      /* with a policy */
    mqw_bytes bytes;      /* in a block of its size */
    const char *expected; /* the packet on a line, `! ` and the error, or `...` */
    mqw_bytes sent;       /* what encoding gives */
    const char *not_sent; /* or why it is refused; NULL: it is not */
} spec_sample;

/* Decodes, prints, encodes, scans and copies it, cuts it at each length, and feeds it to a connection. */
void spec_run_sample(const spec_sample *s);
/* Whether encoding the packet gives what the sample says; `what` tells where the packet comes from. */
void spec_check_encoding(const spec_sample *s, const char *what, const mqw_packet *packet);

#endif
