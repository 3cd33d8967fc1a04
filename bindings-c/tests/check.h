/*
 * Checks for the programs of this folder. A program ends with status 1 and a line that says where at the first
 * check that fails, else with `return passed("name")`, its closing line.
 */
#ifndef CHECK_H
#define CHECK_H

#include <libmsrp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHECK(condition)                                                                     \
    do {                                                                                     \
        if (!(condition)) {                                                                  \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);          \
            exit(1);                                                                         \
        }                                                                                    \
    } while (0)

#define CHECK_RESULT(call, expected)                                                         \
    do {                                                                                     \
        const libmsrp_result result_ = (call);                                               \
        if (result_ != (expected)) {                                                         \
            fprintf(stderr, "%s:%d: %s\n  gave %s, expected %s; last error: %s\n", __FILE__, \
                    __LINE__, #call, libmsrp_result_name(result_),                           \
                    libmsrp_result_name(expected), libmsrp_last_error());                    \
            exit(1);                                                                         \
        }                                                                                    \
    } while (0)

#define CHECK_OK(call) CHECK_RESULT(call, LIBMSRP_OK)
#define CHECK_INVALID(call) CHECK_RESULT(call, LIBMSRP_ERR_INVALID_ARGUMENT)
#define CHECK_GONE(call) CHECK_RESULT(call, LIBMSRP_ERR_GONE)

/*
 * Says that these lines of the conformance catalogue were just seen to hold: COVERS("C-143", "T-17"). It stands
 * behind the checks. With MSRP_MARKS=FILE in the environment, marks are appended to that file;
 * scripts/conformance.py makes the coverage table of them, and refuses IDs that no catalogue file has.
 */
#define COVERS(...)                                                                          \
    do {                                                                                     \
        const char *const ids_[] = {__VA_ARGS__};                                            \
        covers(ids_, sizeof ids_ / sizeof ids_[0], __FILE__, __func__);                      \
    } while (0)

/* Far beyond what anything here takes, even under valgrind on a busy machine. */
#define DEADLINE_MS 120000

/* Runs the engine's callbacks until the condition holds. */
#define RUN_UNTIL(engine, condition)                                                         \
    do {                                                                                     \
        while (!(condition)) {                                                               \
            run_once(engine, __FILE__, __LINE__, #condition);                                \
        }                                                                                    \
    } while (0)

static inline int fd_of(libmsrp_engine *engine) {
    int32_t fd = -1;
    CHECK_OK(libmsrp_engine_fd(engine, &fd));
    return fd;
}

static inline void run_once(libmsrp_engine *engine, const char *file, int line, const char *what) {
    struct pollfd watched;
    watched.fd = fd_of(engine);
    watched.events = POLLIN;
    watched.revents = 0;
    if (poll(&watched, 1, DEADLINE_MS) <= 0) {
        fprintf(stderr, "%s:%d: nothing happens any more, still waiting for: %s\n", file, line, what);
        exit(1);
    }
    CHECK_OK(libmsrp_engine_process(engine, 0));
}

/* Whether the engine has work now. */
static inline int has_work(libmsrp_engine *engine) {
    struct pollfd watched;
    watched.fd = fd_of(engine);
    watched.events = POLLIN;
    watched.revents = 0;
    return poll(&watched, 1, 0) == 1;
}

static inline int equals(libmsrp_slice slice, const char *text) {
    return slice.len == strlen(text) && memcmp(slice.ptr, text, slice.len) == 0;
}

static inline void covers(const char *const *ids, size_t count, const char *file, const char *test) {
    const char *path = getenv("MSRP_MARKS");
    static const char folder[] = "bindings-c/tests/";
    const char *name = strstr(file, folder);
    FILE *marks;
    size_t i;
    if (path == NULL) {
        return;
    }
    marks = fopen(path, "a");
    CHECK(marks != NULL);
    for (i = 0; i < count; i++) {
        /* One write for each line: other processes append to the same file. */
        fprintf(marks, "%s\t%s%s\t%s\n", ids[i], folder, name == NULL ? file : name + sizeof folder - 1, test);
        CHECK(fflush(marks) == 0);
    }
    fclose(marks);
}

static inline int passed(const char *name) {
    printf("%s: passed\n", name);
    return 0;
}

#endif
