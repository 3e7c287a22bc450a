// SPDX-License-Identifier: MIT
// SASLprep (RFC 4013): user names and passwords in the one form in which both ends compute with them.
//
// Mapping and prohibition are done as it says. Its normalization (NFKC of Unicode 3.2) is not: that would
// need a library, or tables larger than all of this client, for texts that hardly anybody types. A text that
// normalization could change is refused instead, so that what is let through is right; a composed "\u00e9"
// passes, an "e" with a combining accent does not. Texts that mix directions are let through.
#ifndef MQW_CLIENT_SASLPREP_H
#define MQW_CLIENT_SASLPREP_H

#include "mqwire/packet.h"

/** Writes the prepared form of `text`, which is never longer, to `out`. Its length, or -1: it is not UTF-8,
 * has characters that are prohibited, or would have to be normalized first. */
ptrdiff_t mqw__saslprep(char *out, mqw_text text);

#endif
