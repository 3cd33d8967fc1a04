/* Offers and answers over the life of a session: holds, open offers, port 0. */

#include "pair.h"

static libmsrp_text *offer_of(const party *self) {
    libmsrp_text *offer = NULL;
    CHECK_OK(libmsrp_session_create_offer(self->engine, self->session, &offer));
    return offer;
}

static void exchange(const party *from, const party *to) {
    libmsrp_text *offer = offer_of(from);
    libmsrp_text *answer = NULL;
    CHECK_OK(libmsrp_session_create_answer(to->engine, to->session, LIBMSRP_TEXT(libmsrp_text_ptr(offer)), LIBMSRP_FIRST_MEDIA, &answer));
    CHECK_OK(libmsrp_session_set_remote(from->engine, from->session, LIBMSRP_TEXT(libmsrp_text_ptr(answer)), LIBMSRP_FIRST_MEDIA));
    libmsrp_text_free(offer);
    libmsrp_text_free(answer);
}

static libmsrp_direction direction_of(const party *self) {
    libmsrp_direction direction = LIBMSRP_DIRECTION_SENDRECV;
    CHECK_OK(libmsrp_session_direction(self->engine, self->session, &direction));
    return direction;
}

static void a_hold_and_its_end(void) {
    static party alice, bob;
    libmsrp_engine *engine = new_engine();
    libmsrp_transfer transfer = 0;
    libmsrp_direction said = LIBMSRP_DIRECTION_SENDRECV;
    pair_open(&alice, &bob, engine, 1);

    CHECK_OK(libmsrp_session_set_direction(engine, alice.session, LIBMSRP_DIRECTION_SENDONLY));
    CHECK(direction_of(&alice) == LIBMSRP_DIRECTION_SENDRECV);
    exchange(&alice, &bob);
    CHECK(direction_of(&alice) == LIBMSRP_DIRECTION_SENDONLY && direction_of(&bob) == LIBMSRP_DIRECTION_RECVONLY);
    CHECK_OK(libmsrp_session_remote_direction(engine, bob.session, &said));
    CHECK(said == LIBMSRP_DIRECTION_RECVONLY);

    CHECK(libmsrp_send(engine, bob.session, NULL, LIBMSRP_TEXT("not now"), &transfer) == LIBMSRP_ERR_STATUS);
    /* The host knows better: the peer takes it for an ordinary message all the same. */
    libmsrp_send_options options = LIBMSRP_SEND_OPTIONS_INIT;
    options.control = 1;
    CHECK_OK(libmsrp_send(engine, bob.session, &options, LIBMSRP_TEXT("a report"), &transfer));
    RUN_UNTIL(engine, bob.failed_count == 1);
    CHECK(bob.failed_result == LIBMSRP_ERR_STATUS && bob.failed_status == 403);

    CHECK_OK(libmsrp_send(engine, alice.session, NULL, LIBMSRP_TEXT("music"), &transfer));
    RUN_UNTIL(engine, bob.message_count == 1);
    CHECK_OK(libmsrp_session_set_direction(engine, alice.session, LIBMSRP_DIRECTION_SENDRECV));
    exchange(&alice, &bob);
    CHECK_OK(libmsrp_send(engine, bob.session, NULL, LIBMSRP_TEXT("now"), &transfer));
    RUN_UNTIL(engine, alice.message_count == 1);
    CHECK(strcmp(alice.messages[0].text, "now") == 0);
    CHECK(libmsrp_session_set_direction(engine, alice.session, (libmsrp_direction)4) == LIBMSRP_ERR_INVALID_ARGUMENT);
    CHECK_OK(libmsrp_engine_free(engine));
    COVERS("S-145");
}

