/* The beginning and the end of engines: shutdown, free, several at a time, and fork. */

#include "pair.h"

#include <sys/wait.h>
#include <unistd.h>

static party alice, bob;

typedef struct host {
    libmsrp_engine *engine;
    int engine_closed_count, released_count, log_count, log_released_count;
} host;

static void on_engine_closed(libmsrp_engine *engine, void *user) {
    host *self = (host *)user;
    CHECK(engine == self->engine);
    CHECK(self->released_count == 0);
    CHECK_RESULT(libmsrp_engine_free(engine), LIBMSRP_ERR_DEADLOCK);
    self->engine_closed_count++;
}

static void release_host(void *user) {
    host *self = (host *)user;
    self->released_count++;
}

static void on_log(libmsrp_log_level level, const uint8_t *text, size_t len, void *user) {
    CHECK(level >= LIBMSRP_LOG_LEVEL_ERROR && level <= LIBMSRP_LOG_LEVEL_DEBUG && text != NULL && len > 0);
    ((host *)user)->log_count++;
}

static void release_log(void *user) {
    ((host *)user)->log_released_count++;
}

static void host_new(host *self) {
    libmsrp_engine_options options = LIBMSRP_ENGINE_OPTIONS_INIT;
    memset(self, 0, sizeof(*self));
    options.on_engine_closed = on_engine_closed;
    options.user = self;
    options.on_release = release_host;
    CHECK_OK(libmsrp_engine_new(&options, &self->engine));
}

static void shutdown_with_sessions_open(int64_t deadline_ms) {
    host self;
    host_new(&self);
    pair_open(&alice, &bob, self.engine, 1);
    send_text(&alice, "the last words", 1);
    RUN_UNTIL(self.engine, alice.acknowledged_count == 1);
    CHECK_OK(libmsrp_engine_shutdown(self.engine, deadline_ms));
    RUN_UNTIL(self.engine, self.engine_closed_count == 1);
    CHECK(alice.closed_count == 1 && bob.closed_count == 1);
    CHECK(alice.released_count == 1 && bob.released_count == 1);

    /* Nothing new after that. */
    libmsrp_session session = 0;
    libmsrp_listener listener = 0;
    CHECK_GONE(libmsrp_session_new(self.engine, NULL, NULL, NULL, &session));
    CHECK_GONE(libmsrp_listener_new(self.engine, LIBMSRP_TEXT("127.0.0.1"), 0, NULL, &listener));
    CHECK_OK(libmsrp_engine_shutdown(self.engine, 0));
    CHECK_OK(libmsrp_engine_process(self.engine, 0));
    CHECK(self.engine_closed_count == 1 && self.released_count == 0);
    CHECK_OK(libmsrp_engine_free(self.engine));
    CHECK(self.engine_closed_count == 1 && self.released_count == 1);
}

/* Free alone: what is left is told and released on the way. */
static void free_without_shutdown(void) {
    host self;
    host_new(&self);
    pair_open(&alice, &bob, self.engine, 1);
    for (int at = 0; at < 20; at++) {
        send_text(&alice, "never told", 1);
    }
    CHECK_OK(libmsrp_engine_free(self.engine));
    CHECK(alice.closed_count == 1 && bob.closed_count == 1);
    CHECK(alice.released_count == 1 && bob.released_count == 1);
    CHECK(alice.close_reason == LIBMSRP_CLOSE_REASON_LOCAL && bob.message_count == 0);
    CHECK(self.engine_closed_count == 1 && self.released_count == 1);

    host_new(&self);
    CHECK_OK(libmsrp_engine_free(self.engine));
    CHECK(self.engine_closed_count == 1 && self.released_count == 1);
}

/* In the middle of a shutdown that nobody runs the callbacks of. */
static void free_during_shutdown(void) {
    host self;
    host_new(&self);
    pair_open(&alice, &bob, self.engine, 1);
    CHECK_OK(libmsrp_engine_shutdown(self.engine, 1000));
    CHECK_OK(libmsrp_engine_free(self.engine));
    CHECK(alice.released_count == 1 && bob.released_count == 1 && self.released_count == 1);
}

