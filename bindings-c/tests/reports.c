/* REPORTs of a host's own, REPORTs that do not come, and types that a peer refused. */

#include "pair.h"

static party alice, bob;

/* Two open sessions; bob makes his own REPORTs. */
static libmsrp_engine *manual(int64_t report_timeout_ms) {
    libmsrp_engine *engine = new_engine();
    libmsrp_session_options ours = party_options(), theirs = party_options();
    ours.report_timeout_ms = report_timeout_ms;
    theirs.reports = LIBMSRP_REPORTS_MANUAL;
    party_new(&alice, engine, 1, &ours);
    party_new(&bob, engine, 1, &theirs);
    pair_negotiate(&alice, &bob);
    RUN_UNTIL(engine, alice.is_open && bob.is_open);
    return engine;
}

static void retain(party *self) {
    CHECK_OK(libmsrp_message_retain(self->engine, self->messages[self->message_count - 1].handle));
}

static void report_part(uint64_t offset, uint64_t len, uint16_t status) {
    const int before = alice.report_count;
    CHECK_OK(libmsrp_message_report_range(bob.engine, bob.messages[0].handle, offset, len, status,
                                          LIBMSRP_TEXT("so far")));
    RUN_UNTIL(alice.engine, alice.report_count > before);
    CHECK(alice.report_count == before + 1 && alice.report_status == status);
    CHECK(alice.report_start == offset + 1 && alice.report_end == offset + len);
}

/* A message is reported part by part; only the whole of it is a delivery. */
static void reports_in_parts(void) {
    libmsrp_engine *engine = manual(0);
    bob.hook = retain;
    const libmsrp_transfer transfer = send_text(&alice, "0123456789", 1);
    RUN_UNTIL(engine, bob.message_count == 1 && alice.acknowledged_count == 1);
    const libmsrp_message message = bob.messages[0].handle;
    report_part(4, 6, 200);
    CHECK(alice.report_total == 10 && alice.delivered_count == 0);
    report_part(0, 4, 200);
    RUN_UNTIL(engine, alice.delivered_count == 1);
    CHECK(alice.last_delivered == transfer);
    CHECK_RESULT(libmsrp_message_report_range(engine, message, 0, 0, 200, NULL, 0), LIBMSRP_ERR_INVALID_ARGUMENT);
    CHECK_RESULT(libmsrp_message_report_range(engine, message, UINT64_MAX, 2, 200, NULL, 0),
                 LIBMSRP_ERR_INVALID_ARGUMENT);
    CHECK_RESULT(libmsrp_message_report_range(engine, message, 0, 1, 99, NULL, 0), LIBMSRP_ERR_INVALID_ARGUMENT);
    CHECK_OK(libmsrp_message_release(engine, message));
    pair_end(&alice, &bob);
    CHECK(alice.unconfirmed_count == 0);
    COVERS("C-210", "C-211", "C-212", "T-09");
}

/* What was not confirmed by the end of the session is told before on_closed, of each message once. */
static void unconfirmed_at_the_end(void) {
    libmsrp_engine *engine = manual(0);
    const libmsrp_transfer transfer = send_text(&alice, "nobody says a word", 1);
    send_text(&alice, "nobody asked", 0);
    RUN_UNTIL(engine, alice.acknowledged_count == 2);
    CHECK(alice.unconfirmed_count == 0);
    /* party_transfer checks that on_closed did not come before. */
    pair_end(&alice, &bob);
    CHECK(alice.unconfirmed_count == 1 && alice.last_unconfirmed == transfer);
    CHECK_RESULT(alice.unconfirmed_result, LIBMSRP_ERR_GONE);
    COVERS("C-232");
}

/* A time of our own for success REPORTs; one that comes later counts all the same. */
static void unconfirmed_in_time(void) {
    libmsrp_engine *engine = manual(1);
    bob.hook = retain;
    const libmsrp_transfer transfer = send_text(&alice, "quick", 1);
    RUN_UNTIL(engine, alice.unconfirmed_count == 1 && bob.message_count == 1);
    CHECK(alice.last_unconfirmed == transfer);
    CHECK_RESULT(alice.unconfirmed_result, LIBMSRP_ERR_TIMEOUT);
    CHECK_OK(libmsrp_message_report(engine, bob.messages[0].handle, 200, NULL, 0));
    RUN_UNTIL(engine, alice.delivered_count == 1);
    pair_end(&alice, &bob);
    CHECK(alice.unconfirmed_count == 1);
    COVERS("C-231");
}

static libmsrp_result send_typed(const char *type) {
    libmsrp_send_options options = LIBMSRP_SEND_OPTIONS_INIT;
    libmsrp_transfer transfer = 0;
    options.content_type = LIBMSRP_SLICE(type);
    return libmsrp_send(alice.engine, alice.session, &options, LIBMSRP_TEXT("<p>"), &transfer);
}

static void refuse(party *self) {
    const seen_message *message = &self->messages[self->message_count - 1];
    if (strcmp(message->content_type, "text/html") == 0) {
        CHECK_OK(libmsrp_message_report(self->engine, message->handle, 415, LIBMSRP_TEXT("no HTML")));
    }
}

/* After a 415 the type is refused here, and all others go on. */
static void a_refused_type(void) {
    libmsrp_engine *engine = manual(0);
    bob.hook = refuse;
    CHECK_OK(send_typed("text/html"));
    RUN_UNTIL(engine, alice.failed_count == 1);
    CHECK(alice.failed_status == 415);
    CHECK_RESULT(send_typed("Text/HTML;charset=utf-8"), LIBMSRP_ERR_UNACCEPTED_TYPE);
    CHECK(strstr(libmsrp_last_error(), "415") != NULL);
    CHECK_OK(send_typed("text/plain"));
    RUN_UNTIL(engine, bob.message_count == 2);
    pair_end(&alice, &bob);
    COVERS("C-245", "T-51");
}

int main(void) {
    reports_in_parts();
    unconfirmed_at_the_end();
    unconfirmed_in_time();
    a_refused_type();
    return 0;
}
