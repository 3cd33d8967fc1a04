/*
 * The end of an engine in its corners, in both ways of dispatch: from each function of the host, with messages in every
 * state, half-open connections and peers that take nothing, said again, and while other threads are in it.
 */

#include "tls_material.h"
#include "world.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static const int DISPATCHES[] = {LIBMSRP_DISPATCH_HOST, LIBMSRP_DISPATCH_THREAD};

/* After the engine's end was told: the descriptor falls silent, and can still be woken. */
static void check_quiet(void) {
    if (the.dispatch == LIBMSRP_DISPATCH_THREAD) {
        return;
    }
    while (has_work(the.engine)) {
        CHECK_OK(world_process());
    }
    CHECK_OK(libmsrp_engine_wakeup(the.engine));
    CHECK(has_work(the.engine));
    CHECK_OK(world_process());
    CHECK(!has_work(the.engine));
    CHECK(the.count[IN_ENGINE_CLOSED] == 1);
}

/* The function of the host from which the engine is shut down, and how. */
static kind from;
static int64_t deadline;
static int was_shut_down;

static void shut_down(kind which, libmsrp_session session, libmsrp_message message) {
    (void)session, (void)message;
    if (which != from) {
        return;
    }
    was_shut_down++;
    CHECK_OK(libmsrp_engine_shutdown(the.engine, deadline));
    CHECK_OK(libmsrp_engine_shutdown(the.engine, 0));
    CHECK_RESULT(libmsrp_engine_free(the.engine), LIBMSRP_ERR_DEADLOCK);
    CHECK_RESULT(libmsrp_engine_process(the.engine, 0), the.dispatch == LIBMSRP_DISPATCH_HOST
                                                            ? LIBMSRP_ERR_DEADLOCK
                                                            : LIBMSRP_ERR_INVALID_ARGUMENT);
    /* Usable until the last function of the host returned, and good for nothing new. */
    libmsrp_session late = 0;
    libmsrp_stats stats = LIBMSRP_STATS_INIT;
    CHECK_GONE(libmsrp_session_new(the.engine, NULL, NULL, NULL, &late));
    CHECK_OK(libmsrp_engine_stats(the.engine, &stats));
    CHECK_OK(libmsrp_engine_wakeup(the.engine));
    if (which >= IN_LOG_RELEASE && the.freeing) {
        CHECK_GONE(libmsrp_engine_set_log(the.engine, LIBMSRP_LOG_LEVEL_INFO, on_log, &the, on_log_release));
    }
}

static void from_each_function(int dispatch) {
    for (int at = 0; at < KINDS; at++) {
        from = (kind)at;
        deadline = at % 2 == 0 ? 0 : DEADLINE_MS;
        was_shut_down = 0;
        world_new(dispatch, shut_down);
        traffic();
        if (at < IN_ENGINE_CLOSED) {
            WAIT_FOR(OVER);
            CHECK(was_shut_down > 0);
            check_quiet();
        }
        world_free();
        CHECK(was_shut_down > 0);
    }
}

/* A place that takes connections and never answers. */
static int silent_peer(uint16_t *port) {
    struct sockaddr_in address;
    socklen_t len = sizeof(address);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, len) == 0 && listen(fd, 8) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static int connected_to(uint16_t port) {
    struct sockaddr_in address;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    return fd;
}

static libmsrp_message kept;

/* Content of every second session stays with the host. */
static void keep_content(kind which, libmsrp_session session, libmsrp_message message) {
    if (which == IN_MESSAGE) {
        CHECK_OK(libmsrp_message_retain(the.engine, message));
        /* The first: what it holds is looked at in the end. */
        if (kept == 0) {
            kept = message;
        }
        /* It may be ending while its last message is told of. */
        const libmsrp_result paused = libmsrp_session_pause(the.engine, session);
        CHECK(paused == LIBMSRP_OK || paused == LIBMSRP_ERR_GONE);
    }
}

typedef enum ending { FREE, SHUT_DOWN_AT_ONCE, SHUT_DOWN_TWICE, FREE_AFTER_SHUT_DOWN, ENDINGS } ending;

