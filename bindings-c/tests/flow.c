/* Back-pressure: windows that fill, and room that comes back. */

#include "pair.h"

static party alice, bob;

enum { PART = 16000 };
static uint8_t octets[PART];

static libmsrp_engine *small_engine(void) {
    libmsrp_limits limits = LIBMSRP_LIMITS_INIT;
    libmsrp_engine_options options = LIBMSRP_ENGINE_OPTIONS_INIT;
    libmsrp_engine *engine = NULL;
    limits.send_window_bytes = 80 * 1024;
    limits.receive_window_bytes = 64 * 1024;
    limits.connection_slack_bytes = 64 * 1024;
    limits.stall_ms = LIBMSRP_FOREVER;
    options.limits = &limits;
    CHECK_OK(libmsrp_engine_new(&options, &engine));
    return engine;
}

/* Fills the way to bob until nothing moves any more. Gives how many messages were admitted. */
static int fill(libmsrp_engine *engine) {
    int admitted = 0;
    for (;;) {
        libmsrp_transfer transfer = 0;
        const libmsrp_result result = libmsrp_send(engine, alice.session, NULL, octets, PART, &transfer);
        if (result == LIBMSRP_OK) {
            admitted++;
        } else {
            CHECK_RESULT(result, LIBMSRP_ERR_AGAIN);
            CHECK(transfer == 0);
            return admitted;
        }
    }
}

/* A consumer that says LATER holds the sender back; what it consumes lets the sender go on. */
static void later(int whole_messages) {
    libmsrp_engine *engine = small_engine();
    libmsrp_transfer transfer = 0;
    pair_open(&alice, &bob, engine, whole_messages);
    bob.verdict = LIBMSRP_BODY_LATER;

    /* Refilled at each on_writable, until the sockets are full too and bob's window has shut. */
    int admitted = fill(engine), waited = 0;
    while (waited < 20) {
        struct pollfd watched;
        watched.fd = fd_of(engine);
        watched.events = POLLIN;
        watched.revents = 0;
        if (poll(&watched, 1, 50) == 0) {
            waited++;
            continue;
        }
        waited = 0;
        CHECK_OK(libmsrp_engine_process(engine, 0));
        if (alice.writable_count > 0) {
            alice.writable_count = 0;
            admitted += fill(engine);
        }
    }
    CHECK(bob.message_count < admitted);
    CHECK_RESULT(libmsrp_send(engine, alice.session, NULL, octets, PART, &transfer), LIBMSRP_ERR_AGAIN);
    const int received = bob.message_count;
    CHECK(received > 0);

    /* A message that is not consumed keeps its handle; more than was given cannot be consumed. */
    libmsrp_text *value = NULL;
    CHECK_OK(libmsrp_message_header(engine, bob.messages[0].handle, LIBMSRP_TEXT("Message-ID"), &value));
    CHECK(value != NULL);
    libmsrp_text_free(value);
    CHECK_INVALID(libmsrp_message_consume(engine, bob.messages[0].handle, bob.messages[0].len + 1));
    CHECK_OK(libmsrp_message_consume(engine, bob.messages[0].handle, 0));

    /* In two portions, message by message: everything arrives. */
    for (int at = 0; at < admitted; at++) {
        RUN_UNTIL(engine, bob.message_count > at && bob.messages[at].ended);
        CHECK(bob.messages[at].len == PART);
        CHECK_OK(libmsrp_message_consume(engine, bob.messages[at].handle, 1));
        CHECK_OK(libmsrp_message_consume(engine, bob.messages[at].handle, PART - 1));
        CHECK_GONE(libmsrp_message_consume(engine, bob.messages[at].handle, 1));
    }
    RUN_UNTIL(engine, alice.acknowledged_count == admitted && alice.writable_count > 0);
    CHECK(alice.failed_count == 0);
    pair_end(&alice, &bob);
}

/* Success REPORTs go out when the last octet was consumed, not before. */
static void reports_wait_for_consumption(void) {
    libmsrp_engine *engine = new_engine();
    pair_open(&alice, &bob, engine, 1);
    bob.verdict = LIBMSRP_BODY_LATER;
    send_text(&alice, "first", 1);
    RUN_UNTIL(engine, bob.message_count == 1 && alice.acknowledged_count == 1);
    bob.verdict = LIBMSRP_BODY_CONSUMED;
    send_text(&alice, "second", 1);
    RUN_UNTIL(engine, alice.delivered_count == 1);
    CHECK(strcmp(bob.messages[1].text, "second") == 0);
    CHECK_OK(libmsrp_message_consume(engine, bob.messages[0].handle, 5));
    RUN_UNTIL(engine, alice.delivered_count == 2);
    pair_end(&alice, &bob);
}

