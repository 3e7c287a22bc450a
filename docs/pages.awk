# SPDX-License-Identifier: MIT
# Doxygen's filter for pages: gives headings the anchors that they have elsewhere, with the name of the page
# before them, and points links there.
# awk -f docs/pages.awk PAGE

function slug(title) {
    title = tolower(title)
    gsub(/[^a-z0-9 -]/, "", title)
    gsub(/ /, "-", title)
    return title
}

# Doxygen minds that a quotation mark stands alone between backticks.
BEGIN { odd = "`[^`\"]*\"[^`\"]*(\"[^`\"]*\"[^`\"]*)*`" }
function quoted(span) {
    gsub(/"/, "\\&quot;", span)
    return "<code>" span "</code>"
}

FNR == 1 {
    page = FILENAME
    gsub(/.*\/|\.md$/, "", page)
}
/^```/ { code = !code }
/^##+ / && !code { $0 = $0 " {#" page "-" slug(substr($0, index($0, " ") + 1)) "}" }
!code {
    gsub(/\]\(#/, "](#" page "-")
    while (match($0, /\]\([a-z]+\.md#/))
        $0 = substr($0, 1, RSTART - 1) "](#" substr($0, RSTART + 2, RLENGTH - 6) "-" substr($0, RSTART + RLENGTH)
    gsub(/^<!--.*-->$/, "")
    gsub(/`\\`/, "<code>\\\\\\\\</code>")
    while (match($0, odd))
        $0 = substr($0, 1, RSTART - 1) quoted(substr($0, RSTART + 1, RLENGTH - 2)) substr($0, RSTART + RLENGTH)
}
{ print }
