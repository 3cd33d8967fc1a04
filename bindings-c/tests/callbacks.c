/* What may be called inside callbacks, from other threads, and how often destructors run. */

#include "pair.h"

#include <pthread.h>

static party alice, bob;

/* ---- inside a callback ---- */

static libmsrp_engine *other_engine;
static int hook_ran;

static void call_everything(party *self) {
    libmsrp_engine *engine = self->engine;
    libmsrp_transfer transfer = 0;
    libmsrp_stats stats = LIBMSRP_STATS_INIT;
    libmsrp_state state;
    libmsrp_engine *third = NULL;
    /* Not the two that would wait for this callback... */
    CHECK_RESULT(libmsrp_engine_free(engine), LIBMSRP_ERR_DEADLOCK);
    CHECK_RESULT(libmsrp_engine_process(engine, 0), LIBMSRP_ERR_DEADLOCK);
    /* ...but all else, and those of other engines too. */
    CHECK_OK(libmsrp_engine_process(other_engine, 0));
    CHECK_OK(libmsrp_engine_new(NULL, &third));
    CHECK_OK(libmsrp_engine_free(third));
    CHECK_OK(libmsrp_engine_stats(engine, &stats));
    CHECK_OK(libmsrp_engine_wakeup(engine));
    CHECK_OK(libmsrp_session_state(engine, self->session, &state));
    CHECK_OK(libmsrp_session_pause(engine, self->session));
    CHECK_OK(libmsrp_session_resume(engine, self->session));
    CHECK_OK(libmsrp_send(engine, self->session, NULL, LIBMSRP_TEXT("from inside"), &transfer));
    CHECK_OK(libmsrp_transfer_progress(engine, transfer, NULL, NULL));
    CHECK_OK(libmsrp_message_retain(engine, self->messages[0].handle));
    CHECK_OK(libmsrp_message_release(engine, self->messages[0].handle));
    /* The handle is still valid: the callback has not returned. */
    CHECK_OK(libmsrp_message_retain(engine, self->messages[0].handle));
    CHECK_OK(libmsrp_message_release(engine, self->messages[0].handle));
    CHECK_OK(libmsrp_session_close(engine, self->session, DEADLINE_MS));
    hook_ran++;
    self->hook = NULL;
}

static void inside_a_callback(void) {
    libmsrp_engine *engine = new_engine();
    other_engine = new_engine();
    pair_open(&alice, &bob, engine, 1);
    bob.hook = call_everything;
    send_text(&alice, "hello", 1);
    RUN_UNTIL(engine, bob.released_count == 1);
    CHECK(hook_ran == 1 && bob.close_reason == LIBMSRP_CLOSE_REASON_LOCAL);
    RUN_UNTIL(engine, alice.message_count == 1);
    party_end(&alice);
    CHECK_OK(libmsrp_engine_free(other_engine));
    CHECK_OK(libmsrp_engine_free(engine));
}

/* ---- while another thread is in a callback ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int inside, may_leave;

static void wait_inside(party *self) {
    pthread_mutex_lock(&mutex);
    inside = 1;
    pthread_cond_broadcast(&changed);
    while (!may_leave) {
        pthread_cond_wait(&changed, &mutex);
    }
    pthread_mutex_unlock(&mutex);
    self->hook = NULL;
}

static void *process_there(void *user) {
    party *self = (party *)user;
    RUN_UNTIL(self->engine, self->message_count > 0);
    return NULL;
}

static void from_another_thread(void) {
    pthread_t thread;
    libmsrp_engine *engine = new_engine();
    libmsrp_transfer transfer = 0;
    libmsrp_stats stats = LIBMSRP_STATS_INIT;
    pair_open(&alice, &bob, engine, 1);
    bob.hook = wait_inside;
    send_text(&alice, "hello", 0);
    CHECK(pthread_create(&thread, NULL, process_there, &bob) == 0);
    pthread_mutex_lock(&mutex);
    while (!inside) {
        pthread_cond_wait(&changed, &mutex);
    }
    pthread_mutex_unlock(&mutex);

    /* The turn is taken; everything else works meanwhile. */
    CHECK_RESULT(libmsrp_engine_process(engine, 0), LIBMSRP_ERR_BUSY);
    CHECK_RESULT(libmsrp_engine_free(engine), LIBMSRP_ERR_BUSY);
    CHECK_OK(libmsrp_send(engine, alice.session, NULL, LIBMSRP_TEXT("meanwhile"), &transfer));
    CHECK_OK(libmsrp_engine_stats(engine, &stats));
    CHECK(strstr(libmsrp_last_error(), "engine_free") != NULL);

    pthread_mutex_lock(&mutex);
    may_leave = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    CHECK(pthread_join(thread, NULL) == 0);
    RUN_UNTIL(engine, bob.message_count == 2);
    pair_end(&alice, &bob);
}

