# SPDX-License-Identifier: MIT
# Writes a document with each of its C blocks as its source has it. Above a block stands where it comes
# from: <!-- docs/code/pull.c take give --> for parts of a file, in that order, <!-- examples/proxy.c -->
# for all of it but its licence. A part is what begins at the left edge and is named so: a function with the
# comment above it, a type, a constant.
# awk -v tree=TREE -f snippets.awk DOCUMENT

function fail(why) {
    print FILENAME ":" FNR ": " why > "/dev/stderr"
    failed = 1
}

function names(line, name) {
    return line ~ /^[A-Za-z]/ && line !~ /\);$/ && line ~ ("[ *]" name "([(\\[]| =| \\{)")
}

# The lines of a part, or of the whole file when `name` is empty.
function part(file, name,  line, comment, text, inside, braced, number, found) {
    while ((getline line < file) > 0) {
        number++
        if (name == "") {
            text = text (number > 1 ? line "\n" : "")
            found = 1
            continue
        }
        if (!inside && line ~ /^\/\//) {
            comment = comment line "\n"
            continue
        }
        if (!inside && names(line, name)) {
            inside = found = 1
            text = text comment
        }
        comment = ""
        if (inside) {
            text = text line "\n"
            braced = braced || line ~ /\{$/
            inside = braced ? line !~ /^}/ : line !~ /;$/
        }
    }
    close(file)
    if (!found)
        fail("nothing is named " name " in " file)
    return text
}

function snippet(words,  count, word, i, text) {
    count = split(words, word, " ")
    if (count == 1)
        return part(tree "/" word[1], "")
    for (i = 2; i <= count; i++) {
        text = text (i > 2 ? "\n" : "") part(tree "/" word[1], word[i])
    }
    return text
}

/^<!-- [a-z][A-Za-z0-9_\/.-]*\.c( [a-z_0-9 ]+)? -->$/ {
    source = $0
    gsub(/^<!-- | -->$/, "", source)
    print
    next
}
/^```c$/ {
    print
    if (source == "") {
        fail("a C block without a source")
        next
    }
    printf "%s", snippet(source)
    while ((getline) > 0 && $0 != "```")
        ;
    print
    source = ""
    next
}
{
    if (source != "")
        fail("no C block behind " source)
    source = ""
    print
}
END { exit failed }
