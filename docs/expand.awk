# SPDX-License-Identifier: MIT
# Doxygen's input filter: writes the rows of the tables of spec.h out where a header takes them, each with
# what its row says, because Doxygen expands such a table only once, as it was taken first.
# awk -f docs/expand.awk HEADER

BEGIN {
    spec = "include/mqwire/spec.h"
    while ((getline line < spec) > 0) {
        if (line ~ /^#define MQW_IN_[A-Z]+ +\(MQW_IN_[A-Z_| ]+\)/) {
            split(line, word, /[ (]+/)
            sub(/^[^(]*\(/, "", line)
            sub(/\).*/, "", line)
            sets[word[2]] = line
        } else if (line ~ /^#define MQW_[A-Z_]+\(X\)/) {
            table = line
            sub(/^#define MQW_/, "", table)
            sub(/\(X\).*/, "", table)
        } else if (line ~ /^ *X\(/) {
            sub(/^ *X\(/, "", line)
            sub(/\)[ \\]*$/, "", line)
            row[table, ++rows[table]] = line
        } else if (line !~ /^ *\/\*.*\*\/ *\\$/) {
            table = ""
        }
    }
    close(spec)
}

# Splits at commas that are not in quotes; what is split off loses quotes and blanks around it.
function cells(text, out,  i, c, n, quoted) {
    n = 1
    out[1] = ""
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        if (c == "\"")
            quoted = !quoted
        else if (c == "," && !quoted)
            out[++n] = ""
        else
            out[n] = out[n] c
    }
    for (i = 1; i <= n; i++)
        gsub(/^ +| +$/, "", out[i])
    return n
}

# A mask of packet types in words.
function packets(mask,  i, n, one, words) {
    n = split(mask, one, / \| /)
    for (i = 1; i <= n; i++)
        words = words (i > 1 ? ", " : "") \
            (one[i] in sets ? packets(sets[one[i]]) : one[i] == "MQW_IN_WILL" ? "the will" : \
             one[i] == "MQW_IN_ALL" ? "every packet but the pings, and the will" : substr(one[i], 8))
    return words
}

# Who says something, and where.
function speakers(client, server) {
    return (client == "MQW_IN_NONE" ? "" : "; from a client in " packets(client)) \
        (server == "MQW_IN_NONE" ? "" : "; from a server in " packets(server))
}

function property(cell) {
    return "Property " cell[1] speakers(cell[4], cell[5]) \
        (cell[6] == "MQW_IN_NONE" ? "" : "; may stand more than once") \
        (cell[3] ~ /^U/ ? "; " cell[9] " when absent" : "") "."
}

function rule(cell) {
    return cell[9] " (3.x: " (cell[2] == "" ? "no such rule" : cell[2]) "; 5.0: " \
        (cell[3] == "" ? "no such rule" : cell[3]) "); reason " cell[6] ", " \
        (cell[8] == "ALWAYS" ? "always refused" : cell[8] == "REFUSE" ? "refused by default" : "ignored by default") "."
}

function text(table, cell, template) {
    if (table == "PROPERTIES")
        return template ~ /MQW_ID_/ ? "mqw_props." cell[2] : property(cell)
    if (table == "RULES")
        return rule(cell)
    if (table == "REASONS")
        return cell[5] speakers(cell[3], cell[4]) "."
    if (table == "PACKETS")
        return template ~ /handler/ ? cell[2] " has come." : cell[2]
    return cell[3] "."
}

# Writes `template` once per row, its parameters replaced by the cells of the row.
function expand(table, template,  i, k, n, line, cell, name, count) {
    name = template
    sub(/^#define X\(/, "", name)
    sub(/\).*/, "", name)
    sub(/^#define X\([^)]*\) */, "", template)
    count = cells(name, parameter)
    for (i = 1; i <= rows[table]; i++) {
        n = cells(row[table, i], cell)
        line = template
        for (k = 1; k <= count && k <= n; k++)
            if (parameter[k] != "...")
                line = replaced(line, parameter[k], cell[k])
        gsub(/##/, "", line)
        sub(/MQW_C_U8 /, "uint8_t ", line)
        sub(/MQW_C_U16 /, "uint16_t ", line)
        sub(/MQW_C_U32 /, "uint32_t ", line)
        sub(/MQW_C_TEXT /, "mqw_text ", line)
        sub(/MQW_C_BLOB /, "mqw_bytes ", line)
        sub(/MQW_C_(VARS|PAIRS) /, "mqw_list ", line)
        print line " /**< " text(table, cell, template) " */"
    }
}

# Replaces a word wherever it stands whole.
function replaced(line, word, by,  out, at, before, after) {
    out = ""
    while ((at = index(line, word)) > 0) {
        before = at > 1 ? substr(line, at - 1, 1) : " "
        after = substr(line, at + length(word), 1)
        out = out substr(line, 1, at - 1) (before after ~ /[A-Za-z0-9_]/ ? word : by)
        line = substr(line, at + length(word))
    }
    return out line
}

# A template of several lines is a function (mqw_value_…), which a macro documents.
/^#define X\(/ {
    template = $0
    long = /\\$/
    while (/\\$/ && getline > 0)
        ;
    next
}
template != "" && /^ *MQW_[A-Z_]+\(X\)$/ {
    table = $0
    gsub(/^ *MQW_|\(X\)$/, "", table)
    if (!long)
        expand(table, template)
    next
}
template != "" && /^#undef X/ {
    template = ""
    next
}
{ print }
