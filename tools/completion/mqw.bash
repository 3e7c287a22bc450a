# SPDX-License-Identifier: MIT
# Completion of mqw for bash. Which commands, options and values there are, mqw itself says: mqw help --table.

# Prints the value names and words of an option: _mqw_option COMMAND -x|--name
_mqw_option() {
    "${COMP_WORDS[0]}" help --table "$1" 2>/dev/null | awk -F '\t' -v option="$2" \
        '$1 == option || $2 == option { print $3 "\t" $4; exit }'
}

# Prints the keys of mqw serve.
_mqw_keys() {
    "${COMP_WORDS[0]}" serve --print-config 2>/dev/null | awk '/^\[listener/ { exit } /^\[/ { section = substr($1, 2, length($1) - 2); next }
        NF { sub(/^# /, ""); print section "." $1 }'
}

_mqw_values() { # VALUE WORDS
    local IFS=$'\n'
    case $1 in
    FILE) COMPREPLY=($(compgen -f -- "$current")) ;;
    DIR) COMPREPLY=($(compgen -d -- "$current")) ;;
    HOST) COMPREPLY=($(compgen -A hostname -- "$current")) ;;
    "PACKET NAME VALUE") COMPREPLY=($(IFS=' '; compgen -W 'connect publish subscribe unsubscribe disconnect will' -- "$current")) ;;
    SECTION.KEY=VALUE)
        COMPREPLY=($(compgen -S = -W "$(_mqw_keys)" -- "$current"))
        compopt -o nospace 2>/dev/null
        ;;
    *) COMPREPLY=($(IFS=' '; compgen -W "$2" -- "$current")) ;;
    esac
    case $1 in FILE | DIR) compopt -o filenames 2>/dev/null ;; esac
}

_mqw() {
    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local command=${COMP_WORDS[1]} found value
    COMPREPLY=()
    if ((COMP_CWORD == 1)) || { ((COMP_CWORD == 2)) && [[ $command == help ]]; }; then
        COMPREPLY=($(compgen -W "$("${COMP_WORDS[0]}" help --table 2>/dev/null | cut -f 1)" -- "$current"))
        ((COMP_CWORD == 1)) && COMPREPLY+=($(compgen -W 'help --help --version' -- "$current"))
        return
    fi
    if [[ $current == = ]]; then # bash parts words there
        current=
    elif [[ $before == = ]]; then
        before=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    if [[ $before == -?* ]]; then
        found=$(_mqw_option "$command" "$before")
        value=${found%%$'\t'*}
        if [[ -n $value ]]; then
            _mqw_values "$value" "${found#*$'\t'}"
            return
        fi
    fi
    if [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "$("${COMP_WORDS[0]}" help --table "$command" 2>/dev/null | cut -f 2)" -- "$current"))
    elif [[ $command == decode || $command == passwd ]]; then
        _mqw_values FILE
    fi
}

complete -F _mqw mqw
