#!/bin/sh
# SPDX-License-Identifier: MIT
# mqw: subcommands, help texts, options, exit codes of the command line.
. "${SOURCE_DIR:-.}/tests/live/lib/mqw.sh"

run 0 "$MQW" help
says 'mqw decode'
says 'mqw open'
says 'mqw listen'
says 'mqw pub'
says 'mqw sub'
says 'mqw serve'
says 'mqw passwd'
run 0 "$MQW" --help
says 'mqw decode'
run 0 "$MQW" --version
lines 1 '^mqw [0-9]+\.[0-9]+\.[0-9]+$'

for command in decode open listen pub sub serve passwd bench; do
    run 0 "$MQW" "$command" --help
    says "usage: mqw $command"
    [ "$command" = passwd ] || says '--json'
    [ "$command" = passwd ] || says '--color'
    says 'exit codes:'
    lines 0 '.{81}'
    cp "$out" "$scratch/one"
    run 0 "$MQW" help "$command"
    cmp -s "$out" "$scratch/one" || fail "mqw help $command and mqw $command --help differ"
done
for command in decode open listen serve passwd bench; do # of pub and sub it is the host
    run 0 "$MQW" "$command" -h
    says "usage: mqw $command"
done
run 0 "$MQW" help open
for option in script expect exact unordered timeout answers connect client-id username password keep-alive clean wait \
    policy max-packet hex full version notes; do
    says "--$option"
done
run 0 "$MQW" help listen
for option in answer echo once max-peers script expect; do
    says "--$option"
done
silent_of '--client-id'
run 0 "$MQW" help decode
for option in version from hex lenient full; do
    says "--$option"
done

# the manual pages have every option with its letter, and name none that there is not
for command in decode open listen pub sub serve passwd bench; do
    case $command in
    pub | sub | serve | passwd | bench) page="${SOURCE_DIR:-.}/docs/man/mqw-$command.1" ;;
    *) page="${SOURCE_DIR:-.}/docs/man/mqw.1" ;;
    esac
    run 0 "$MQW" help --table "$command"
    cp "$out" "$scratch/table"
    while IFS= read -r option; do
        check
        letter=${option%%	*}
        name=${option#*	}
        name=${name%%	*}
        pattern="Fl -${name#--}( |\$)"
        [ -z "$letter" ] || pattern="Fl ${letter#-} , Fl -${name#--}( |\$)"
        grep -qE -e "^\.It $pattern" "$page" || fail "${page##*/} does not know $letter $name"
    done <"$scratch/table"
    cut -f 2 "$scratch/table" >>"$scratch/names.${page##*/}"
done
for page in mqw.1 mqw-pub.1 mqw-sub.1 mqw-serve.1 mqw-passwd.1 mqw-bench.1; do
    sed -nE 's/^\.It.* Fl -([a-z0-9-]+).*/--\1/p' "${SOURCE_DIR:-.}/docs/man/$page" | while read -r name; do
        check
        grep -qxF -e "$name" "$scratch/names.$page" || fail "$page has $name, mqw has not"
    done
done

# the page of the configuration has every key in its section, with its default, and names none that there is not
page="${SOURCE_DIR:-.}/docs/man/mqw-serve.conf.5"
run 0 "$MQW" serve --print-config mqtt://127.0.0.1:1883
sed -E 's/^\[listener 1\]/[listener NAME]/; s/^# //' "$out" |
    awk '/^\[/ { section = $0; next } NF { key = $1; sub(/^[^=]*= ?/, ""); print section "\t" key "\t" $0 }' >"$scratch/keys"
sed -nE 's/^\.Ss (\[.*\])$/\1/p; s/^\.It Ic ([a-z_]+).*/\1/p' "$page" |
    awk '/^\[/ { section = $0; next } { print section "\t" $1 }' | sort >"$scratch/described"
check
cut -f 1,2 "$scratch/keys" | sort | diff - "$scratch/described" >"$scratch/differences" ||
    { cp "$scratch/differences" "$out"; fail "mqw-serve.conf.5 and the keys differ"; }
# behind a key stands its default, in brackets; where there is none, nothing
while IFS='	' read -r section key value; do
    check
    case $key in address | anonymous) continue ;; esac
    shown=$(awk -v section="$section" -v key="$key" '$1 == ".Ss" { in_it = substr($0, 5) == section }
        in_it && $1 == ".It" && $3 == key { print $0; exit }' "$page" | sed -nE 's/.* Pq (.*)$/\1/p')
    [ "$shown" = "$value" ] || fail "mqw-serve.conf.5: $section $key: the default is '$value', not '$shown'"
done <"$scratch/keys"
# the example is sound, and is what the page says
check
sed 's/^#\([a-z_]* =\)/\1/' "${SOURCE_DIR:-.}/docs/mqw-serve.conf" | grep -oE '^[a-z_]+' | sort -u >"$scratch/shown"
cut -f 2 "$scratch/keys" | sort -u | comm -13 - "$scratch/shown" >"$out"
[ ! -s "$out" ] || fail 'the example has keys that there are not'

# usage is exit code 2, and says what was probably meant
run 2 "$MQW"
error_says 'usage:'
run 2 "$MQW" opne x
error_says 'did you mean open?'
run 2 "$MQW" help nothing-like-it
error_says 'mqw help lists all'
run 2 "$MQW" open --anwsers all x
error_says 'did you mean --answers?'
run 2 "$MQW" decode --versoin=5
error_says 'did you mean --version?'
run 2 "$MQW" decode --zzzzzzzz
error_says 'unknown option --zzzzzzzz'
run 2 "$MQW" decode -Z
error_says 'unknown option -Z'
run 2 "$MQW" open
error_says 'missing ADDRESS'
run 2 "$MQW" open localhost other
error_says 'what is this for: other'
run 2 "$MQW" decode --version
error_says 'no value for --version'
run 2 "$MQW" decode --version 6
error_says '3.1, 3.1.1, 5.0'
run 2 "$MQW" decode --json=yes
error_says 'no value is wanted for --json'
run 2 "$MQW" open --timeout soon x
error_says 'a number from 1 to'
run 2 "$MQW" open --timeout 0 x
run 2 "$MQW" open --keep-alive 65536 x
error_says 'a number from 0 to 65535'
run 2 "$MQW" open --answers acks,pings x
error_says 'none, all, pingreq, acks'
run 2 "$MQW" open --policy lax x
error_says 'strict, report, original'
run 2 "$MQW" open 'no such://address:x'
run 2 "$MQW" listen 'tcp://127.0.0.1:99999'

# values may be glued on, short options may be bundled, -- ends them
printf 'c000' >"$scratch/ping.hex"
run 0 "$MQW" decode --hex --version=5.0 "$scratch/ping.hex"
says PINGREQ
run 0 "$MQW" decode -xjV5 "$scratch/ping.hex"
json 'all[0].type === "PINGREQ"'
run 0 "$MQW" decode -x -V 3.1 -- "$scratch/ping.hex"
says PINGREQ

# what cannot be reached is exit code 3
run 3 "$MQW" decode "$scratch/no such file"
error_says 'cannot open'
run 3 "$MQW" open --script "$scratch/no such file" tcp://127.0.0.1:1
run 3 "$MQW" open "unix:$scratch/nobody"
error_says 'cannot connect'
run 3 "$MQW" listen "unix:$scratch/no/such/directory"
error_says 'cannot listen'
finish
