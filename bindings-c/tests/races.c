/* Calls from several threads while another one runs the callbacks: nothing is lost, nothing is released twice. */

#include "pair.h"

#include <pthread.h>

enum { SESSIONS = 150, MESSAGES = 150 };

static party alice, bob;

/* Counted by the thread that runs the callbacks; the others only add up what they made. */
static int sessions_closed, sessions_released, streams_released, loans_ended;

typedef struct worker {
    pthread_t thread;
    int admitted;
} worker;

static void short_lived_closed(libmsrp_engine *engine, libmsrp_session session, const libmsrp_close_info *info,
                               void *user) {
    (void)engine, (void)session, (void)info;
    int *mark = (int *)user;
    CHECK(*mark == 0);
    *mark = 1;
    sessions_closed++;
}

static void short_lived_release(void *user) {
    int *mark = (int *)user;
    CHECK(*mark == 1);
    free(mark);
    sessions_released++;
}

/* Its first event may be told before libmsrp_session_new() has returned here. */
static void *make_sessions(void *user) {
    worker *self = (worker *)user;
    libmsrp_session_callbacks callbacks = LIBMSRP_SESSION_CALLBACKS_INIT;
    callbacks.on_closed = short_lived_closed;
    callbacks.on_release = short_lived_release;
    for (int at = 0; at < SESSIONS; at++) {
        libmsrp_session session = 0;
        int *mark = (int *)calloc(1, sizeof(int));
        CHECK(mark != NULL);
        CHECK_OK(libmsrp_session_new(alice.engine, NULL, &callbacks, mark, &session));
        CHECK_OK(libmsrp_session_abort(alice.engine, session));
    }
    self->admitted = SESSIONS;
    return user;
}

static int64_t read_some(libmsrp_engine *engine, libmsrp_transfer transfer, uint8_t *buffer, size_t capacity,
                         void *user) {
    int *asked = (int *)user;
    (void)engine, (void)transfer;
    buffer[0] = 's';
    CHECK(capacity > 0 && *asked >= 0);
    return (*asked)++ % 3 == 1 ? LIBMSRP_STREAM_DEFERRED : 1;
}

static void stream_release(void *user) {
    int *asked = (int *)user;
    CHECK(*asked >= 0);
    free(asked);
    streams_released++;
}

static void *make_streams(void *user) {
    worker *self = (worker *)user;
    while (self->admitted < MESSAGES) {
        libmsrp_transfer transfer = 0;
        int *asked = (int *)calloc(1, sizeof(int));
        CHECK(asked != NULL);
        const libmsrp_result result = libmsrp_send_stream(alice.engine, alice.session, NULL, LIBMSRP_LENGTH_UNKNOWN,
                                                          read_some, asked, stream_release, &transfer);
        if (result != LIBMSRP_OK) {
            CHECK_RESULT(result, LIBMSRP_ERR_AGAIN);
            free(asked);
            poll(NULL, 0, 1);
            continue;
        }
        self->admitted++;
        for (int at = 0; at < 5; at++) {
            const libmsrp_result resumed = libmsrp_stream_resume(alice.engine, transfer);
            CHECK(resumed == LIBMSRP_OK || resumed == LIBMSRP_ERR_GONE);
        }
        const libmsrp_result aborted = libmsrp_transfer_abort(alice.engine, transfer);
        CHECK(aborted == LIBMSRP_OK || aborted == LIBMSRP_ERR_GONE);
    }
    return user;
}

static uint8_t LENT[20000];

static void end_loan(const uint8_t *data, size_t len, void *user) {
    (void)user;
    CHECK(data == LENT && len == sizeof(LENT));
    loans_ended++;
}

static void *make_loans(void *user) {
    worker *self = (worker *)user;
    while (self->admitted < MESSAGES) {
        libmsrp_transfer transfer = 0;
        const libmsrp_result result =
            libmsrp_send_take(bob.engine, bob.session, NULL, LENT, sizeof(LENT), end_loan, NULL, &transfer);
        if (result != LIBMSRP_OK) {
            CHECK_RESULT(result, LIBMSRP_ERR_AGAIN);
            poll(NULL, 0, 1);
            continue;
        }
        self->admitted++;
    }
    return user;
}

static libmsrp_body_verdict drop_message(libmsrp_engine *engine, libmsrp_session session, libmsrp_message message,
                                         const libmsrp_message_info *info, const uint8_t *data, size_t len,
                                         void *user) {
    (void)engine, (void)session, (void)message, (void)info, (void)data, (void)len, (void)user;
    return LIBMSRP_BODY_CONSUMED;
}

/* A session that counts no messages, for there are many. */
static void busy_party(party *self, libmsrp_engine *engine) {
    libmsrp_session_options options = party_options();
    libmsrp_session_callbacks callbacks = party_callbacks();
    callbacks.on_message = drop_message;
    callbacks.on_message_begin = NULL;
    callbacks.on_body = NULL;
    callbacks.on_message_end = NULL;
    memset(self, 0, sizeof(*self));
    self->engine = engine;
    CHECK_OK(libmsrp_session_new(engine, &options, &callbacks, self, &self->session));
}

int main(void) {
    libmsrp_engine *engine = new_engine();
    worker workers[3];
    void *(*const work[3])(void *) = {make_sessions, make_streams, make_loans};
    busy_party(&alice, engine);
    busy_party(&bob, engine);
    pair_negotiate(&alice, &bob);
    RUN_UNTIL(engine, alice.is_open && bob.is_open);

    memset(workers, 0, sizeof(workers));
    for (int at = 0; at < 3; at++) {
        CHECK(pthread_create(&workers[at].thread, NULL, work[at], &workers[at]) == 0);
    }
    RUN_UNTIL(engine, sessions_released == SESSIONS && streams_released == MESSAGES && loans_ended == MESSAGES &&
                          alice.failed_count == MESSAGES && bob.acknowledged_count == MESSAGES);
    for (int at = 0; at < 3; at++) {
        CHECK(pthread_join(workers[at].thread, NULL) == 0);
        CHECK(workers[at].admitted == (at == 0 ? SESSIONS : MESSAGES));
    }
    CHECK(sessions_closed == SESSIONS);
    pair_end(&alice, &bob);
    CHECK(sessions_released == SESSIONS && streams_released == MESSAGES && loans_ended == MESSAGES);
    return passed("races");
}