static void one_offer_is_open(void) {
    static party alice, bob;
    libmsrp_engine *engine = new_engine();
    libmsrp_text *other = NULL;
    pair_open(&alice, &bob, engine, 1);
    libmsrp_text *first = offer_of(&alice);
    libmsrp_text *again = offer_of(&alice);
    CHECK(strcmp(libmsrp_text_ptr(first), libmsrp_text_ptr(again)) == 0);
    CHECK_OK(libmsrp_session_offer_media(engine, alice.session, &other));
    CHECK(strncmp(libmsrp_text_ptr(other), "m=message ", 10) == 0);
    libmsrp_text_free(other);
    CHECK_OK(libmsrp_session_set_direction(engine, alice.session, LIBMSRP_DIRECTION_INACTIVE));
    CHECK(libmsrp_session_create_offer(engine, alice.session, &other) == LIBMSRP_ERR_BUSY);
    CHECK(libmsrp_session_create_answer(engine, alice.session, LIBMSRP_TEXT(libmsrp_text_ptr(first)), LIBMSRP_FIRST_MEDIA, &other) == LIBMSRP_ERR_BUSY);
    CHECK_OK(libmsrp_session_rollback_offer(engine, alice.session));
    exchange(&alice, &bob);
    CHECK(direction_of(&bob) == LIBMSRP_DIRECTION_INACTIVE);
    libmsrp_text_free(first);
    libmsrp_text_free(again);
    CHECK_OK(libmsrp_engine_free(engine));
    COVERS("S-141");
}

static void port_0_ends_it(void) {
    static party alice, bob;
    libmsrp_engine *engine = new_engine();
    libmsrp_text *answer = NULL;
    static const char ended[] = "m=message 0 TCP/MSRP *\r\n";
    pair_open(&alice, &bob, engine, 1);
    CHECK_OK(libmsrp_session_create_answer(engine, bob.session, LIBMSRP_TEXT(ended), LIBMSRP_FIRST_MEDIA, &answer));
    CHECK(strncmp(libmsrp_text_ptr(answer), "m=message 0 ", 12) == 0);
    libmsrp_text_free(answer);
    RUN_UNTIL(engine, bob.closed_count == 1);
    CHECK(bob.close_reason == LIBMSRP_CLOSE_REASON_STREAM_ENDED && bob.close_result == LIBMSRP_ERR_GONE);
    CHECK_OK(libmsrp_engine_free(engine));
    COVERS("S-142");
}

static void a_session_moves(void) {
    static party alice, bob;
    libmsrp_engine *engine = new_engine();
    libmsrp_session_options place = LIBMSRP_SESSION_OPTIONS_INIT;
    libmsrp_text *before = NULL;
    libmsrp_text *after = NULL;
    libmsrp_transfer transfer = 0;
    pair_open(&alice, &bob, engine, 1);
    CHECK_OK(libmsrp_session_local_path(engine, alice.session, &before));
    place.host = LIBMSRP_SLICE("0.0.0.0");
    CHECK(libmsrp_session_relocate(engine, alice.session, &place) == LIBMSRP_ERR_INVALID_ARGUMENT);
    CHECK_OK(libmsrp_session_relocate(engine, alice.session, NULL));
    exchange(&alice, &bob);
    CHECK_OK(libmsrp_session_local_path(engine, alice.session, &after));
    CHECK(strcmp(libmsrp_text_ptr(before), libmsrp_text_ptr(after)) != 0);
    CHECK_OK(libmsrp_send(engine, alice.session, NULL, LIBMSRP_TEXT("from there"), &transfer));
    RUN_UNTIL(engine, bob.message_count == 1);
    CHECK_OK(libmsrp_send(engine, bob.session, NULL, LIBMSRP_TEXT("to there"), &transfer));
    RUN_UNTIL(engine, alice.message_count == 1);
    CHECK(alice.closed_count == 0 && bob.closed_count == 0);
    libmsrp_text_free(before);
    libmsrp_text_free(after);
    CHECK_OK(libmsrp_engine_free(engine));
    COVERS("S-137");
}

int main(void) {
    a_hold_and_its_end();
    one_offer_is_open();
    port_0_ends_it();
    a_session_moves();
    return passed("exchanges");
}
