#!/bin/sh
# SPDX-License-Identifier: MIT
# Completion in bash and zsh: what they offer is what mqw says of itself.
. "${SOURCE_DIR:-.}/tests/live/lib/mqw.sh"
completion=${SOURCE_DIR:-.}/tools/completion

# offers LINE: what bash offers behind that line, one per line, in $out. The last word is the one that is typed.
offers() {
    check
    # shellcheck disable=SC2016 # the variables are those of the bash inside
    timeout 20 bash --norc -c '
        . "$1/mqw.bash"
        export PATH=$2:$PATH
        COMP_LINE=$3
        read -ra COMP_WORDS <<<"${3//=/ = }"
        [[ $3 == *[\ =] ]] && COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _mqw
        printf "%s\n" "${COMPREPLY[@]}"' bash "$completion" "$scratch/bin" "$1" >"$out" 2>"$err" ||
        fail "bash: $1"
    [ ! -s "$err" ] || fail "bash: $1"
}
offered() { # WORD...
    for word; do
        check
        grep -qxF -e "$word" "$out" || fail "not offered: $word"
    done
}
mkdir "$scratch/bin"
ln -s "$(readlink -f "$MQW")" "$scratch/bin/mqw"

offers 'mqw '
offered pub sub serve passwd bench decode open listen help --version
offers 'mqw pu'
lines 1 '^pub$'
lines 1 .
offers 'mqw help s'
lines 1 '^sub$'
lines 1 '^serve$'

# every option of every command is offered
for command in pub sub serve passwd bench decode open listen; do
    offers "mqw $command --"
    sort "$out" >"$scratch/offered"
    run 0 "$MQW" help --table "$command"
    cut -f 2 "$out" | sort >"$scratch/there"
    cmp -s "$scratch/there" "$scratch/offered" || {
        fail "mqw $command: not what is offered"
        diff "$scratch/there" "$scratch/offered"
    }
done

# values: words, files, directories
offers 'mqw pub --color '
offered auto always never
offers 'mqw pub --color=al'
lines 1 '^always$'
offers 'mqw sub -V mqttv3'
offered mqttv31 mqttv311
offers 'mqw pub -D pub'
lines 1 '^publish$'
: >"$scratch/a certificate.pem"
mkdir "$scratch/a directory"
offers "mqw pub --cafile $scratch/a"
offered "$scratch/a certificate.pem" "$scratch/a directory"
offers "mqw pub --capath $scratch/a"
offered "$scratch/a directory"
silent_of certificate
offers 'mqw serve --set clients.max_q'
offered clients.max_queued= clients.max_queued_bytes= clients.max_qos=
offers 'mqw serve --log-level no'
lines 1 '^notice$'
offers "mqw passwd $scratch/a"
offered "$scratch/a certificate.pem"
offers "mqw decode $scratch/a"
offered "$scratch/a certificate.pem"

# The script of zsh, where there is one: it can be loaded, and hands each option of mqw to _arguments.
if command -v zsh >/dev/null; then
    for command in pub sub serve passwd bench decode open listen; do
        check
        # shellcheck disable=SC2016 # the variables are those of the zsh inside
        timeout 20 zsh -f -c '
            setopt extendedglob
            fpath=($1 $fpath)
            PATH=$2:$PATH
            words=(mqw)
            _arguments() { [[ $1 == -s ]] && shift 2 && print -rl -- "$@"; return 1 }
            _describe() { }
            autoload -Uz _mqw
            _mqw 2>/dev/null
            mqw=mqw
            _mqw_options $3' zsh "$completion" "$scratch/bin" "$command" >"$out" 2>"$err" || :
        [ ! -s "$err" ] || fail "zsh: mqw $command"
        sed -nE 's/^\*(--[a-z0-9-]+)[[].*/\1/p' "$out" | sort >"$scratch/offered"
        "$MQW" help --table "$command" | cut -f 2 | sort >"$scratch/there"
        cmp -s "$scratch/there" "$scratch/offered" || {
            fail "zsh: mqw $command: not what is offered"
            diff "$scratch/there" "$scratch/offered"
        }
    done
else
    echo "no zsh here: its completion was not tried"
fi
finish
