/* Handles of what has ended, messages that are kept, and reports that the host makes. */

#include "pair.h"

static party alice, bob;

static const char OFFER[] =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=message 9 TCP/MSRP *\r\n"
    "a=accept-types:*\r\na=path:msrp://127.0.0.1:9/s3ss10n;tcp\r\n";

static void check_session_gone(libmsrp_engine *engine, libmsrp_session session) {
    libmsrp_text *text = NULL;
    libmsrp_transfer transfer = 0;
    libmsrp_state state;
    CHECK_GONE(libmsrp_session_local_path(engine, session, &text));
    CHECK_GONE(libmsrp_session_local_media(engine, session, &text));
    CHECK_GONE(libmsrp_session_create_offer(engine, session, &text));
    CHECK_GONE(libmsrp_session_create_answer(engine, session, LIBMSRP_TEXT(OFFER), -1, &text));
    CHECK_GONE(libmsrp_session_set_remote(engine, session, LIBMSRP_TEXT(OFFER), -1));
    CHECK_GONE(libmsrp_session_set_remote_path(engine, session, LIBMSRP_TEXT("msrp://a:1/b;tcp"), 1, NULL, 0));
    CHECK_GONE(libmsrp_session_prepare_remote(engine, session, LIBMSRP_TEXT(OFFER), -1, NULL));
    int32_t due = 7;
    CHECK_GONE(libmsrp_session_offer_due(engine, session, &due));
    CHECK(due == 7);
    CHECK_GONE(libmsrp_session_remote_fingerprints(engine, session, &text));
    CHECK_GONE(libmsrp_session_authenticate(engine, session, 1000, NULL));
    CHECK_GONE(libmsrp_session_cancel_login(engine, session, 1));
    CHECK_GONE(libmsrp_session_relay_path(engine, session, &text));
    CHECK_GONE(libmsrp_session_open(engine, session, 1000));
    CHECK_GONE(libmsrp_session_close(engine, session, 1000));
    CHECK_GONE(libmsrp_session_abort(engine, session));
    CHECK_GONE(libmsrp_session_state(engine, session, &state));
    CHECK_GONE(libmsrp_session_pause(engine, session));
    CHECK_GONE(libmsrp_session_resume(engine, session));
    CHECK_GONE(libmsrp_session_set_user_data(engine, session, NULL));
    CHECK_GONE(libmsrp_send(engine, session, NULL, LIBMSRP_TEXT("x"), &transfer));
    CHECK_GONE(libmsrp_send_take(engine, session, NULL, LIBMSRP_TEXT("x"), NULL, NULL, &transfer));
    CHECK_GONE(libmsrp_send_file(engine, session, NULL, LIBMSRP_TEXT("/dev/null"), &transfer));
    CHECK(text == NULL && transfer == 0);
}

static void after_the_end(void) {
    libmsrp_engine *engine = new_engine();
    libmsrp_text *text = NULL;
    libmsrp_state state = LIBMSRP_STATE_CLOSED;
    pair_open(&alice, &bob, engine, 1);
    CHECK_OK(libmsrp_session_state(engine, alice.session, &state));
    CHECK(state == LIBMSRP_STATE_OPEN);
    const libmsrp_transfer transfer = send_text(&alice, "hello", 1);
    RUN_UNTIL(engine, alice.delivered_count == 1);
    const libmsrp_session old = alice.session;
    party_end(&alice);
    party_end(&bob);
    check_session_gone(engine, old);
    CHECK_GONE(libmsrp_transfer_abort(engine, transfer));
    CHECK_GONE(libmsrp_transfer_progress(engine, transfer, NULL, NULL));
    CHECK_GONE(libmsrp_transfer_message_id(engine, transfer, &text));
    CHECK_GONE(libmsrp_stream_flush(engine, transfer));
    CHECK_GONE(libmsrp_stream_resume(engine, transfer));

    /* Another session in its place does not answer to the old handle. */
    party_new(&alice, engine, 1, NULL);
    CHECK(alice.session != old);
    check_session_gone(engine, old);
    check_session_gone(engine, 0);
    check_session_gone(engine, UINT64_MAX);
    CHECK_OK(libmsrp_engine_free(engine));
}