/* Everything at once that an engine can be in the middle of. */
static void in_the_middle(int dispatch, ending how) {
    libmsrp_session_options secure = LIBMSRP_SESSION_OPTIONS_INIT;
    libmsrp_listener plain = 0, over_tls = 0;
    libmsrp_transfer transfer = 0;
    libmsrp_tls *tls = NULL;
    uint16_t silent_port = 0, port = 0;
    char path[100];
    const int silent = silent_peer(&silent_port);
    kept = 0;
    world_new(dispatch, keep_content);
    the.verdict = LIBMSRP_BODY_LATER;
    CHECK_OK(libmsrp_tls_new(&tls));
    CHECK_OK(libmsrp_tls_add_ca(tls, LIBMSRP_PEM_TEXT, LIBMSRP_TEXT(CA_PEM)));
    CHECK_OK(libmsrp_tls_set_identity(tls, LIBMSRP_PEM_TEXT, LIBMSRP_TEXT(PARTY_PEM), LIBMSRP_TEXT(PARTY_KEY)));

    /* A pair: content that is retained and not consumed, a paused session with more of it, all kinds of bodies. */
    const int a = session_new(NULL), b = session_new(NULL);
    CHECK(connect_pair(a, b));
    WAIT_FOR(the.open[a] && the.open[b]);
    CHECK(send_text(a, "kept", 1));
    WAIT_FOR(kept != 0);
    CHECK(send_text(a, "behind the pause", 1) && send_loan(a, 3000000) && send_stream(a));
    CHECK_RESULT(libmsrp_send_file(the.engine, the.sessions[a], NULL, LIBMSRP_TEXT(__FILE__), &transfer),
                 LIBMSRP_ERR_AGAIN);
    CHECK_OK(libmsrp_send_file(the.engine, the.sessions[b], NULL, LIBMSRP_TEXT(__FILE__), &transfer));

    /* Sessions that nobody opened, one with messages in its queue; one that waits for its peer. */
    const int unused = session_new(NULL), queued = session_new(NULL), waits = session_new(NULL);
    CHECK(unused >= 0 && queued >= 0 && waits >= 0);
    CHECK_OK(libmsrp_session_set_remote_path(the.engine, the.sessions[queued],
                                             LIBMSRP_TEXT("msrp://127.0.0.1:9/nobody;tcp"), 1, NULL, 0));
    CHECK(send_text(queued, "never sent", 1) && send_loan(queued, 5000) && send_stream(queued));
    CHECK_OK(libmsrp_session_set_remote_path(the.engine, the.sessions[waits],
                                             LIBMSRP_TEXT("msrp://127.0.0.1:9/late;tcp"), 0, NULL, 0));
    CHECK_OK(libmsrp_session_open(the.engine, the.sessions[waits], DEADLINE_MS));

    /* A peer that takes what the system takes for it, and answers nothing; the same with a TLS handshake. */
    const int stalled = session_new(NULL);
    CHECK(stalled >= 0);
    snprintf(path, sizeof(path), "msrp://127.0.0.1:%u/silent;tcp", (unsigned)silent_port);
    CHECK_OK(libmsrp_session_set_remote_path(the.engine, the.sessions[stalled], LIBMSRP_TEXT(path), 1, NULL, 0));
    CHECK_OK(libmsrp_session_open(the.engine, the.sessions[stalled], DEADLINE_MS));
    CHECK(send_loan(stalled, 30000000));
    /* Its first octets are on their way: from here on only the peer or time can end it. */
    const int taken = accept(silent, NULL, NULL);
    CHECK(taken >= 0 && recv(taken, path, 1, MSG_PEEK) == 1);
    secure.tls = tls;
    secure.accept_types = LIBMSRP_SLICE("*");
    const int handshake = session_new(&secure);
    CHECK(handshake >= 0);
    snprintf(path, sizeof(path), "msrps://127.0.0.1:%u/silent;tcp", (unsigned)silent_port);
    CHECK_OK(libmsrp_session_set_remote_path(the.engine, the.sessions[handshake], LIBMSRP_TEXT(path), 1, NULL, 0));
    CHECK_OK(libmsrp_session_open(the.engine, the.sessions[handshake], DEADLINE_MS));
    CHECK(send_loan(handshake, 200000));

    /* Listeners, with connections that say nothing. */
    CHECK_OK(libmsrp_listener_new(the.engine, LIBMSRP_TEXT("127.0.0.1"), 0, NULL, &plain));
    CHECK_OK(libmsrp_listener_port(the.engine, plain, &port));
    const int mute = connected_to(port);
    CHECK_OK(libmsrp_listener_new(the.engine, LIBMSRP_TEXT("127.0.0.1"), 0, tls, &over_tls));
    CHECK_OK(libmsrp_listener_port(the.engine, over_tls, &port));
    const int half_tls = connected_to(port);
    libmsrp_tls_free(tls);

    /* One that is closing, with a message that is not answered. */
    CHECK_OK(libmsrp_session_close(the.engine, the.sessions[stalled], DEADLINE_MS));

    switch (how) {
    case FREE:
        break;
    case SHUT_DOWN_AT_ONCE:
        CHECK_OK(libmsrp_engine_shutdown(the.engine, 0));
        WAIT_FOR(OVER);
        check_quiet();
        break;
    case SHUT_DOWN_TWICE:
        CHECK_OK(libmsrp_engine_shutdown(the.engine, -1));
        WAIT_FOR(the.closed[unused] && the.closed[waits] && the.closed[queued]);
        CHECK(!OVER);
        CHECK_OK(libmsrp_engine_shutdown(the.engine, 0));
        WAIT_FOR(OVER);
        check_quiet();
        break;
    case FREE_AFTER_SHUT_DOWN:
        CHECK_OK(libmsrp_engine_shutdown(the.engine, DEADLINE_MS));
        break;
    case ENDINGS:
        break;
    }
    if (the.count[IN_ENGINE_CLOSED] == 1) {
        libmsrp_text *text = NULL;
        CHECK_GONE(libmsrp_message_consume(the.engine, kept, 1));
        CHECK_OK(libmsrp_message_header(the.engine, kept, LIBMSRP_TEXT("Content-Type"), &text));
        CHECK(strcmp(libmsrp_text_ptr(text), "text/plain") == 0);
        libmsrp_text_free(text);
        CHECK_GONE(libmsrp_listener_port(the.engine, plain, &port));
        CHECK_GONE(libmsrp_transfer_abort(the.engine, transfer));
        CHECK_GONE(libmsrp_stream_resume(the.engine, the.held_stream));
    }
    world_free();
    CHECK(the.count[IN_CLOSED] == the.session_count && the.count[IN_FREE] == 4);
    close(mute);
    close(half_tls);
    close(taken);
    close(silent);
}

