// SPDX-License-Identifier: MIT
// A line edited at a terminal; see edit.h. libedit asks for keys one by one and would wait for each: it is
// asked to work only while keys are there, and a key that sends several bytes is held back until they all
// are.
#define _GNU_SOURCE // wcwidth
#include "edit.h"

#include <errno.h>
#include <histedit.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

enum { KEYS_MAX = 4096, HISTORY_MAX = 1000, SCREEN = 80 };

struct edit {
    EditLine *el;
    History *history;
    int terminal;
    mqw_role ours;
    char prompt[48];
    int prompt_width;
    char keys[KEYS_MAX];
    size_t first; // of the keys that are left
    size_t last;
    bool shown;  // the line is on the screen
    bool hidden; // it was, before edit_hide
};

bool edit_possible(void)
{
    const char *type = getenv("TERM");
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && type && *type && strcmp(type, "dumb") != 0 &&
           tcgetpgrp(STDIN_FILENO) == getpgrp();
}

/* --- Keys
 * ---------------------------------------------------------------------------------------------------------
 */

// Whether bytes are the beginning of a key that sends more: an escape sequence, or a character of several
// bytes.
static bool is_cut(const char *keys, size_t len)
{
    mbstate_t state = {0};
    wchar_t wide;
    if (keys[0] != '\033')
        return mbrtowc(&wide, keys, len, &state) == (size_t)-2;
    if (len == 1)
        return true;
    return (keys[1] == '[' || keys[1] == 'O') && 2 + strspn(keys + 2, "0123456789;") == len;
}

// Waits for a key: libedit is in the middle of a command that needs it (^R, ^V).
static bool wait_for_keys(tool_edit *edit)
{
    struct pollfd ready = {.fd = edit->terminal, .events = POLLIN};
    while (poll(&ready, 1, -1) < 0)
        if (errno != EINTR)
            return false;
    ssize_t count = read(edit->terminal, edit->keys, sizeof(edit->keys) - 1);
    edit->first = 0;
    edit->last = count > 0 ? (size_t)count : 0;
    return count > 0;
}

// Called by libedit for the next character.
static int next_key(EditLine *el, wchar_t *out)
{
    tool_edit *edit = NULL;
    mbstate_t state = {0};
    el_get(el, EL_CLIENTDATA, &edit);
    if (edit->first == edit->last && !wait_for_keys(edit))
        return 0;
    size_t len = mbrtowc(out, edit->keys + edit->first, edit->last - edit->first, &state);
    if (len == 0 || len > edit->last - edit->first) { // NUL, or no character
        *out = (unsigned char)edit->keys[edit->first];
        len = 1;
    }
    edit->first += len;
    return 1;
}

void edit_feed(tool_edit *edit, const char *typed, size_t len)
{
    memmove(edit->keys, edit->keys + edit->first, edit->last - edit->first);
    edit->last -= edit->first;
    edit->first = 0;
    if (len > KEYS_MAX - 1 - edit->last)
        len = KEYS_MAX - 1 - edit->last;
    memcpy(edit->keys + edit->last, typed, len);
    edit->last += len;
    edit->keys[edit->last] = '\0';
}

/* --- Completion --------------------------------------------------------------------------------------- */

static size_t common_length(const tool_completions *offers)
{
    size_t len = strlen(offers->words[0]);
    for (size_t i = 1; i < offers->count; i++) {
        size_t same = 0;
        while (same < len && offers->words[i][same] == offers->words[0][same])
            same++;
        len = same;
    }
    return len;
}

static int screen_width(void)
{
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : SCREEN;
}

static void list_offers(tool_edit *edit, const tool_completions *offers)
{
    int widest = 0, column = 0, width = screen_width();
    for (size_t i = 0; i < offers->count; i++) {
        int len = (int)strlen(offers->words[i]) + 2;
        widest = len > widest ? len : widest;
    }
    edit_hide(edit);
    for (size_t i = 0; i < offers->count; i++) {
        if (column > 0 && column + widest > width) {
            putchar('\n');
            column = 0;
        }
        column += printf("%-*s", widest, offers->words[i]);
    }
    putchar('\n');
    edit_reveal(edit);
}

// The Tab key.
static unsigned char complete_key(EditLine *el, int key)
{
    tool_edit *edit = NULL;
    tool_completions offers;
    char text[128];
    const LineInfo *line = el_line(el);
    (void)key;
    el_get(el, EL_CLIENTDATA, &edit);
    complete((mqw_text){line->buffer, (size_t)(line->cursor - line->buffer)}, edit->ours, &offers);
    if (offers.count == 0)
        return CC_REFRESH_BEEP;
    size_t common = common_length(&offers);
    if (offers.count > 1 && common <= offers.typed) {
        list_offers(edit, &offers);
        return CC_NORM;
    }
    snprintf(text, sizeof(text), "%.*s%s", (int)common, offers.words[0],
             offers.count == 1 ? offers.ends[0] : "");
    el_deletestr(el, (int)offers.typed);
    el_insertstr(el, text);
    return CC_REFRESH;
}

/* --- Life
 * ---------------------------------------------------------------------------------------------------------
 */

