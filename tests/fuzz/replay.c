/* Runs a fuzz target over the files of a folder, so that the ordinary tests replay every
 * corpus.
 *
 * An empty or missing folder is a failure: a test that cannot fail proves nothing. The bytes
 * are given in an allocation of their exact length, so that the sanitizer sees a read past the
 * end. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    struct stat st;
    FILE *f = fopen(path, "rb");
    uint8_t *data;
    size_t size;

    if (f == NULL || fstat(fileno(f), &st) != 0) {
        perror(path);
        return -1;
    }
    size = (size_t)st.st_size;
    data = malloc(size == 0 ? 1 : size);
    if (data == NULL || fread(data, 1, size, f) != size) {
        perror(path);
        return -1;
    }
    (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
    (void)fclose(f);
    return 0;
}

/* The number of files replayed, -1 on failure. */
static int replay_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    int n = 0;

    if (dir == NULL) {
        perror(folder);
        return -1;
    }
    while (n >= 0 && (entry = readdir(dir)) != NULL) {
        char path[4096];
        int len = snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);

        if (entry->d_name[0] == '.')
            continue;
        if (len < 0 || (size_t)len >= sizeof(path) || replay_file(path) != 0)
            n = -1;
        else
            n++;
    }
    (void)closedir(dir);
    return n;
}

int main(int argc, char **argv)
{
    int n;

    if (argc != 2) {
        (void)fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    (void)LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    n = replay_folder(argv[1]);
    if (n <= 0) {
        (void)fprintf(stderr, "%s: no corpus replayed\n", argv[1]);
        return 1;
    }
    (void)printf("%d inputs replayed\n", n);
    return 0;
}