/* The session ends itself, and goes on to call what it can. */
static kind ends_in;
static int is_abort;

static void end_itself(kind which, libmsrp_session session, libmsrp_message message) {
    libmsrp_state state = LIBMSRP_STATE_NEW;
    if (which != ends_in || session == 0) {
        return;
    }
    if (which == IN_CLOSED) {
        CHECK_GONE(libmsrp_session_abort(the.engine, session));
        CHECK_GONE(libmsrp_session_close(the.engine, session, 0));
        CHECK_GONE(libmsrp_session_set_user_data(the.engine, session, NULL));
        return;
    }
    const libmsrp_result result = is_abort ? libmsrp_session_abort(the.engine, session)
                                           : libmsrp_session_close(the.engine, session, 0);
    /* What the network ended first has its on_closed still to come. */
    CHECK(result == LIBMSRP_OK || result == LIBMSRP_ERR_GONE);
    admitted(libmsrp_session_state(the.engine, session, &state));
    if (message != 0) {
        const libmsrp_result header = libmsrp_message_retain(the.engine, message);
        CHECK(header == LIBMSRP_OK);
        CHECK_OK(libmsrp_message_release(the.engine, message));
    }
}

static void sessions_that_end_themselves(int dispatch) {
    static const kind kinds[] = {IN_STATE, IN_MESSAGE, IN_MESSAGE_BEGIN, IN_BODY, IN_MESSAGE_END, IN_REPORT,
                                 IN_TRANSFER, IN_REQUEST, IN_RESPONSE, IN_WRITABLE, IN_CLOSED};
    for (int at = 0; at < 22; at++) {
        ends_in = kinds[at / 2];
        is_abort = at % 2;
        world_new(dispatch, end_itself);
        const int a = session_new(NULL), b = session_new(NULL);
        if (connect_pair(a, b)) {
            WAIT_FOR((the.open[a] && the.open[b]) || the.closed[a] || the.closed[b]);
            /* Each of these may find the session ended. */
            if (send_text(a, "small", 1) && ask(a) && send_loan(a, 300000) && send_stream(a) && send_stream(a)) {
                CHECK(the.streams >= 0);
            }
            if (ends_in == IN_WRITABLE || ends_in == IN_CLOSED) {
                libmsrp_session_abort(the.engine, the.sessions[a]);
            }
            WAIT_FOR(the.closed[a] == 1 || the.closed[b] == 1);
        }
        CHECK_OK(libmsrp_engine_shutdown(the.engine, 0));
        WAIT_FOR(OVER);
        check_quiet();
        world_free();
    }
}

