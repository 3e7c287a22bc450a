// SPDX-License-Identifier: MIT
// How near two words are, to suggest what was probably meant.
#ifndef MQW_NEAREST_H
#define MQW_NEAREST_H

enum { NEAREST_MAX = 31 }; // longest word that is compared

// How many letters differ between two words, neighbours that changed places counting once; UINT_MAX for words
// that are too long.
unsigned nearest_distance(const char *a, const char *b);

#endif
