/* A disk that keeps only what was synced: loaded under a process with LD_PRELOAD.
 *
 * Every write to a watched file first remembers what it replaces; a sync forgets that. When the
 * power is cut (at the FAULT_CUT-th operation, by FAULT_SEED), sectors that were not synced are
 * put back, kept, or left half written, each by chance, files whose directory entry was not
 * synced may vanish, and the process ends at once. While the file `full` is in the directory,
 * writes fail with ENOSPC; while `sick` is, syncs fail with EIO.
 *
 * FAULT_DIR names the directory; its files journal.db*, navbat.db* and reserve are watched, but
 * for the shared index (-shm), which no database expects to survive.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SECTOR 512

struct undo {
    struct undo *earlier;
    char path[PATH_MAX];
    off_t at, size_before; /* where, and how long the file was */
    size_t length, kept;   /* bytes written, and how many of them were there before */
    unsigned char *before;
};

struct made {
    struct made *next;
    char path[PATH_MAX];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct undo *undos;
static struct made *mades;
static char directory[PATH_MAX];
static long operations, cut_at = -1;
static uint64_t dice = 1;

static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_pread)(int, void *, size_t, off_t);
static ssize_t (*real_write)(int, const void *, size_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off_t);
static int (*real_open)(const char *, int, ...);
static int (*real_unlink)(const char *);

__attribute__((constructor)) static void begin(void) {
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_pread = dlsym(RTLD_NEXT, "pread64");
    real_write = dlsym(RTLD_NEXT, "write");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_open = dlsym(RTLD_NEXT, "open64");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    const char *dir = getenv("FAULT_DIR"), *cut = getenv("FAULT_CUT"), *seed = getenv("FAULT_SEED");
    if (dir && !realpath(dir, directory)) directory[0] = 0;
    if (cut) cut_at = atol(cut);
    if (seed) dice = strtoull(seed, NULL, 10) * 0x9e3779b97f4a7c15ull + 1;
}

static uint64_t roll(uint64_t sides) {
    dice ^= dice << 13, dice ^= dice >> 7, dice ^= dice << 17;
    return dice % sides;
}

/* Whether a path is a file whose bytes must last. */
static int lasts(const char *path) {
    size_t length = strlen(directory);
    if (!length || strncmp(path, directory, length) || path[length] != '/') return 0;
    const char *name = path + length + 1;
    if (strstr(name, "-shm") || strchr(name, '/')) return 0;
    return !strncmp(name, "journal.db", 10) || !strncmp(name, "navbat.db", 9)
        || !strcmp(name, "reserve");
}

static int path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return 1;
}

static int watched(int fd, char *path) {
    return directory[0] && path_of(fd, path) && lasts(path);
}

static int flagged(const char *name) {
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return access(path, F_OK) == 0;
}

static void forget(const char *path) {
    for (struct undo **at = &undos; *at;) {
        struct undo *one = *at;
        if (strcmp(one->path, path)) {
            at = &one->earlier;
        } else {
            *at = one->earlier;
            free(one->before);
            free(one);
        }
    }
}

/* Puts sectors of one write back, each by chance; `how` is the chance in ten. */
static void put_back(struct undo *one, uint64_t how) {
    int fd = real_open(one->path, O_RDWR);
    if (fd < 0) return;
    static const unsigned char nothing[SECTOR];
    for (size_t done = 0; done < one->length;) {
        size_t step = SECTOR - (size_t)((one->at + (off_t)done) % SECTOR);
        if (step > one->length - done) step = one->length - done;
        if (roll(10) < how) {
            size_t old = done < one->kept ? one->kept - done : 0;
            if (old > step) old = step;
            if (old) real_pwrite(fd, one->before + done, old, one->at + (off_t)done);
            if (old < step)
                real_pwrite(fd, nothing, step - old, one->at + (off_t)(done + old));
        }
        done += step;
    }
    if (how == 10 || (how && roll(3) == 0)) {
        struct stat now;
        if (!fstat(fd, &now) && now.st_size > one->size_before)
            real_ftruncate(fd, one->size_before);
    }
    close(fd);
}

static void cut_the_power(void) {
    uint64_t how = roll(4) == 0 ? 10 : roll(11);
    for (struct undo *one = undos; one; one = one->earlier) put_back(one, how);
    for (struct made *one = mades; one; one = one->next)
        if (roll(2)) real_unlink(one->path);
    _exit(137);
}