static char *prompt_of(EditLine *el)
{
    tool_edit *edit = NULL;
    el_get(el, EL_CLIENTDATA, &edit);
    return edit->prompt;
}

static void bind_keys(EditLine *el)
{
    static const char *const keys[][2] = {
        {"^I", "mqw-complete"},
        {"^R", "em-inc-search-prev"},
        {"\\e[1~", "ed-move-to-beg"},
        {"\\e[4~", "ed-move-to-end"},
        {"\\e[H", "ed-move-to-beg"},
        {"\\e[F", "ed-move-to-end"},
        {"\\e[3~", "ed-delete-next-char"},
        {"\\e[1;5C", "em-next-word"},
        {"\\e[1;5D", "ed-prev-word"},
    };
    el_set(el, EL_EDITOR, "emacs");
    el_set(el, EL_ADDFN, "mqw-complete", "complete a word of packet text", complete_key);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        el_set(el, EL_BIND, keys[i][0], keys[i][1], NULL);
    el_source(el, NULL);
}

static bool begin_history(tool_edit *edit)
{
    HistEvent event;
    edit->history = history_init();
    if (edit->history == NULL)
        return false;
    history(edit->history, &event, H_SETSIZE, HISTORY_MAX);
    history(edit->history, &event, H_SETUNIQUE, 1);
    el_set(edit->el, EL_HIST, history, edit->history);
    return true;
}

tool_edit *edit_new(int terminal, mqw_role ours, bool colours)
{
    tool_edit *edit = calloc(1, sizeof(*edit));
    if (edit == NULL)
        return NULL;
    const char *who = ours == MQW_CLIENT ? "C>" : "S>";
    edit->terminal = terminal;
    edit->ours = ours;
    // libedit hangs an escape sequence on the character behind it, so there must be one.
    snprintf(edit->prompt, sizeof(edit->prompt), colours ? "\1\033[1m\1%s\1\033[0m\1 " : "%s ", who);
    edit->prompt_width = (int)strlen(who) + 1;
    edit->el = el_init("mqw", stdin, stdout, stderr);
    if (edit->el == NULL || !begin_history(edit)) {
        edit_free(edit);
        return NULL;
    }
    el_set(edit->el, EL_CLIENTDATA, edit);
    el_set(edit->el, EL_SIGNAL, 0);
    el_set(edit->el, EL_PROMPT_ESC, prompt_of, '\1');
    el_set(edit->el, EL_GETCFN, next_key);
    bind_keys(edit->el);
    edit_resume(edit);
    return edit;
}

void edit_free(tool_edit *edit)
{
    if (edit == NULL)
        return;
    if (edit->el) {
        edit_hide(edit);
        el_set(edit->el, EL_UNBUFFERED, 0);
        el_end(edit->el);
    }
    if (edit->history)
        history_end(edit->history);
    free(edit);
}

/* --- The line ----------------------------------------------------------------------------------------- */

bool edit_has_keys(const tool_edit *edit)
{
    return edit->first < edit->last && !is_cut(edit->keys + edit->first, edit->last - edit->first);
}

void edit_resized(tool_edit *edit)
{
    el_resize(edit->el);
}

static void remember(tool_edit *edit, const char *line)
{
    HistEvent event;
    if (line[strspn(line, " \t")])
        history(edit->history, &event, H_ENTER, line);
}

tool_edit_result edit_next(tool_edit *edit, const char **line)
{
    while (edit_has_keys(edit)) {
        int count = 0;
        const char *text = el_gets(edit->el, &count);
        if (text == NULL || count <= 0)
            continue;
        if (text[count - 1] == '\n' || text[count - 1] == '\r') {
            edit->shown = false;
            remember(edit, text);
            *line = text;
            return EDIT_LINE;
        }
        if (count == 1 && text[0] == '\004')
            return EDIT_END;
    }
    return EDIT_MORE;
}

// Unbuffered mode shows the prompt when it begins.
void edit_resume(tool_edit *edit)
{
    el_set(edit->el, EL_UNBUFFERED, 0);
    el_set(edit->el, EL_UNBUFFERED, 1);
    edit->shown = true;
}

// Columns that text takes on the screen.
static int width_of(const char *text, size_t len)
{
    mbstate_t state = {0};
    int width = 0;
    for (size_t i = 0; i < len;) {
        wchar_t wide;
        size_t used = mbrtowc(&wide, text + i, len - i, &state);
        if (used == 0 || used > len - i)
            break;
        int columns = wcwidth(wide);
        width += columns > 0 ? columns : 0;
        i += used;
    }
    return width;
}

void edit_hide(tool_edit *edit)
{
    if (!edit->shown)
        return;
    const LineInfo *line = el_line(edit->el);
    int columns = edit->prompt_width + width_of(line->buffer, (size_t)(line->cursor - line->buffer));
    int rows = columns / screen_width();
    if (rows > 0)
        printf("\033[%dA", rows);
    fputs("\r\033[J", stdout);
    edit->shown = false;
    edit->hidden = true;
}

void edit_reveal(tool_edit *edit)
{
    if (!edit->hidden)
        return;
    el_set(edit->el, EL_REFRESH);
    edit->shown = true;
    edit->hidden = false;
}
