/* Messages both ways between two sessions of one program, over one poll loop. */

#include "pair.h"

enum { LINES = 10 };

static party alice, bob;
static libmsrp_body *kept;

static libmsrp_message header_seen;

/* In on_message: what may be asked about the message, and a part of it kept. */
static libmsrp_body_verdict look_closely(libmsrp_engine *engine, libmsrp_session session, libmsrp_message message,
                                         const libmsrp_message_info *info, const uint8_t *data, size_t len,
                                         void *user) {
    libmsrp_text *value = NULL;
    CHECK(equals(info->message_id, "id-of-this-one"));
    CHECK(equals(info->content_type, "text/plain"));
    CHECK(info->success_report == 0 && info->failure_report == LIBMSRP_FAILURE_REPORT_PARTIAL);
    CHECK(info->total_bytes == len);
    int found = 0;
    for (size_t at = 0; at < info->header_count; at++) {
        found += equals(info->headers[at].name, "X-Colour") && equals(info->headers[at].value, "blue");
    }
    CHECK(found == 1);
    CHECK_OK(libmsrp_message_header(engine, message, LIBMSRP_TEXT("x-cOLOUR"), &value));
    CHECK(value != NULL && strcmp(libmsrp_text_ptr(value), "blue") == 0 && libmsrp_text_len(value) == 4);
    libmsrp_text_free(value);
    CHECK_OK(libmsrp_message_header(engine, message, LIBMSRP_TEXT("X-Absent"), &value));
    CHECK(value == NULL);

    CHECK_OK(libmsrp_body_retain(engine, data + 2, len - 2, &kept));
    CHECK_INVALID(libmsrp_body_retain(engine, data, len + 1, &kept));
    CHECK_INVALID(libmsrp_body_retain(engine, data - 1, 1, &kept));
    header_seen = message;
    return party_message(engine, session, message, info, data, len, user);
}

static void chat(int whole_messages) {
    libmsrp_engine *engine = new_engine();
    pair_open(&alice, &bob, engine, whole_messages);
    for (int line = 0; line < LINES; line++) {
        char text[TEXT_LEN];
        snprintf(text, sizeof(text), "line %d", line);
        send_text(&alice, text, 1);
        send_text(&bob, text, 1);
    }
    RUN_UNTIL(engine, alice.delivered_count == LINES && bob.delivered_count == LINES);
    CHECK(alice.message_count == LINES && bob.message_count == LINES);
    CHECK(alice.report_count == LINES && alice.report_status == 200);
    CHECK(alice.acknowledged_count == LINES && alice.failed_count == 0);
    for (int line = 0; line < LINES; line++) {
        char text[TEXT_LEN];
        snprintf(text, sizeof(text), "line %d", line);
        const seen_message *seen = &bob.messages[line];
        CHECK(strcmp(seen->text, text) == 0 && seen->len == strlen(text));
        CHECK(strcmp(seen->content_type, "text/plain") == 0);
        CHECK(seen->ended && seen->end == LIBMSRP_END_COMPLETE);
        /* The handle ended with the message. */
        CHECK_GONE(libmsrp_message_retain(engine, seen->handle));
    }
    pair_end(&alice, &bob);
    CHECK(alice.close_reason == LIBMSRP_CLOSE_REASON_LOCAL && alice.close_result == LIBMSRP_OK);
}

static void details(void) {
    libmsrp_engine *engine = new_engine();
    party_new(&alice, engine, 1, NULL);
    libmsrp_session_callbacks callbacks = party_callbacks();
    callbacks.on_message = look_closely;
    libmsrp_session_options options = LIBMSRP_SESSION_OPTIONS_INIT;
    memset(&bob, 0, sizeof(bob));
    bob.engine = engine;
    CHECK_OK(libmsrp_session_new(engine, &options, &callbacks, &bob, &bob.session));
    pair_negotiate(&alice, &bob);
    RUN_UNTIL(engine, alice.is_open && bob.is_open);

    libmsrp_header header;
    header.name = LIBMSRP_SLICE("X-Colour");
    header.value = LIBMSRP_SLICE("blue");
    libmsrp_send_options send = LIBMSRP_SEND_OPTIONS_INIT;
    send.message_id = LIBMSRP_SLICE("id-of-this-one");
    send.headers = &header;
    send.header_count = 1;
    send.failure_report = LIBMSRP_FAILURE_REPORT_PARTIAL;
    libmsrp_transfer transfer = 0;
    CHECK_OK(libmsrp_send(engine, alice.session, &send, LIBMSRP_TEXT("h\xc3\xa9llo"), &transfer));
    libmsrp_text *id = NULL;
    CHECK_OK(libmsrp_transfer_message_id(engine, transfer, &id));
    CHECK(strcmp(libmsrp_text_ptr(id), "id-of-this-one") == 0);
    libmsrp_text_free(id);
    RUN_UNTIL(engine, bob.message_count == 1);
    CHECK_GONE(libmsrp_message_header(engine, header_seen, LIBMSRP_TEXT("X-Colour"), &id));

    /* A type that bob does not take: known from the SDP, so it is never sent. */
    libmsrp_send_options html = LIBMSRP_SEND_OPTIONS_INIT;
    html.content_type = LIBMSRP_SLICE("text/x-other");
    CHECK_RESULT(libmsrp_send(engine, alice.session, &html, LIBMSRP_TEXT("<p>"), &transfer),
                 LIBMSRP_ERR_UNACCEPTED_TYPE);

    libmsrp_stats stats = LIBMSRP_STATS_INIT;
    CHECK_OK(libmsrp_engine_stats(engine, &stats));
    CHECK(stats.sessions == 2 && stats.messages_sent == 1 && stats.messages_received == 1);
    CHECK(stats.sent_bytes > 0 && stats.connections > 0);

    pair_end(&alice, &bob);
    /* What was kept outlives the engine. */
    CHECK(libmsrp_body_len(kept) == 4 && memcmp(libmsrp_body_ptr(kept), "\xa9llo", 4) == 0);
    libmsrp_body_release(kept);
}