/* A session of one engine is none of another's. */
static void of_another_engine(void) {
    libmsrp_engine *one = new_engine(), *two = new_engine();
    party_new(&alice, one, 1, NULL);
    check_session_gone(two, alice.session);
    CHECK_OK(libmsrp_engine_free(two));
    CHECK_OK(libmsrp_engine_free(one));
}

static libmsrp_message kept;

static void keep(party *self) {
    kept = self->messages[self->message_count - 1].handle;
    CHECK_OK(libmsrp_message_retain(self->engine, kept));
    CHECK_OK(libmsrp_message_retain(self->engine, kept));
}

static void retained(void) {
    libmsrp_engine *engine = new_engine();
    libmsrp_text *id = NULL;
    pair_open(&alice, &bob, engine, 1);
    bob.hook = keep;
    send_text(&alice, "keep me", 1);
    /* Keeping it holds no report back. */
    RUN_UNTIL(engine, alice.delivered_count == 1);
    CHECK_OK(libmsrp_message_release(engine, kept));
    CHECK_OK(libmsrp_message_header(engine, kept, LIBMSRP_TEXT("Message-ID"), &id));
    CHECK(strcmp(libmsrp_text_ptr(id), bob.messages[0].message_id) == 0);
    libmsrp_text_free(id);
    CHECK_INVALID(libmsrp_message_consume(engine, kept, 1));
    CHECK_OK(libmsrp_message_release(engine, kept));
    CHECK_GONE(libmsrp_message_release(engine, kept));
    CHECK_GONE(libmsrp_message_header(engine, kept, LIBMSRP_TEXT("Message-ID"), &id));

    /* Beyond the end of its session only its headers are left. */
    bob.hook = keep;
    bob.verdict = LIBMSRP_BODY_LATER;
    send_text(&alice, "keep me longer", 0);
    RUN_UNTIL(engine, bob.message_count == 2);
    party_end(&bob);
    CHECK_OK(libmsrp_message_header(engine, kept, LIBMSRP_TEXT("Content-Type"), &id));
    CHECK(strcmp(libmsrp_text_ptr(id), "text/plain") == 0);
    libmsrp_text_free(id);
    CHECK_GONE(libmsrp_message_consume(engine, kept, 1));
    CHECK_GONE(libmsrp_message_reject(engine, kept, 413, NULL, 0));
    CHECK_GONE(libmsrp_message_report(engine, kept, 200, NULL, 0));
    CHECK_OK(libmsrp_message_release(engine, kept));
    CHECK_OK(libmsrp_message_release(engine, kept));
    CHECK_GONE(libmsrp_message_retain(engine, kept));
    party_end(&alice);
    CHECK_OK(libmsrp_engine_free(engine));
}

static int refused;

static void keep_or_count(party *self) {
    const libmsrp_result result =
        libmsrp_message_retain(self->engine, self->messages[self->message_count - 1].handle);
    if (result != LIBMSRP_OK) {
        CHECK_RESULT(result, LIBMSRP_ERR_LIMIT);
        refused++;
    }
    self->message_count = 0; /* not looked at any more */
}

static void retained_up_to_the_limit(void) {
    libmsrp_engine *engine = new_engine();
    pair_open(&alice, &bob, engine, 1);
    bob.hook = keep_or_count;
    for (int at = 0; at < LIBMSRP_MAX_RETAINED_MESSAGES + 3; at++) {
        const int acknowledged = alice.acknowledged_count;
        send_text(&alice, "one of many", 0);
        if (at % 64 == 63) {
            RUN_UNTIL(engine, alice.acknowledged_count > acknowledged);
        }
    }
    RUN_UNTIL(engine, refused == 3);
    /* What is still retained goes with the engine. */
    CHECK_OK(libmsrp_engine_free(engine));
}

