// SPDX-License-Identifier: MIT
// Feeds files, and the files of directories, to a fuzzer's entry point, without libFuzzer.

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long files_fed;

// The input gets a block of exactly its size, so that a sanitizer sees a read past its end.
static bool feed_stream(FILE *file, size_t size)
{
    uint8_t *data = malloc(size > 0 ? size : 1);
    if (data == NULL)
        return false;
    bool whole = fread(data, 1, size, file) == size;
    if (whole) {
        LLVMFuzzerTestOneInput(data, size);
        files_fed++;
    }
    free(data);
    return whole;
}

static bool feed_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    bool good = feed_stream(file, size);
    fclose(file);
    return good;
}

static bool feed(const char *path);

static bool feed_directory(const char *path)
{
    DIR *directory = opendir(path);
    if (directory == NULL)
        return false;
    bool good = true;
    for (struct dirent *entry; good && (entry = readdir(directory)) != NULL;) {
        char child[4096];
        if (entry->d_name[0] == '.')
            continue;
        int length = snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
        good = length > 0 && (size_t)length < sizeof child && feed(child);
    }
    closedir(directory);
    return good;
}

static bool feed(const char *path)
{
    struct stat facts;
    if (stat(path, &facts) != 0)
        return false;
    if (S_ISDIR(facts.st_mode))
        return feed_directory(path);
    bool good = feed_file(path, (size_t)facts.st_size);
    if (!good)
        fprintf(stderr, "%s: cannot be read\n", path);
    return good;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (!feed(argv[i])) {
            fprintf(stderr, "%s: not fed\n", argv[i]);
            return 1;
        }
    printf("%lu inputs fed\n", files_fed);
    return files_fed > 0 ? 0 : 1;
}