static void two_engines(void) {
    libmsrp_engine *one = new_engine(), *two = new_engine();
    party_new(&alice, one, 1, NULL);
    party_new(&bob, two, 0, NULL);
    pair_negotiate(&alice, &bob);
    while (!alice.is_open || !bob.is_open || alice.delivered_count < 1 || bob.delivered_count < 1) {
        struct pollfd watched[2];
        memset(watched, 0, sizeof(watched));
        watched[0].fd = fd_of(one);
        watched[1].fd = fd_of(two);
        watched[0].events = watched[1].events = POLLIN;
        CHECK(poll(watched, 2, DEADLINE_MS) > 0);
        CHECK_OK(libmsrp_engine_process(one, 0));
        CHECK_OK(libmsrp_engine_process(two, 0));
        if (alice.is_open && bob.is_open && alice.acknowledged_count + bob.acknowledged_count == 0 &&
            alice.message_count + bob.message_count == 0 && alice.writable_count == 0) {
            send_text(&alice, "from one to two", 1);
            send_text(&bob, "from two to one", 1);
            alice.writable_count = 1; /* sent */
        }
    }
    CHECK_OK(libmsrp_engine_free(one));
    RUN_UNTIL(two, bob.released_count == 1);
    CHECK(bob.close_reason != LIBMSRP_CLOSE_REASON_LOCAL && bob.close_result != LIBMSRP_OK);
    CHECK_OK(libmsrp_engine_free(two));
    CHECK(alice.released_count == 1);
}

static void logs(void) {
    host first, last;
    libmsrp_engine *engine = new_engine();
    memset(&first, 0, sizeof(first));
    memset(&last, 0, sizeof(last));
    CHECK_OK(libmsrp_engine_set_log(engine, LIBMSRP_LOG_LEVEL_DEBUG, on_log, &first, release_log));
    pair_open(&alice, &bob, engine, 1);
    CHECK(first.log_count > 0);
    CHECK_OK(libmsrp_engine_set_log(engine, LIBMSRP_LOG_LEVEL_OFF, on_log, &last, release_log));
    RUN_UNTIL(engine, first.log_released_count == 1);
    const int count = first.log_count;
    pair_end(&alice, &bob);
    CHECK(first.log_count == count && last.log_count == 0);
    CHECK(first.log_released_count == 1 && last.log_released_count == 1);
}

/* In a forked child nothing works, nothing is called, and nothing of the parent's is touched. */
static void forked(void) {
    host self;
    host_new(&self);
    pair_open(&alice, &bob, self.engine, 1);
    fflush(NULL);
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        libmsrp_transfer transfer = 0;
        libmsrp_stats stats = LIBMSRP_STATS_INIT;
        libmsrp_session session = 0;
        int32_t fd = -1;
        CHECK_RESULT(libmsrp_engine_fd(self.engine, &fd), LIBMSRP_ERR_FORKED);
        CHECK_RESULT(libmsrp_engine_process(self.engine, 0), LIBMSRP_ERR_FORKED);
        CHECK_RESULT(libmsrp_engine_wakeup(self.engine), LIBMSRP_ERR_FORKED);
        CHECK_RESULT(libmsrp_engine_stats(self.engine, &stats), LIBMSRP_ERR_FORKED);
        CHECK_RESULT(libmsrp_session_new(self.engine, NULL, NULL, NULL, &session), LIBMSRP_ERR_FORKED);
        CHECK_RESULT(libmsrp_send(self.engine, alice.session, NULL, LIBMSRP_TEXT("x"), &transfer), LIBMSRP_ERR_FORKED);
        CHECK_RESULT(libmsrp_session_abort(self.engine, alice.session), LIBMSRP_ERR_FORKED);
        CHECK_RESULT(libmsrp_engine_shutdown(self.engine, 0), LIBMSRP_ERR_FORKED);
        CHECK_RESULT(libmsrp_engine_free(self.engine), LIBMSRP_ERR_FORKED);
        CHECK(strstr(libmsrp_last_error(), "fork") != NULL);
        CHECK(alice.closed_count == 0 && self.released_count == 0);

        /* An engine of its own works. */
        party *ours = (party *)calloc(2, sizeof(party));
        CHECK(ours != NULL);
        pair_open(&ours[0], &ours[1], new_engine(), 1);
        send_text(&ours[0], "from the child", 1);
        RUN_UNTIL(ours[0].engine, ours[0].delivered_count == 1);
        pair_end(&ours[0], &ours[1]);
        free(ours);
        /* Not by exit: a leak check here would take the parent's memory for lost, whose threads are not here. */
        execlp("true", "true", (char *)NULL);
        _exit(1);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    send_text(&alice, "still here", 1);
    RUN_UNTIL(self.engine, alice.delivered_count == 1);
    pair_end(&alice, &bob);
    CHECK(self.released_count == 1);
}

int main(void) {
    shutdown_with_sessions_open(DEADLINE_MS);
    shutdown_with_sessions_open(-1);
    shutdown_with_sessions_open(0);
    free_without_shutdown();
    free_during_shutdown();
    two_engines();
    logs();
    forked();
    return passed("lifetime");
}