static void keep_once(party *self) {
    kept = self->messages[self->message_count - 1].handle;
    CHECK_OK(libmsrp_message_retain(self->engine, kept));
}

static void reports_made_by_the_host(void) {
    libmsrp_engine *engine = new_engine();
    libmsrp_session_options options = party_options();
    options.reports = LIBMSRP_REPORTS_MANUAL;
    party_new(&alice, engine, 1, NULL);
    party_new(&bob, engine, 1, &options);
    pair_negotiate(&alice, &bob);
    RUN_UNTIL(engine, alice.is_open && bob.is_open);
    bob.hook = keep_once;

    send_text(&alice, "report me", 1);
    RUN_UNTIL(engine, bob.message_count == 1 && alice.acknowledged_count == 1);
    CHECK(alice.report_count == 0);
    CHECK_INVALID(libmsrp_message_report(engine, kept, 20, NULL, 0));
    CHECK_INVALID(libmsrp_message_report(engine, kept, 1000, NULL, 0));
    CHECK_OK(libmsrp_message_report(engine, kept, 200, LIBMSRP_TEXT("seen")));
    RUN_UNTIL(engine, alice.delivered_count == 1);
    CHECK(alice.report_count == 1 && alice.report_status == 200);
    CHECK_OK(libmsrp_message_release(engine, kept));

    /* A failure, later than the response. */
    send_text(&alice, "refuse me", 1);
    RUN_UNTIL(engine, bob.message_count == 2 && alice.acknowledged_count == 2);
    CHECK_OK(libmsrp_message_report(engine, kept, 403, LIBMSRP_TEXT("no")));
    RUN_UNTIL(engine, alice.failed_count == 1);
    CHECK(alice.failed_result == LIBMSRP_ERR_STATUS && alice.failed_status == 403 && alice.report_status == 403);

    /* The other side makes its own. */
    alice.hook = keep_once;
    send_text(&bob, "automatic", 1);
    RUN_UNTIL(engine, bob.delivered_count == 1);
    CHECK_INVALID(libmsrp_message_report(engine, kept, 200, NULL, 0));
    pair_end(&alice, &bob);
}

static void nobody_there(void) {
    libmsrp_engine *engine = new_engine();
    party_new(&alice, engine, 1, NULL);
    CHECK_OK(libmsrp_session_set_remote_path(engine, alice.session, LIBMSRP_TEXT("msrp://127.0.0.1:1/nobody;tcp"), 1,
                                             NULL, 0));
    CHECK_OK(libmsrp_session_open(engine, alice.session, DEADLINE_MS));
    CHECK_RESULT(libmsrp_session_open(engine, alice.session, DEADLINE_MS), LIBMSRP_ERR_BUSY);
    RUN_UNTIL(engine, alice.released_count == 1);
    CHECK(alice.close_reason == LIBMSRP_CLOSE_REASON_CONNECTION_LOST && alice.close_result == LIBMSRP_ERR_CONNECT);
    CHECK_OK(libmsrp_engine_free(engine));
}

static void nobody_comes(void) {
    libmsrp_engine *engine = new_engine();
    party_new(&alice, engine, 1, NULL);
    CHECK_OK(libmsrp_session_set_remote_path(engine, alice.session, LIBMSRP_TEXT("msrp://127.0.0.1:1/nobody;tcp"), 0,
                                             NULL, 0));
    CHECK_OK(libmsrp_session_open(engine, alice.session, 20));
    RUN_UNTIL(engine, alice.released_count == 1);
    CHECK(alice.close_reason == LIBMSRP_CLOSE_REASON_BIND_TIMEOUT && alice.close_result == LIBMSRP_ERR_TIMEOUT);
    CHECK_OK(libmsrp_engine_free(engine));
}

int main(void) {
    after_the_end();
    of_another_engine();
    retained();
    retained_up_to_the_limit();
    reports_made_by_the_host();
    nobody_there();
    nobody_comes();
    return passed("handles");
}
