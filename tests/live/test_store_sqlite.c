// SPDX-License-Identifier: MIT
// What store.h promises, of the store on SQLite (mqw_store_sqlite), in a real file.
#include "live/store_contract.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char directory[64], file[96];

static void remove_files(void)
{
    char name[128];
    for (int i = 0; i < 3; i++) {
        static const char *const ends[] = {"", "-wal", "-shm"};
        snprintf(name, sizeof name, "%s%s", file, ends[i]);
        (void)unlink(name);
    }
}

static void shelf_clean(void)
{
    remove_files();
}

static void shelf_open(shelf *on)
{
    char why[256] = "-";
    int rc = mqw_store_sqlite(&on->store, &on->live.loop, file, NULL, why, sizeof why);
    assert_string_equal(why, "");
    assert_int_equal(rc, 0);
}

static bool shelf_keeps(void)
{
    return true;
}

// --- files ---

static long size_of(const char *end, unsigned *mode)
{
    char name[128];
    struct stat facts;
    snprintf(name, sizeof name, "%s%s", file, end);
    if (stat(name, &facts) != 0)
        return -1;
    if (mode)
        *mode = facts.st_mode & 0777;
    return (long)facts.st_size;
}

static void is_for_its_owner_only(void **state)
{
    (void)state;
    shelf on;
    unsigned mode = 0;
    mode_t before = umask(0);
    shelf_start(&on);
    assert_int_equal(put(&on, "key", "value"), 0);
    commit_now(&on);
    assert_true(size_of("", &mode) > 0);
    assert_int_equal(mode, 0600);
    assert_true(size_of("-wal", &mode) > 0);
    assert_int_equal(mode, 0600);
    assert_int_equal(size_of("-shm", NULL), -1);
    shelf_end(&on);
    assert_true(size_of("", NULL) > 0);
    assert_int_equal(size_of("-wal", NULL), -1); // what was closed is one file
    umask(before);
}

static int open_again(shelf *on, char why[256])
{
    mqw_store *second = NULL;
    int rc = mqw_store_sqlite(&second, &on->live.loop, file, NULL, why, 256);
    if (rc == 0)
        mqw_store_close(second, NULL, NULL);
    return rc;
}

static void belongs_to_one(void **state)
{
    (void)state;
    shelf on;
    char why[256];
    int status = 0;
    shelf_start(&on);
    assert_int_equal(open_again(&on, why), MQW_E_STREAM);
    assert_non_null(strstr(why, file));
    assert_non_null(strstr(why, "is in use by another process or store"));
    pid_t child = fork();
    if (child == 0) {
        execl("/proc/self/exe", "open", file, (char *)NULL);
        _exit(9);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 1);
    assert_int_equal(put(&on, "key", "value"), 0); // the first one was not disturbed
    shelf_close(&on);
    shelf_open(&on);
    assert_string_equal(records(&on, ""), "key=value ");
    shelf_end(&on);
}