static void *fail_there(void *user) {
    (void)user;
    CHECK(libmsrp_last_error()[0] == '\0');
    CHECK_INVALID(libmsrp_engine_wakeup(NULL));
    CHECK(strcmp(libmsrp_last_error(), "engine is NULL") == 0);
    return NULL;
}

/* The text of the last failure is the thread's own. */
static void last_error_of_each_thread(void) {
    pthread_t thread;
    CHECK_INVALID(libmsrp_tls_new(NULL));
    CHECK(pthread_create(&thread, NULL, fail_there, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(strcmp(libmsrp_last_error(), "out is NULL") == 0);
}

/* ---- user data ---- */

static party second, third;

static void replace_user(party *self) {
    /* Not before this callback returns, which still uses it. */
    CHECK_OK(libmsrp_session_set_user_data(self->engine, self->session, &second));
    CHECK(self->released_count == 0);
    CHECK_OK(libmsrp_session_set_user_data(self->engine, self->session, &third));
    CHECK(self->released_count == 0 && second.released_count == 0);
    self->hook = NULL;
}

static void user_data_is_released_once(void) {
    libmsrp_engine *engine = new_engine();
    pair_open(&alice, &bob, engine, 1);
    second = bob;
    third = bob;
    bob.hook = replace_user;
    send_text(&alice, "one", 1);
    RUN_UNTIL(engine, alice.delivered_count == 1 && bob.released_count == 1 && second.released_count == 1);
    CHECK(bob.message_count == 1 && third.released_count == 0);
    send_text(&alice, "two", 1);
    RUN_UNTIL(engine, alice.delivered_count == 2);
    CHECK(third.message_count == 1 && bob.message_count == 1);
    third.session = bob.session;
    party_end(&third);
    CHECK(bob.released_count == 1 && second.released_count == 1 && third.released_count == 1);
    CHECK(bob.closed_count == 0 && second.closed_count == 0);
    CHECK_GONE(libmsrp_session_set_user_data(engine, bob.session, &second));
    party_end(&alice);
    CHECK_OK(libmsrp_engine_free(engine));
    CHECK(second.released_count == 1 && third.released_count == 1);
}

static void not_taken_over_on_failure(void) {
    libmsrp_engine *engine = new_engine();
    libmsrp_session_callbacks callbacks = party_callbacks();
    libmsrp_session_options options = party_options();
    libmsrp_session session = 0;
    memset(&alice, 0, sizeof(alice));
    options.listener = 4711;
    CHECK_GONE(libmsrp_session_new(engine, &options, &callbacks, &alice, &session));
    CHECK_INVALID(libmsrp_session_new(engine, NULL, &callbacks, &alice, NULL));
    CHECK_OK(libmsrp_engine_free(engine));
    CHECK(alice.released_count == 0 && alice.closed_count == 0);
}

/* ---- a session without any callback ---- */

static void no_callbacks_at_all(void) {
    libmsrp_engine *engine = new_engine();
    party_new(&alice, engine, 1, NULL);
    memset(&bob, 0, sizeof(bob));
    bob.engine = engine;
    CHECK_OK(libmsrp_session_new(engine, NULL, NULL, NULL, &bob.session));
    pair_negotiate(&alice, &bob);
    RUN_UNTIL(engine, alice.is_open);
    /* What it does not look at is consumed: reports go out as always. */
    send_text(&alice, "anybody there?", 1);
    RUN_UNTIL(engine, alice.delivered_count == 1);
    party_end(&alice);
    CHECK_OK(libmsrp_engine_free(engine));
}

/* ---- a callback that returns nonsense ---- */

static int logged;

static void count_errors(libmsrp_log_level level, const uint8_t *text, size_t len, void *user) {
    (void)user;
    CHECK(len > 0 && memchr(text, '\n', len) == NULL);
    logged += level == LIBMSRP_LOG_LEVEL_ERROR;
}

static void a_verdict_that_is_none(void) {
    libmsrp_engine *engine = new_engine();
    pair_open(&alice, &bob, engine, 1);
    CHECK_OK(libmsrp_engine_set_log(engine, LIBMSRP_LOG_LEVEL_WARN, count_errors, NULL, NULL));
    bob.verdict = (libmsrp_body_verdict)99;
    send_text(&alice, "hello", 1);
    RUN_UNTIL(engine, alice.delivered_count == 1);
    CHECK(logged == 1);
    pair_end(&alice, &bob);
}

int main(void) {
    inside_a_callback();
    from_another_thread();
    last_error_of_each_thread();
    user_data_is_released_once();
    not_taken_over_on_failure();
    no_callbacks_at_all();
    a_verdict_that_is_none();
    return passed("callbacks");
}