/* A callback that lasts until it is let go. */
static int held, let_go;

static void hold(kind which, libmsrp_session session, libmsrp_message message) {
    (void)session, (void)message;
    if (which == IN_STATE && !the.freeing) {
        pthread_mutex_lock(&mutex);
        held = 1;
        pthread_cond_broadcast(&changed);
        while (!let_go) {
            pthread_cond_wait(&changed, &mutex);
        }
        pthread_mutex_unlock(&mutex);
    }
}

static void *process_once(void *user) {
    (void)user;
    the.host = pthread_self();
    while (!let_go) {
        struct pollfd watched;
        watched.fd = fd_of(the.engine);
        watched.events = POLLIN;
        watched.revents = 0;
        CHECK(poll(&watched, 1, DEADLINE_MS) == 1);
        CHECK_OK(world_process());
    }
    return NULL;
}

static void *free_it(void *user) {
    (void)user;
    /* Waits for the callback that runs. */
    CHECK_OK(libmsrp_engine_free(the.engine));
    CHECK(let_go);
    return NULL;
}

static void wait_held(void) {
    pthread_mutex_lock(&mutex);
    while (!held) {
        pthread_cond_wait(&changed, &mutex);
    }
    pthread_mutex_unlock(&mutex);
}

static void release_held(void) {
    pthread_mutex_lock(&mutex);
    let_go = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

/* While another thread is in libmsrp_engine_process(). */
static void while_processing(void) {
    pthread_t other;
    held = let_go = 0;
    world_new(LIBMSRP_DISPATCH_HOST, hold);
    const int a = session_new(NULL);
    CHECK(pthread_create(&other, NULL, process_once, NULL) == 0);
    CHECK_OK(libmsrp_session_abort(the.engine, the.sessions[a]));
    wait_held();
    for (int at = 0; at < 3; at++) {
        CHECK_RESULT(libmsrp_engine_free(the.engine), LIBMSRP_ERR_BUSY);
        CHECK_RESULT(libmsrp_engine_process(the.engine, 0), LIBMSRP_ERR_BUSY);
    }
    CHECK_OK(libmsrp_engine_shutdown(the.engine, 0));
    CHECK_OK(libmsrp_engine_wakeup(the.engine));
    release_held();
    CHECK(pthread_join(other, NULL) == 0);
    the.host = pthread_self();
    WAIT_FOR(OVER);
    check_quiet();
    world_free();
}

/* While the callback thread is in a callback. */
static void while_a_callback_runs(void) {
    pthread_t other;
    held = let_go = 0;
    world_new(LIBMSRP_DISPATCH_THREAD, hold);
    const int a = session_new(NULL);
    CHECK_OK(libmsrp_session_abort(the.engine, the.sessions[a]));
    wait_held();
    pthread_mutex_lock(&mutex);
    the.freeing = 1;
    CHECK(pthread_create(&other, NULL, free_it, NULL) == 0);
    the.host = other;
    pthread_mutex_unlock(&mutex);
    release_held();
    CHECK(pthread_join(other, NULL) == 0);
    CHECK(the.closed[a] == 1 && the.released[a] == 1 && the.count[IN_ENGINE_RELEASE] == 1 && the.logs == 0);
}

int main(void) {
    for (int at = 0; at < 2; at++) {
        from_each_function(DISPATCHES[at]);
        for (int how = 0; how < ENDINGS; how++) {
            in_the_middle(DISPATCHES[at], (ending)how);
        }
        sessions_that_end_themselves(DISPATCHES[at]);
    }
    while_processing();
    while_a_callback_runs();
    return passed("shutdown");
}
