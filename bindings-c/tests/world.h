/*
 * One engine in either way of dispatch, with traffic that makes every function of the host run. Each of them checks
 * where it runs, is counted, and calls a hook.
 */
#ifndef WORLD_H
#define WORLD_H

#include "check.h"

#include <pthread.h>

/* The functions of the host. */
typedef enum kind {
    IN_STATE,
    IN_MESSAGE,
    IN_MESSAGE_BEGIN,
    IN_BODY,
    IN_MESSAGE_END,
    IN_REPORT,
    IN_TRANSFER,
    IN_REQUEST,
    IN_RESPONSE,
    IN_WRITABLE,
    IN_READ,
    IN_LOG,
    IN_FREE,
    IN_STREAM_RELEASE,
    IN_CLOSED,
    IN_SESSION_RELEASE,
    IN_ENGINE_CLOSED,
    IN_LOG_RELEASE,
    IN_ENGINE_RELEASE,
    KINDS
} kind;

enum { MAX_SESSIONS = 16 };

typedef struct world {
    libmsrp_engine *engine;
    int dispatch;
    int count[KINDS];    /* calls of each function */
    int at_free[KINDS];  /* those of them inside libmsrp_engine_free() */
    int in_process, freeing, busy, has_thread;
    pthread_t host, callbacks;
    libmsrp_session sessions[MAX_SESSIONS];
    int closed[MAX_SESSIONS], released[MAX_SESSIONS], open[MAX_SESSIONS];
    int session_count;
    int users;   /* user data that was given and is to be released */
    int streams; /* the same of streams */
    int loans;   /* lent buffers that are to be freed */
    int logs;
    int acknowledged;
    libmsrp_transfer held_stream; /* waits for libmsrp_stream_resume() */
    int resumed;                  /* it is to end */
    libmsrp_message last_message;
    libmsrp_body_verdict verdict;
    void (*hook)(kind which, libmsrp_session session, libmsrp_message message);
} world;

static world the;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* Waits until the condition holds, and runs the callbacks where that is the host's business. */
#define WAIT_FOR(condition)                                                                  \
    do {                                                                                     \
        pthread_mutex_lock(&mutex);                                                          \
        while (!(condition)) {                                                               \
            wait_once(__FILE__, __LINE__, #condition);                                       \
        }                                                                                    \
        pthread_mutex_unlock(&mutex);                                                        \
    } while (0)

/* libmsrp_engine_process(), where that is the host's business. */
static inline libmsrp_result world_process(void) {
    the.in_process++;
    const libmsrp_result result = libmsrp_engine_process(the.engine, 0);
    the.in_process--;
    return result;
}

static inline void wait_once(const char *file, int line, const char *what) {
    if (the.dispatch == LIBMSRP_DISPATCH_THREAD) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += DEADLINE_MS / 1000;
        if (pthread_cond_timedwait(&changed, &mutex, &until) == 0) {
            return;
        }
    } else {
        struct pollfd watched;
        pthread_mutex_unlock(&mutex);
        watched.fd = fd_of(the.engine);
        watched.events = POLLIN;
        watched.revents = 0;
        const int ready = poll(&watched, 1, DEADLINE_MS);
        if (ready == 1) {
            CHECK_OK(world_process());
        }
        pthread_mutex_lock(&mutex);
        if (ready == 1) {
            return;
        }
    }
    fprintf(stderr, "%s:%d: nothing happens any more, still waiting for: %s\n", file, line, what);
    exit(1);
}

/* Runs inside libmsrp_engine_free() at most: the others of the header's table do not. */
static inline int may_be_in_free(kind which) {
    return which >= IN_LOG;
}

/* Begins a function of the host: the place is one of the header's table, and nobody else is in one. */
static inline void enter(kind which) {
    pthread_mutex_lock(&mutex);
    CHECK(!the.busy);
    the.busy = 1;
    const int is_host = pthread_equal(pthread_self(), the.host);
    if (the.freeing && is_host) {
        CHECK(may_be_in_free(which));
        the.at_free[which]++;
    } else if (the.dispatch == LIBMSRP_DISPATCH_HOST) {
        CHECK(is_host && the.in_process == 1);
    } else {
        if (!the.has_thread) {
            the.callbacks = pthread_self();
            the.has_thread = 1;
        }
        CHECK(!is_host && pthread_equal(the.callbacks, pthread_self()));
    }
    the.count[which]++;
    pthread_mutex_unlock(&mutex);
}

