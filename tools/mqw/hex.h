// SPDX-License-Identifier: MIT
// Hexadecimal text to bytes: bare digits, or what xxd, hexdump -C, od -t x1 and Wireshark print. Reads a
// stream in pieces.
#ifndef MQW_HEX_H
#define MQW_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HEX_HEAD_MAX = 16, HEX_ROOM = 32 };

typedef struct hex_reader {
    int state;
    unsigned line;               // that is being read, from 1
    const char *error;           // what is wrong with it; NULL: nothing
    char head[HEX_HEAD_MAX + 1]; // the word that may be an offset
    unsigned head_len;
    int nibble;      // the first digit of a byte; -1: none
    bool dump;       // with offsets
    bool colon;      // a dump with a colon behind its offsets, as xxd prints it
    unsigned blanks; // in a dump: 1 behind a byte, and one more for each blank that follows
    uint64_t base;   // the first offset of a dump
    uint64_t count;  // bytes so far
    char last;
    uint8_t *out;
    size_t used;
} hex_reader;

void hex_init(hex_reader *hex);

// Reads a piece of text. `out` needs room for len / 2 + HEX_ROOM bytes. Returns how many it got; stops at
// an error.
size_t hex_read(hex_reader *hex, const char *text, size_t len, uint8_t *out);

// The text has ended: what was held back. `out` as above.
size_t hex_finish(hex_reader *hex, uint8_t *out);

#endif
