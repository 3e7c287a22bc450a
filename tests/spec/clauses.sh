#!/bin/sh
# SPDX-License-Identifier: MIT
# Which normative statements the tests show, of those that a codec or a connection can show (clauses.tsv).
#
# A statement counts when a test names it: `v4:MQTT-3.1.2-24` is that of 3.1.1, `v5:MQTT-3.1.2-24` that of
# 5.0, which may say something else; without v4: or v5: it counts only when one version alone has the number.
# In transcripts only headings count: test_spec fails when nothing in that version stands below them.
# Prints the statements that nothing names; fails when there are any.
set -eu
cd "$(dirname "$0")"

named() {
    for file in *.md; do
        [ "$file" = README.md ] || grep -h '^#' "$file"
    done
    find .. -type f \( -name '*.c' -o -name '*.sh' -o -name '*.mjs' \) ! -path '../spec/*' -exec cat {} +
}

named | grep -oE '(v[45]:)?MQTT-[0-9]+\.[0-9]+\.[0-9]+-[0-9]+' | sort -u | awk -F'\t' '
    given == "tests" { named[$1] = 1; next }
    FNR == 1 { next }
    { order[++count] = $1 ":" $2; id[count] = $2; text[count] = $3; versions[$2]++ }
    END {
        for (i = 1; i <= count; i++)
            if (order[i] in named || (versions[id[i]] == 1 && id[i] in named))
                shown++
            else
                print "not named: " order[i] "  " text[i]
        printf "%d of %d statements named by tests (%.1f %%)\n", shown, count, 100 * shown / count
        print "left out: MQTT-6.0.0-1, MQTT-6.0.0-2 (WebSocket; no stream of this library speaks it yet)"
        exit shown < count
    }' given=tests - given=statements clauses.tsv