static void run_sql(const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void overwrite(long at, const char *bytes, size_t len)
{
    FILE *out = fopen(file, at ? "r+" : "w");
    assert_non_null(out);
    assert_int_equal(fseek(out, at, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, len, out), len);
    assert_int_equal(fclose(out), 0);
}

// The file is refused in these words, and left as it is.
static void is_refused(const char *words)
{
    shelf on;
    char why[256] = "", start[8] = "";
    memset(&on, 0, sizeof on);
    live_start(&on.live);
    long size = size_of("", NULL);
    int rc = open_again(&on, why);
    assert_int_equal(rc, MQW_E_STREAM);
    assert_non_null(strstr(why, file));
    if (!strstr(why, words))
        fail_msg("%s", why);
    assert_int_equal(size_of("", NULL), size);
    // However little room there is, it is not passed.
    assert_int_equal(mqw_store_sqlite(&on.store, &on.live.loop, file, NULL, start, sizeof start), rc);
    assert_memory_equal(start, why, sizeof start - 1);
    assert_int_equal(mqw_store_sqlite(&on.store, &on.live.loop, file, NULL, NULL, 0), rc);
    live_end(&on.live);
}

static void make_file(void)
{
    shelf on;
    shelf_start(&on);
    for (int i = 0; i < 200; i++) {
        char key[16];
        snprintf(key, sizeof key, "key%d", i);
        assert_int_equal(put(&on, key, "a value of some length, so that there are several pages of them"), 0);
    }
    shelf_end(&on);
}

static void refuses_what_is_not_its_file(void **state)
{
    (void)state;
    static char noise[20000];
    memset(noise, 'x', sizeof noise);
    remove_files();
    overwrite(0, noise, sizeof noise);
    is_refused("is not an SQLite database");
    remove_files();
    run_sql("CREATE TABLE theirs (a)");
    is_refused("is a database of another program");
    remove_files();
    run_sql("PRAGMA application_id = 77");
    is_refused("is a database of another program");
    make_file();
    run_sql("PRAGMA user_version = 2");
    is_refused("was made by a newer version of mqwire");
    run_sql("PRAGMA user_version = 0");
    is_refused("does not hold the table that it should");
    run_sql("PRAGMA user_version = 1; CREATE TRIGGER t AFTER INSERT ON record BEGIN DELETE FROM record; END");
    is_refused("does not hold the table that it should");
    make_file();
    run_sql("DROP TABLE record; CREATE TABLE record (key, value)");
    is_refused("does not hold the table that it should");
    make_file();
    overwrite(100, noise, 4000);
    is_refused("is damaged");
}

static void refuses_what_it_cannot_open(void **state)
{
    (void)state;
    char kept[96];
    memcpy(kept, file, sizeof kept);
    snprintf(file, sizeof file, "%s/none/t.db", directory);
    is_refused("cannot be opened");
    snprintf(file, sizeof file, "%s", directory);
    is_refused("cannot be opened");
    memcpy(file, kept, sizeof kept);
    uv_loop_t *loop = uv_default_loop();
    mqw_store *store;
    char why[64];
    mqw_sqlite_options nowhere = {.vfs = "none of them"};
    assert_int_equal(mqw_store_sqlite(&store, loop, "x", &nowhere, why, sizeof why), MQW_E_STREAM);
    assert_non_null(strstr(why, "no such vfs"));
    assert_int_equal(mqw_store_sqlite(NULL, loop, file, NULL, NULL, 0), MQW_E_MISUSE);
    assert_int_equal(mqw_store_sqlite(&store, NULL, file, NULL, NULL, 0), MQW_E_MISUSE);
    assert_int_equal(mqw_store_sqlite(&store, loop, NULL, NULL, NULL, 0), MQW_E_MISUSE);
    assert_int_equal(mqw_store_sqlite(&store, loop, "", NULL, NULL, 0), MQW_E_MISUSE);
}

// What is found only when it is read is told then, and nothing is written any more.
static void notices_damage_while_reading(void **state)
{
    (void)state;
    static char noise[4096];
    shelf on;
    memset(noise, 'x', sizeof noise);
    make_file();
    overwrite(2 * 4096, noise, sizeof noise);
    memset(&on, 0, sizeof on);
    live_start(&on.live);
    shelf_open(&on);
    static char list[1024];
    list[0] = '\0';
    assert_int_equal(mqw_store_read(on.store, bytes(""), write_down, list), MQW_E_STREAM);
    assert_non_null(strstr(mqw_store_error(on.store), "is damaged"));
    assert_int_equal(put(&on, "key", "value"), MQW_E_STREAM);
    shelf_end(&on);
}

// SQLite would take these names for something else than files.
static void takes_every_name(void **state)
{
    (void)state;
    static const char *const names[] = {":memory:", "file:x?mode=memory", "plain.db"};
    char kept[96], before[256];
    memcpy(kept, file, sizeof kept);
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(directory), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        strcpy(file, names[i]);
        shelf on;
        unsigned mode = 0;
        shelf_start(&on);
        assert_int_equal(put(&on, "key", "value"), 0);
        shelf_again(&on);
        assert_string_equal(records(&on, ""), "key=value ");
        shelf_end(&on);
        assert_true(size_of("", &mode) > 0);
        assert_int_equal(mode, 0600);
        remove_files();
    }
    assert_int_equal(chdir(before), 0);
    memcpy(file, kept, sizeof kept);
}