static inline void leave(kind which, libmsrp_session session, libmsrp_message message) {
    if (the.hook != NULL) {
        the.hook(which, session, message);
    }
    pthread_mutex_lock(&mutex);
    CHECK(the.busy);
    the.busy = 0;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

/* The number of a session; its user data points into `numbers`. */
static int numbers[MAX_SESSIONS];

static inline int number_of(libmsrp_engine *engine, void *user) {
    const int number = (int)((int *)user - numbers);
    CHECK(engine == the.engine && number >= 0 && number < MAX_SESSIONS);
    CHECK(the.closed[number] == 0 && the.count[IN_ENGINE_CLOSED] == 0);
    return number;
}

static void on_state(libmsrp_engine *engine, libmsrp_session session, libmsrp_state state, void *user) {
    enter(IN_STATE);
    pthread_mutex_lock(&mutex);
    the.open[number_of(engine, user)] = state == LIBMSRP_STATE_OPEN;
    pthread_mutex_unlock(&mutex);
    leave(IN_STATE, session, 0);
}

static void on_message_begin(libmsrp_engine *engine, libmsrp_session session, libmsrp_message message,
                             const libmsrp_message_info *info, void *user) {
    (void)info;
    enter(IN_MESSAGE_BEGIN);
    number_of(engine, user);
    leave(IN_MESSAGE_BEGIN, session, message);
}

static libmsrp_body_verdict on_body(libmsrp_engine *engine, libmsrp_session session, libmsrp_message message,
                                    uint64_t offset, const uint8_t *data, size_t len, void *user) {
    (void)offset, (void)data, (void)len;
    enter(IN_BODY);
    number_of(engine, user);
    leave(IN_BODY, session, message);
    return the.verdict;
}

static void on_message_end(libmsrp_engine *engine, libmsrp_session session, libmsrp_message message,
                           const libmsrp_message_end *end, void *user) {
    (void)end;
    enter(IN_MESSAGE_END);
    number_of(engine, user);
    leave(IN_MESSAGE_END, session, message);
}

static libmsrp_body_verdict on_message(libmsrp_engine *engine, libmsrp_session session, libmsrp_message message,
                                       const libmsrp_message_info *info, const uint8_t *data, size_t len,
                                       void *user) {
    (void)info, (void)data, (void)len;
    enter(IN_MESSAGE);
    number_of(engine, user);
    the.last_message = message;
    leave(IN_MESSAGE, session, message);
    return the.verdict;
}

static void on_report(libmsrp_engine *engine, libmsrp_session session, libmsrp_transfer transfer,
                      const libmsrp_report *report, void *user) {
    (void)transfer, (void)report;
    enter(IN_REPORT);
    number_of(engine, user);
    leave(IN_REPORT, session, 0);
}

static void on_transfer(libmsrp_engine *engine, libmsrp_session session, libmsrp_transfer transfer,
                        const libmsrp_transfer_info *info, void *user) {
    (void)transfer;
    enter(IN_TRANSFER);
    number_of(engine, user);
    the.acknowledged += info->event == LIBMSRP_TRANSFER_EVENT_ACKNOWLEDGED;
    leave(IN_TRANSFER, session, 0);
}

static libmsrp_request_verdict on_request(libmsrp_engine *engine, libmsrp_session session, libmsrp_request request,
                                          const libmsrp_request_info *info, const uint8_t *data, size_t len,
                                          void *user) {
    (void)request, (void)data, (void)len;
    enter(IN_REQUEST);
    number_of(engine, user);
    CHECK(equals(info->method, "PING"));
    leave(IN_REQUEST, session, 0);
    return LIBMSRP_REQUEST_DONE;
}

static void on_response(libmsrp_engine *engine, libmsrp_session session, libmsrp_transfer transfer,
                        const libmsrp_response *response, void *user) {
    (void)transfer;
    enter(IN_RESPONSE);
    number_of(engine, user);
    /* 481: the other session was gone before. */
    CHECK(response->status == 501 || response->status == 481);
    leave(IN_RESPONSE, session, 0);
}

static void on_writable(libmsrp_engine *engine, libmsrp_session session, void *user) {
    enter(IN_WRITABLE);
    number_of(engine, user);
    leave(IN_WRITABLE, session, 0);
}

static void on_closed(libmsrp_engine *engine, libmsrp_session session, const libmsrp_close_info *info, void *user) {
    (void)info;
    enter(IN_CLOSED);
    pthread_mutex_lock(&mutex);
    const int number = number_of(engine, user);
    CHECK(the.released[number] == 0);
    the.closed[number]++;
    the.open[number] = 0;
    pthread_mutex_unlock(&mutex);
    leave(IN_CLOSED, session, 0);
}

static void on_session_release(void *user) {
    enter(IN_SESSION_RELEASE);
    pthread_mutex_lock(&mutex);
    const int number = (int)((int *)user - numbers);
    /* Before the end of the session it is what libmsrp_session_set_user_data() replaced; after it, both. */
    the.released[number] += the.closed[number];
    the.users--;
    pthread_mutex_unlock(&mutex);
    leave(IN_SESSION_RELEASE, 0, 0);
}

static void on_engine_closed(libmsrp_engine *engine, void *user) {
    enter(IN_ENGINE_CLOSED);
    CHECK(engine == the.engine && user == &the && the.count[IN_ENGINE_CLOSED] == 1);
    for (int at = 0; at < the.session_count; at++) {
        CHECK(the.closed[at] == 1);
    }
    leave(IN_ENGINE_CLOSED, 0, 0);
}

static void on_engine_release(void *user) {
    enter(IN_ENGINE_RELEASE);
    CHECK(user == &the && the.count[IN_ENGINE_CLOSED] == 1 && the.count[IN_ENGINE_RELEASE] == 1);
    /* The very last. */
    CHECK(the.users == 0 && the.streams == 0 && the.loans == 0 && the.logs == 0);
    leave(IN_ENGINE_RELEASE, 0, 0);
}

static void on_log(libmsrp_log_level level, const uint8_t *text, size_t len, void *user) {
    (void)level, (void)text, (void)len;
    enter(IN_LOG);
    CHECK(user == &the && the.logs == 1);
    leave(IN_LOG, 0, 0);
}

static void on_log_release(void *user) {
    enter(IN_LOG_RELEASE);
    CHECK(user == &the);
    the.logs--;
    leave(IN_LOG_RELEASE, 0, 0);
}

static void on_free(const uint8_t *data, size_t len, void *user) {
    enter(IN_FREE);
    CHECK(user == &the && len > 0);
    free((void *)(uintptr_t)data);
    pthread_mutex_lock(&mutex);
    the.loans--;
    pthread_mutex_unlock(&mutex);
    leave(IN_FREE, 0, 0);
}

/* A few octets, then nothing until `resumed`. */
static int64_t on_read(libmsrp_engine *engine, libmsrp_transfer transfer, uint8_t *buffer, size_t capacity,
                       void *user) {
    int64_t answer = LIBMSRP_STREAM_DEFERRED;
    (void)transfer, (void)capacity;
    enter(IN_READ);
    CHECK(engine == the.engine);
    pthread_mutex_lock(&mutex);
    int *given = (int *)user;
    if (the.resumed) {
        answer = 0;
    } else if (!*given) {
        *given = 1;
        buffer[0] = 's';
        answer = 1;
    }
    pthread_mutex_unlock(&mutex);
    leave(IN_READ, 0, 0);
    return answer;
}

static void on_stream_release(void *user) {
    enter(IN_STREAM_RELEASE);
    free(user);
    pthread_mutex_lock(&mutex);
    the.streams--;
    pthread_mutex_unlock(&mutex);
    leave(IN_STREAM_RELEASE, 0, 0);
}

/* After a shutdown, which a hook may call at any time, everything may be gone. */
static inline int admitted(libmsrp_result result) {
    CHECK(result == LIBMSRP_OK || result == LIBMSRP_ERR_GONE);
    return result == LIBMSRP_OK;
}

static inline void world_new(int dispatch, void (*hook)(kind, libmsrp_session, libmsrp_message)) {
    libmsrp_engine_options options = LIBMSRP_ENGINE_OPTIONS_INIT;
    libmsrp_limits limits = LIBMSRP_LIMITS_INIT;
    memset(&the, 0, sizeof(the));
    the.dispatch = dispatch;
    the.host = pthread_self();
    the.hook = hook;
    limits.transfers = 2;
    options.dispatch = (libmsrp_dispatch)dispatch;
    options.limits = &limits;
    options.on_engine_closed = on_engine_closed;
    options.on_release = on_engine_release;
    options.user = &the;
    CHECK_OK(libmsrp_engine_new(&options, &the.engine));
    the.logs = 1;
    CHECK_OK(libmsrp_engine_set_log(the.engine, LIBMSRP_LOG_LEVEL_DEBUG, on_log, &the, on_log_release));
}

/* A session of it; its number, or -1 after a shutdown. `given`: options, or NULL. */
static inline int session_new(const libmsrp_session_options *given) {
    libmsrp_session_options options = LIBMSRP_SESSION_OPTIONS_INIT;
    libmsrp_session_callbacks callbacks = LIBMSRP_SESSION_CALLBACKS_INIT;
    const int number = the.session_count;
    options.accept_types = LIBMSRP_SLICE("*");
    callbacks.on_state = on_state;
    callbacks.on_message_begin = on_message_begin;
    callbacks.on_body = on_body;
    callbacks.on_message_end = on_message_end;
    callbacks.on_message = on_message;
    callbacks.on_report = on_report;
    callbacks.on_transfer = on_transfer;
    callbacks.on_request = on_request;
    callbacks.on_response = on_response;
    callbacks.on_writable = on_writable;
    callbacks.on_closed = on_closed;
    callbacks.on_release = on_session_release;
    options.methods = LIBMSRP_SLICE("PING");
    CHECK(number < MAX_SESSIONS);
    pthread_mutex_lock(&mutex);
    the.session_count++;
    the.users++;
    pthread_mutex_unlock(&mutex);
    if (!admitted(libmsrp_session_new(the.engine, given == NULL ? &options : given, &callbacks, &numbers[number],
                                      &the.sessions[number]))) {
        pthread_mutex_lock(&mutex);
        the.session_count--;
        the.users--;
        pthread_mutex_unlock(&mutex);
        return -1;
    }
    return number;
}

/* Offer and answer; both are opened. Returns 0 if that is over already. */
static inline int connect_pair(int one, int two) {
    libmsrp_text *offer = NULL, *answer = NULL;
    const int is_done =
        one >= 0 && two >= 0 && admitted(libmsrp_session_create_offer(the.engine, the.sessions[one], &offer)) &&
        admitted(libmsrp_session_create_answer(the.engine, the.sessions[two], LIBMSRP_TEXT(libmsrp_text_ptr(offer)),
                                               LIBMSRP_FIRST_MEDIA, &answer)) &&
        admitted(libmsrp_session_set_remote(the.engine, the.sessions[one], LIBMSRP_TEXT(libmsrp_text_ptr(answer)),
                                            LIBMSRP_FIRST_MEDIA)) &&
        admitted(libmsrp_session_open(the.engine, the.sessions[one], DEADLINE_MS)) &&
        admitted(libmsrp_session_open(the.engine, the.sessions[two], DEADLINE_MS));
    libmsrp_text_free(offer);
    libmsrp_text_free(answer);
    return is_done;
}

static inline int send_stream(int from) {
    int *given = (int *)calloc(1, sizeof(int));
    CHECK(given != NULL);
    pthread_mutex_lock(&mutex);
    the.streams++;
    pthread_mutex_unlock(&mutex);
    const libmsrp_result result =
        libmsrp_send_stream(the.engine, the.sessions[from], NULL, LIBMSRP_LENGTH_UNKNOWN, on_read, given,
                            on_stream_release, &the.held_stream);
    if (result != LIBMSRP_OK) {
        pthread_mutex_lock(&mutex);
        the.streams--;
        pthread_mutex_unlock(&mutex);
        free(given);
    }
    if (result != LIBMSRP_ERR_AGAIN) {
        admitted(result);
    }
    return result == LIBMSRP_OK;
}

/* Lends octets. */
static inline int send_loan(int from, size_t len) {
    libmsrp_transfer transfer = 0;
    uint8_t *lent = (uint8_t *)malloc(len);
    CHECK(lent != NULL);
    memset(lent, 'l', len);
    pthread_mutex_lock(&mutex);
    the.loans++;
    pthread_mutex_unlock(&mutex);
    if (!admitted(libmsrp_send_take(the.engine, the.sessions[from], NULL, lent, len, on_free, &the, &transfer))) {
        pthread_mutex_lock(&mutex);
        the.loans--;
        pthread_mutex_unlock(&mutex);
        free(lent);
        return 0;
    }
    return 1;
}

static inline int send_text(int from, const char *text, int success_report) {
    libmsrp_send_options options = LIBMSRP_SEND_OPTIONS_INIT;
    libmsrp_transfer transfer = 0;
    options.success_report = success_report;
    return admitted(libmsrp_send(the.engine, the.sessions[from], &options, LIBMSRP_TEXT(text), &transfer));
}

static inline int ask(int from) {
    libmsrp_transfer transfer = 0;
    return admitted(libmsrp_send_request(the.engine, the.sessions[from], LIBMSRP_TEXT("PING"), NULL,
                                         LIBMSRP_TEXT("are you there?"), &transfer));
}

/* Makes every function run that can run before a shutdown; stops when a hook has shut the engine down. */
#define OVER (the.count[IN_ENGINE_CLOSED] == 1)
static inline void traffic(void) {
    const int a = session_new(NULL), b = session_new(NULL);
    if (!connect_pair(a, b)) {
        return;
    }
    WAIT_FOR(OVER || (the.open[a] && the.open[b]));
    if (OVER || !send_text(a, "small", 1)) {
        return;
    }
    WAIT_FOR(OVER || (the.count[IN_MESSAGE] > 0 && the.count[IN_REPORT] > 0));
    if (OVER || !ask(a)) {
        return;
    }
    WAIT_FOR(OVER || the.count[IN_RESPONSE] > 0);
    if (OVER || !send_loan(a, 100000)) {
        return;
    }
    WAIT_FOR(OVER || (the.count[IN_MESSAGE_END] > 0 && the.loans == 0 && the.acknowledged == 2));
    /* Both slots are taken: the third has to wait for room. */
    if (OVER || !send_stream(a) || !send_stream(a) || send_stream(a)) {
        return;
    }
    pthread_mutex_lock(&mutex);
    the.resumed = 1;
    pthread_mutex_unlock(&mutex);
    if (libmsrp_stream_resume(the.engine, the.held_stream) != LIBMSRP_OK) {
        /* It was asked for its octets after `resumed`, or a hook has shut the engine down. */
        WAIT_FOR(OVER || the.streams < 2);
    }
    WAIT_FOR(OVER || the.count[IN_WRITABLE] > 0);
    if (OVER || !admitted(libmsrp_session_set_user_data(the.engine, the.sessions[b], &numbers[b]))) {
        return;
    }
    pthread_mutex_lock(&mutex);
    the.users++;
    pthread_mutex_unlock(&mutex);
    WAIT_FOR(OVER || the.count[IN_SESSION_RELEASE] > 0);
    if (!OVER) {
        admitted(libmsrp_session_close(the.engine, the.sessions[b], 0));
        WAIT_FOR(OVER || (the.closed[b] == 1 && the.released[b] >= 1));
    }
}

/* Frees the engine: everything was told and given back once. */
static inline void world_free(void) {
    pthread_mutex_lock(&mutex);
    the.freeing = 1;
    pthread_mutex_unlock(&mutex);
    CHECK_OK(libmsrp_engine_free(the.engine));
    CHECK(the.count[IN_ENGINE_CLOSED] == 1 && the.count[IN_ENGINE_RELEASE] == 1 && !the.busy);
    CHECK(the.users == 0 && the.streams == 0 && the.loans == 0 && the.logs == 0);
    for (int at = 0; at < the.session_count; at++) {
        CHECK(the.closed[at] == 1 && the.released[at] >= 1);
    }
}

#endif
