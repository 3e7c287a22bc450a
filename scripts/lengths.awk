# SPDX-License-Identifier: MIT
# How long functions and files are: awk -f scripts/lengths.awk FILE...
# Relies on the house style: a function's braces stand alone at the left edge.

function end_file()
{
    if (FNR_last > file_limit)
        long_files = long_files sprintf("  %s: %d lines\n", file, FNR_last)
}

function insertion_sort(list, n,  i, j, value)
{
    for (i = 2; i <= n; i++) {
        value = list[i]
        for (j = i - 1; j > 0 && list[j] > value; j--)
            list[j + 1] = list[j]
        list[j + 1] = value
    }
}

BEGIN {
    function_limit = 60
    file_limit = 500
}

FNR == 1 {
    end_file()
    file = FILENAME
    files++
}

{ FNR_last = FNR; lines++ }

# The first line at the left edge since the last blank one opens a declaration.
/^[A-Za-z_]/ && !head { head = FNR; name = $0 }
/^$/ || /^[#\/}]/ { if (!body) head = 0 }
/^\{$/ { body = head ? head : FNR }
/^\}/ && body {
    length_of[++functions] = FNR - body + 1
    if (FNR - body + 1 > function_limit) {
        sub(/\(.*/, "", name)
        sub(/.*[ *]/, "", name)
        long_functions = long_functions sprintf("  %s:%d %s: %d lines\n", FILENAME, body, name, FNR - body + 1)
    }
    body = head = 0
}

END {
    end_file()
    insertion_sort(length_of, functions)
    printf "%d files, %d lines, %d functions\n", files, lines, functions
    if (functions)
        printf "function length: median %d, 95th percentile %d, longest %d\n",
            length_of[int((functions + 1) / 2)], length_of[int(functions * 0.95 + 0.5)], length_of[functions]
    printf "functions over %d lines:\n%s", function_limit, long_functions ? long_functions : "  none\n"
    printf "files over %d lines:\n%s", file_limit, long_files ? long_files : "  none\n"
}