static void too_large(void) {
    libmsrp_engine *engine = small_engine();
    libmsrp_transfer transfer = 0;
    uint8_t *large = (uint8_t *)calloc(1, 80 * 1024 + 1);
    CHECK(large != NULL);
    pair_open(&alice, &bob, engine, 0);
    CHECK_RESULT(libmsrp_send(engine, alice.session, NULL, large, 80 * 1024 + 1, &transfer), LIBMSRP_ERR_TOO_LARGE);
    CHECK(transfer == 0 && strstr(libmsrp_last_error(), "81921") != NULL);
    CHECK_OK(libmsrp_send(engine, alice.session, NULL, large, 80 * 1024, &transfer));
    RUN_UNTIL(engine, alice.acknowledged_count == 1);
    CHECK(alice.writable_count == 0);
    free(large);
    pair_end(&alice, &bob);
}

/* Large messages take slots; a freed slot is told. */
static void slots(void) {
    enum { SLOTS = 16, LARGE = 70000 };
    libmsrp_engine *engine = new_engine();
    libmsrp_transfer transfer = 0;
    uint8_t *large = (uint8_t *)calloc(1, LARGE);
    CHECK(large != NULL);
    pair_open(&alice, &bob, engine, 0);
    CHECK_OK(libmsrp_session_pause(engine, bob.session));
    libmsrp_result result = LIBMSRP_OK;
    int admitted = 0;
    while (admitted < 1000 && result == LIBMSRP_OK) {
        result = libmsrp_send_take(engine, alice.session, NULL, large, LARGE, NULL, NULL, &transfer);
        admitted += result == LIBMSRP_OK;
    }
    CHECK_RESULT(result, LIBMSRP_ERR_AGAIN);
    CHECK(admitted >= SLOTS);
    CHECK_OK(libmsrp_session_resume(engine, bob.session));
    RUN_UNTIL(engine, alice.writable_count > 0);
    CHECK_OK(libmsrp_send_take(engine, alice.session, NULL, large, LARGE, NULL, NULL, &transfer));
    RUN_UNTIL(engine, alice.acknowledged_count == admitted + 1);
    pair_end(&alice, &bob);
    free(large);
}

/* Paused, a session gives no content, and all of it later; other callbacks go on. */
static void paused(void) {
    libmsrp_engine *engine = new_engine();
    pair_open(&alice, &bob, engine, 1);
    CHECK_OK(libmsrp_session_pause(engine, bob.session));
    for (int at = 0; at < 5; at++) {
        send_text(&alice, "while paused", 1);
    }
    send_text(&bob, "out goes as before", 1);
    RUN_UNTIL(engine, alice.acknowledged_count == 5 && bob.delivered_count == 1);
    CHECK(bob.message_count == 0 && alice.delivered_count == 0);
    CHECK_OK(libmsrp_session_resume(engine, bob.session));
    RUN_UNTIL(engine, alice.delivered_count == 5);
    CHECK(bob.message_count == 5);
    pair_end(&alice, &bob);
}

/* With max_events reached the descriptor is readable again: nothing is lost for an edge-triggered host. */
static void a_few_events_at_a_time(void) {
    enum { MESSAGES = 50 };
    libmsrp_engine *engine = new_engine();
    pair_open(&alice, &bob, engine, 1);
    for (int at = 0; at < MESSAGES; at++) {
        send_text(&alice, "one of many", 0);
    }
    while (bob.message_count < MESSAGES) {
        const int before = bob.message_count;
        struct pollfd watched;
        watched.fd = fd_of(engine);
        watched.events = POLLIN;
        watched.revents = 0;
        CHECK(poll(&watched, 1, DEADLINE_MS) == 1);
        CHECK_OK(libmsrp_engine_process(engine, 1));
        CHECK(bob.message_count <= before + 1);
    }
    pair_end(&alice, &bob);
}

static void wakeup(void) {
    libmsrp_engine *engine = new_engine();
    while (has_work(engine)) {
        CHECK_OK(libmsrp_engine_process(engine, 0));
    }
    CHECK_OK(libmsrp_engine_wakeup(engine));
    CHECK(has_work(engine));
    CHECK_OK(libmsrp_engine_process(engine, 0));
    CHECK(!has_work(engine));
    CHECK_OK(libmsrp_engine_free(engine));
}

int main(void) {
    later(0);
    later(1);
    reports_wait_for_consumption();
    too_large();
    slots();
    paused();
    a_few_events_at_a_time();
    wakeup();
    return passed("flow");
}