/* Two paths are enough: no SDP at all. */
static void without_sdp(void) {
    libmsrp_engine *engine = new_engine();
    libmsrp_text *path = NULL;
    party_new(&alice, engine, 1, NULL);
    party_new(&bob, engine, 1, NULL);
    CHECK_OK(libmsrp_session_local_path(engine, alice.session, &path));
    CHECK(strncmp(libmsrp_text_ptr(path), "msrp://127.0.0.1:", 17) == 0);
    CHECK_OK(libmsrp_session_set_remote_path(engine, bob.session, LIBMSRP_TEXT(libmsrp_text_ptr(path)), 0, NULL, 0));
    libmsrp_text_free(path);
    CHECK_OK(libmsrp_session_local_path(engine, bob.session, &path));
    CHECK_OK(libmsrp_session_set_remote_path(engine, alice.session, LIBMSRP_TEXT(libmsrp_text_ptr(path)), 1,
                                             LIBMSRP_TEXT("text/plain")));
    libmsrp_text_free(path);
    CHECK_OK(libmsrp_session_open(engine, bob.session, DEADLINE_MS));
    CHECK_OK(libmsrp_session_open(engine, alice.session, DEADLINE_MS));
    RUN_UNTIL(engine, alice.is_open && bob.is_open);
    send_text(&alice, "no SDP", 1);
    RUN_UNTIL(engine, alice.delivered_count == 1);
    pair_end(&alice, &bob);
}

/* One port for many sessions, and the media block alone for a host that makes its own SDP. */
static void through_a_listener(void) {
    libmsrp_engine *engine = new_engine();
    libmsrp_listener listener = 0;
    uint16_t port = 0;
    CHECK_OK(libmsrp_listener_new(engine, LIBMSRP_TEXT("127.0.0.1"), 0, NULL, &listener));
    CHECK_OK(libmsrp_listener_port(engine, listener, &port));
    CHECK(listener != 0 && port != 0);

    static party others[3];
    libmsrp_session_options options = party_options();
    options.listener = listener;
    for (int at = 0; at < 3; at++) {
        libmsrp_text *media = NULL;
        char expected[TEXT_LEN];
        party_new(&alice, engine, 1, NULL);
        party_new(&others[at], engine, 1, &options);
        CHECK_OK(libmsrp_session_local_media(engine, others[at].session, &media));
        snprintf(expected, sizeof(expected), "m=message %u TCP/MSRP *", (unsigned)port);
        CHECK(strncmp(libmsrp_text_ptr(media), expected, strlen(expected)) == 0);
        /* The block alone is an offer too; the answer's block is enough as well. */
        CHECK_OK(libmsrp_session_set_remote(engine, alice.session, LIBMSRP_TEXT(libmsrp_text_ptr(media)),
                                            LIBMSRP_FIRST_MEDIA));
        libmsrp_text_free(media);
        CHECK_OK(libmsrp_session_local_media(engine, alice.session, &media));
        CHECK_OK(libmsrp_session_set_remote(engine, others[at].session, LIBMSRP_TEXT(libmsrp_text_ptr(media)), 0));
        libmsrp_text_free(media);
        CHECK_OK(libmsrp_session_open(engine, others[at].session, DEADLINE_MS));
        CHECK_OK(libmsrp_session_open(engine, alice.session, DEADLINE_MS));
        RUN_UNTIL(engine, alice.is_open && others[at].is_open);
        send_text(&alice, "hello", 1);
        RUN_UNTIL(engine, alice.delivered_count == 1 && others[at].message_count == 1);
        CHECK_OK(libmsrp_session_abort(engine, alice.session));
        RUN_UNTIL(engine, alice.released_count == 1);
    }
    CHECK_OK(libmsrp_listener_close(engine, listener));
    CHECK_GONE(libmsrp_listener_close(engine, listener));
    CHECK_GONE(libmsrp_listener_port(engine, listener, &port));
    CHECK_OK(libmsrp_engine_free(engine));
    for (int at = 0; at < 3; at++) {
        CHECK(others[at].closed_count == 1 && others[at].released_count == 1);
    }
}

int main(void) {
    chat(0);
    chat(1);
    details();
    without_sdp();
    through_a_listener();
    return passed("chat");
}