/* Counts an operation; the one whose turn it is cuts the power, before or after its effect. */
static void count(void) {
    if (cut_at >= 0 && ++operations >= cut_at) cut_the_power();
}

static void remember(int fd, const char *path, off_t at, size_t length) {
    struct stat now;
    struct undo *one = calloc(1, sizeof *one);
    if (!one || fstat(fd, &now)) return;
    strcpy(one->path, path);
    one->at = at, one->length = length, one->size_before = now.st_size;
    one->before = malloc(length ? length : 1);
    ssize_t kept = real_pread(fd, one->before, length, at);
    one->kept = kept > 0 ? (size_t)kept : 0;
    one->earlier = undos, undos = one;
}

static ssize_t write_at(int fd, const void *bytes, size_t length, off_t at, int seeking) {
    char path[PATH_MAX];
    if (!watched(fd, path))
        return seeking ? real_write(fd, bytes, length) : real_pwrite(fd, bytes, length, at);
    if (flagged("full")) {
        errno = ENOSPC;
        return -1;
    }
    pthread_mutex_lock(&lock);
    remember(fd, path, at, length);
    if (cut_at >= 0 && operations + 1 >= cut_at && roll(2))
        real_pwrite(fd, bytes, roll(length + 1), at); /* torn in the middle */
    count();
    ssize_t written = seeking ? real_write(fd, bytes, length) : real_pwrite(fd, bytes, length, at);
    pthread_mutex_unlock(&lock);
    return written;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t at) {
    return write_at(fd, bytes, length, at, 0);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    return write_at(fd, bytes, length, at, 0);
}

ssize_t write(int fd, const void *bytes, size_t length) {
    if (fd <= 2 || !directory[0]) return real_write(fd, bytes, length);
    return write_at(fd, bytes, length, lseek(fd, 0, SEEK_CUR), 1);
}

static int synced(int fd, int (*real)(int)) {
    char path[PATH_MAX];
    if (!directory[0] || !path_of(fd, path)) return real(fd);
    if (!strcmp(path, directory)) {
        pthread_mutex_lock(&lock);
        count();
        while (mades) {
            struct made *one = mades;
            mades = one->next;
            free(one);
        }
        pthread_mutex_unlock(&lock);
        return real(fd);
    }
    if (!lasts(path)) return real(fd);
    if (flagged("sick")) {
        errno = EIO;
        return -1;
    }
    pthread_mutex_lock(&lock);
    count();
    int done = real(fd);
    if (!done) forget(path);
    pthread_mutex_unlock(&lock);
    return done;
}

int fsync(int fd) { return synced(fd, real_fsync); }
int fdatasync(int fd) { return synced(fd, real_fdatasync); }

static int truncated(int fd, off_t size) {
    char path[PATH_MAX];
    struct stat now;
    if (!watched(fd, path) || fstat(fd, &now) || now.st_size <= size)
        return real_ftruncate(fd, size);
    pthread_mutex_lock(&lock);
    remember(fd, path, size, (size_t)(now.st_size - size));
    count();
    int done = real_ftruncate(fd, size);
    pthread_mutex_unlock(&lock);
    return done;
}

int ftruncate64(int fd, off_t size) { return truncated(fd, size); }
int ftruncate(int fd, off_t size) { return truncated(fd, size); }

static int opened(const char *path, int flags, mode_t mode) {
    int creates = (flags & O_CREAT) && lasts(path) && access(path, F_OK);
    int fd = real_open(path, flags, mode);
    if (fd >= 0 && creates) {
        struct made *one = calloc(1, sizeof *one);
        if (one) {
            pthread_mutex_lock(&lock);
            strncpy(one->path, path, PATH_MAX - 1);
            one->next = mades, mades = one;
            pthread_mutex_unlock(&lock);
        }
    }
    return fd;
}

int open64(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
    va_end(more);
    return opened(path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
    va_end(more);
    return opened(path, flags, mode);
}

int unlink(const char *path) {
    if (lasts(path)) {
        pthread_mutex_lock(&lock);
        forget(path);
        for (struct made **at = &mades; *at;) {
            struct made *one = *at;
            if (strcmp(one->path, path)) {
                at = &one->next;
            } else {
                *at = one->next;
                free(one);
            }
        }
        count();
        pthread_mutex_unlock(&lock);
    }
    return real_unlink(path);
}
