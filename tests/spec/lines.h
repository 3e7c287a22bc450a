// SPDX-License-Identifier: MIT
// The runner as a servant of other tests: it encodes and decodes what comes on standard input, a line each.
#ifndef MQW_TESTS_SPEC_LINES_H
#define MQW_TESTS_SPEC_LINES_H

/**
 * `decode VERSION SENDER HEX` is answered with the packet on a line, `encode VERSION SENDER PACKET` with
 * hexadecimal digits; either with `! ` and the error. SENDER: any, client, server. Returns the program's exit
 * code.
 */
int spec_serve_lines(void);

#endif
