#!/bin/sh
# SPDX-License-Identifier: MIT
# Which normative statements the tests show: all of 3.1.1 and 5.0 (clauses.tsv), but for the one about a server
# that connects to others.
#
# A statement counts when a test names it: `v4:MQTT-3.1.2-24` is that of 3.1.1, `v5:MQTT-3.1.2-24` that of
# 5.0, which may say something else; without v4: or v5: it counts only when one version alone has the number.
# Where clauses.tsv says by whom, the file that names it must have that word in its name: `session` (a client's
# test will do), `client`, `broker`, `websocket`; what a connection alone shows is then not enough. A statement
# about both ends may stand there twice.
# In transcripts only headings count: test_spec fails when nothing in that version stands below them.
# Prints the statements that nothing names; fails when there are any.
set -eu
cd "$(dirname "$0")"

# Lines of tests, each behind the name of its file.
lines() {
    for file in *.md; do
        [ "$file" = README.md ] || grep -H '^#' "$file"
    done
    find .. -type f \( -name '*.c' -o -name '*.h' -o -name '*.sh' -o -name '*.mjs' \) ! -path '../spec/*' \
        -exec grep -H 'MQTT-[0-9]' {} +
}

lines | awk -F'\t' '
    given == "tests" {
        file = $0
        sub(/:.*/, "", file)
        rest = substr($0, length(file) + 2)
        while (match(rest, /(v[45]:)?MQTT-[0-9]+\.[0-9]+\.[0-9]+-[0-9]+/)) {
            name = substr(rest, RSTART, RLENGTH)
            rest = substr(rest, RSTART + RLENGTH)
            named[name, "-"] = 1
            if (file ~ /client/) named[name, "client"] = 1
            if (file ~ /client|session/) named[name, "session"] = 1
            if (file ~ /broker/) named[name, "broker"] = 1
            if (file ~ /websocket/) named[name, "websocket"] = 1
        }
        next
    }
    FNR == 1 { next }
    { order[++count] = $1 ":" $2; id[count] = $2; by[count] = $3; text[count] = $4 }
    !(($1, $2) in known) { known[$1, $2]; versions[$2]++ }
    END {
        for (i = 1; i <= count; i++)
            if ((order[i], by[i]) in named || (versions[id[i]] == 1 && (id[i], by[i]) in named))
                shown++
            else
                print "not named: " order[i] "  " text[i] (by[i] == "-" ? "" : "  (" by[i] ")")
        printf "%d of %d statements named by tests (%.1f %%)\n", shown, count, 100 * shown / count
        exit shown < count
    }' given=tests - given=statements clauses.tsv