// --- a long run ---

// Neither the log nor the database grows with what has come and gone.
static void does_not_grow(void **state)
{
    (void)state;
    static char value[5000];
    shelf on;
    memset(value, 'v', sizeof value - 1);
    shelf_start(&on);
    long log = 0, database = 0;
    for (int i = 0; i < 6000; i++) {
        char key[16];
        snprintf(key, sizeof key, "%08d", i);
        assert_int_equal(put(&on, key, value), 0);
        snprintf(key, sizeof key, "%08d", i - 100);
        if (i >= 100)
            assert_int_equal(drop(&on, key), 0);
        if (i % 50 != 0)
            continue;
        commit_now(&on);
        log = size_of("-wal", NULL) > log ? size_of("-wal", NULL) : log;
        database = size_of("", NULL) > database ? size_of("", NULL) : database;
    }
    print_message("log at most %ld bytes, database %ld\n", log, database);
    assert_true(log > 1000000 && log < 6000000);
    assert_true(database > 100000 && database < 3000000);
    // One large batch does not leave its log behind: it is cut when it begins anew.
    for (int i = 0; i < 3000; i++) {
        char key[16];
        snprintf(key, sizeof key, "%08d", i);
        assert_int_equal(put(&on, key, value), 0);
    }
    commit_now(&on);
    assert_true(size_of("-wal", NULL) > 10000000);
    assert_int_equal(drop_all(&on, ""), 0);
    commit_now(&on);
    commit_now(&on);
    assert_int_equal(put(&on, "key", "value"), 0);
    commit_now(&on);
    assert_true(size_of("-wal", NULL) <= 6000000);
    shelf_end(&on);
}

// --- the thread ---

// Signals of the program are not for it.
static void blocks_all_signals(void **state)
{
    (void)state;
    shelf on;
    int threads = 0;
    shelf_start(&on);
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
        char name[300], line[128];
        unsigned long long blocked = 0;
        if (task->d_name[0] == '.' || strtol(task->d_name, NULL, 10) == getpid())
            continue;
        snprintf(name, sizeof name, "/proc/self/task/%s/status", task->d_name);
        FILE *in = fopen(name, "r");
        while (in && fgets(line, sizeof line, in))
            (void)sscanf(line, "SigBlk: %llx", &blocked);
        if (in)
            fclose(in);
        assert_true(blocked >> (SIGTERM - 1) & 1);
        assert_true(blocked >> (SIGALRM - 1) & 1);
        assert_true(blocked >> (SIGUSR1 - 1) & 1);
        threads++;
    }
    closedir(tasks);
    assert_true(threads >= 1);
    sigset_t mine;
    sigprocmask(SIG_BLOCK, NULL, &mine);
    assert_false(sigismember(&mine, SIGTERM)); // and ours are as before
    shelf_end(&on);
}

// Started with a file: whether it can be opened.
static int try_to_open(const char *name)
{
    mqw_store *store;
    char why[256];
    int rc = mqw_store_sqlite(&store, uv_default_loop(), name, NULL, why, sizeof why);
    return rc == MQW_E_STREAM && strstr(why, "is in use") ? 1 : 2;
}

static int make_directory(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/mqw-store-XXXXXX");
    if (!mkdtemp(directory))
        return -1;
    snprintf(file, sizeof file, "%s/t.db", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    remove_files();
    return rmdir(directory);
}

int main(int argc, char **argv)
{
    if (argc == 2)
        return try_to_open(argv[1]);
    const struct CMUnitTest tests[] = {
        STORE_CONTRACT,
        cmocka_unit_test(is_for_its_owner_only),
        cmocka_unit_test(belongs_to_one),
        cmocka_unit_test(refuses_what_is_not_its_file),
        cmocka_unit_test(refuses_what_it_cannot_open),
        cmocka_unit_test(notices_damage_while_reading),
        cmocka_unit_test(takes_every_name),
        cmocka_unit_test(does_not_grow),
        cmocka_unit_test(blocks_all_signals),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
