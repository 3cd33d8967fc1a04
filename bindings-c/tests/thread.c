/* LIBMSRP_DISPATCH_THREAD: the callbacks run on one thread of the engine. */

#include "pair.h"

#include <pthread.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

enum { MESSAGES = 200 };

typedef struct side {
    libmsrp_session session;
    int is_open, received, delivered, closed, released;
} side;

static side alice, bob;
static pthread_t callback_thread;
static int has_thread, busy, stream_released;

/* Begins a callback: always the same thread, never two at a time. */
static void enter(void) {
    pthread_mutex_lock(&mutex);
    CHECK(!busy);
    busy = 1;
    if (!has_thread) {
        callback_thread = pthread_self();
        has_thread = 1;
    }
    CHECK(pthread_equal(callback_thread, pthread_self()));
}

static void leave(void) {
    busy = 0;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

static void on_state(libmsrp_engine *engine, libmsrp_session session, libmsrp_state state, void *user) {
    (void)engine, (void)session;
    enter();
    ((side *)user)->is_open = state == LIBMSRP_STATE_OPEN;
    leave();
}

static libmsrp_body_verdict on_message(libmsrp_engine *engine, libmsrp_session session, libmsrp_message message,
                                       const libmsrp_message_info *info, const uint8_t *data, size_t len,
                                       void *user) {
    (void)session, (void)message, (void)info, (void)data, (void)len;
    enter();
    ((side *)user)->received++;
    CHECK_RESULT(libmsrp_engine_free(engine), LIBMSRP_ERR_DEADLOCK);
    leave();
    return LIBMSRP_BODY_CONSUMED;
}

static void on_transfer(libmsrp_engine *engine, libmsrp_session session, libmsrp_transfer transfer,
                        const libmsrp_transfer_info *info, void *user) {
    (void)engine, (void)session, (void)transfer;
    enter();
    ((side *)user)->delivered += info->event == LIBMSRP_TRANSFER_EVENT_DELIVERED;
    leave();
}

static void on_closed(libmsrp_engine *engine, libmsrp_session session, const libmsrp_close_info *info, void *user) {
    (void)engine, (void)session, (void)info;
    pthread_mutex_lock(&mutex);
    ((side *)user)->closed++;
    leave();
}

static void on_release(void *user) {
    pthread_mutex_lock(&mutex);
    ((side *)user)->released++;
    leave();
}

static int64_t read_stream(libmsrp_engine *engine, libmsrp_transfer transfer, uint8_t *buffer, size_t capacity,
                           void *user) {
    int *left = (int *)user;
    (void)engine, (void)transfer;
    enter();
    const size_t len = capacity < 1000 ? capacity : 1000;
    memset(buffer, 's', len);
    const int64_t answer = (*left)-- > 0 ? (int64_t)len : 0;
    leave();
    return answer;
}

static void release_stream(void *user) {
    (void)user;
    enter();
    stream_released++;
    leave();
}

#define WAIT_FOR(condition)                                                                  \
    do {                                                                                     \
        struct timespec until_;                                                              \
        clock_gettime(CLOCK_REALTIME, &until_);                                              \
        until_.tv_sec += DEADLINE_MS / 1000;                                                 \
        pthread_mutex_lock(&mutex);                                                          \
        while (!(condition)) {                                                               \
            CHECK(pthread_cond_timedwait(&changed, &mutex, &until_) == 0);                   \
        }                                                                                    \
        pthread_mutex_unlock(&mutex);                                                        \
    } while (0)

static void side_new(libmsrp_engine *engine, side *self) {
    libmsrp_session_options options = party_options();
    libmsrp_session_callbacks callbacks = LIBMSRP_SESSION_CALLBACKS_INIT;
    callbacks.on_state = on_state;
    callbacks.on_message = on_message;
    callbacks.on_transfer = on_transfer;
    callbacks.on_closed = on_closed;
    callbacks.on_release = on_release;
    CHECK_OK(libmsrp_session_new(engine, &options, &callbacks, self, &self->session));
}

int main(void) {
    libmsrp_engine_options options = LIBMSRP_ENGINE_OPTIONS_INIT;
    libmsrp_send_options send = LIBMSRP_SEND_OPTIONS_INIT;
    libmsrp_engine *engine = NULL;
    libmsrp_transfer transfer = 0;
    libmsrp_text *offer = NULL, *answer = NULL;
    int32_t fd = -1;
    int blocks = 300;
    options.dispatch = LIBMSRP_DISPATCH_THREAD;
    CHECK_OK(libmsrp_engine_new(&options, &engine));
    CHECK_INVALID(libmsrp_engine_fd(engine, &fd));
    CHECK_INVALID(libmsrp_engine_process(engine, 0));
    CHECK_OK(libmsrp_engine_wakeup(engine));

    side_new(engine, &alice);
    side_new(engine, &bob);
    CHECK_OK(libmsrp_session_create_offer(engine, alice.session, &offer));
    CHECK_OK(libmsrp_session_create_answer(engine, bob.session, LIBMSRP_TEXT(libmsrp_text_ptr(offer)),
                                           LIBMSRP_FIRST_MEDIA, &answer));
    CHECK_OK(libmsrp_session_set_remote(engine, alice.session, LIBMSRP_TEXT(libmsrp_text_ptr(answer)),
                                        LIBMSRP_FIRST_MEDIA));
    libmsrp_text_free(offer);
    libmsrp_text_free(answer);
    CHECK_OK(libmsrp_session_open(engine, alice.session, DEADLINE_MS));
    CHECK_OK(libmsrp_session_open(engine, bob.session, DEADLINE_MS));
    WAIT_FOR(alice.is_open && bob.is_open);

    send.success_report = 1;
    for (int at = 0; at < MESSAGES; at++) {
        CHECK_OK(libmsrp_send(engine, alice.session, &send, LIBMSRP_TEXT("hello"), &transfer));
    }
    CHECK_OK(libmsrp_send_stream(engine, bob.session, &send, LIBMSRP_LENGTH_UNKNOWN, read_stream, &blocks,
                                 release_stream, &transfer));
    WAIT_FOR(alice.delivered == MESSAGES && bob.delivered == 1 && stream_released == 1);
    CHECK(bob.received == MESSAGES);
    CHECK(!pthread_equal(callback_thread, pthread_self()));

    CHECK_OK(libmsrp_session_close(engine, alice.session, DEADLINE_MS));
    WAIT_FOR(alice.released == 1);
    CHECK_OK(libmsrp_engine_free(engine));
    CHECK(alice.closed == 1 && alice.released == 1 && bob.closed == 1 && bob.released == 1);

    /* One that nothing ever happened in. */
    CHECK_OK(libmsrp_engine_new(&options, &engine));
    CHECK_OK(libmsrp_engine_free(engine));
    return passed("thread");
}
