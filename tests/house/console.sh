#!/bin/sh
# SPDX-License-Identifier: MIT
# What README.md shows of mqw is what mqw does: runs the commands of its console blocks, in order, and
# compares. Times may differ. A block that begins with `mqw listen` is a server for the blocks behind it.
# console.sh MQW TREE [--write]; --write puts what they say now into README.md.
set -eu
mqw=$(readlink -f "${1:?usage: console.sh MQW TREE [--write]}")
readme=$(readlink -f "${2:?usage: console.sh MQW TREE [--write]}/README.md")
write=${3:-}
scratch=$(mktemp -d)
server=
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || :
    rm -rf "$scratch"
}
trap finish EXIT
cd "$scratch"
mkdir bin blocks
ln -s "$mqw" bin/mqw
PATH=$scratch/bin:$PATH

# Each block apart: N.command, and N.shown with the command in front. A file that a block shows is made.
awk '
    /^```/ {
        inside = $0 == "```console"
        block += inside
        file = ""
        next
    }
    !inside { next }
    { print > ("blocks/" block ".shown") }
    /^\$ / {
        print substr($0, 3) > ("blocks/" block ".command")
        file = $2 == "cat" ? $3 : ""
        next
    }
    file != "" { print > file }
' "$readme"

masked() {
    sed -E 's/[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}/00:00:00.000/' "$1"
}

blocks=0
failed=0
listener=
for command in blocks/*.command; do
    block=${command%.command}
    blocks=$((blocks + 1))
    sed 's/^/$ /' "$command" >"$block.said"
    case $(cat "$command") in
    "mqw listen "*)
        mkfifo fifo
        sh "$command" </dev/null >fifo 2>&1 &
        server=$!
        exec 3<fifo
        head -n 1 <&3 >>"$block.said" # it listens
        listener=$block
        ;;
    *) timeout 20 sh "$command" </dev/null >>"$block.said" 2>&1 || : ;;
    esac
done
if [ -n "$listener" ]; then
    cat <&3 >>"$listener.said"
    wait "$server" || :
    server=
fi

for command in blocks/*.command; do
    block=${command%.command}
    masked "$block.shown" >shown
    masked "$block.said" >said
    diff -u shown said || failed=1
done
if [ "$write" = --write ]; then
    awk '
        /^```console$/ { print; block++; file = "blocks/" block ".said"
            while ((getline line < file) > 0) print line
            while (getline > 0 && $0 != "```") ; }
        { print }
    ' "$readme" >new
    cp new "$readme"
fi
echo "$blocks blocks"
[ "$blocks" -gt 0 ] && [ "$failed" -eq 0 ]
