/* SDP handed over attribute by attribute, and with several sessions in one text. */

#include "pair.h"

static party alice, bob, carol, dave;

/* What a SIP stack does that keeps an SDP as objects: each value goes over by itself. */
static libmsrp_sdp *carried(const libmsrp_sdp *from) {
    libmsrp_sdp_line line = LIBMSRP_SDP_LINE_INIT;
    libmsrp_sdp *to = NULL;
    CHECK_OK(libmsrp_sdp_get_line(from, &line));
    CHECK(strlen((const char *)line.protocol.ptr) == line.protocol.len);
    CHECK_OK(libmsrp_sdp_new(&line, &to));
    for (size_t at = 0; at < libmsrp_sdp_attribute_count(from); at++) {
        libmsrp_header attribute;
        CHECK_OK(libmsrp_sdp_attribute(from, at, &attribute));
        CHECK(strlen((const char *)attribute.name.ptr) == attribute.name.len);
        CHECK_OK(libmsrp_sdp_add_attribute(to, attribute.name.ptr, attribute.name.len, attribute.value.ptr,
                                           attribute.value.len));
    }
    return to;
}

static const char *text_of(libmsrp_text *text) {
    return libmsrp_text_ptr(text);
}

static libmsrp_slice value_of(const libmsrp_sdp *sdp, const char *name) {
    for (size_t at = 0; at < libmsrp_sdp_attribute_count(sdp); at++) {
        libmsrp_header attribute;
        CHECK_OK(libmsrp_sdp_attribute(sdp, at, &attribute));
        if (equals(attribute.name, name)) {
            return attribute.value;
        }
    }
    CHECK(!"the attribute is there");
    return LIBMSRP_SLICE("");
}

static void talk(party *from, party *to) {
    const int before = to->message_count;
    RUN_UNTIL(from->engine, from->is_open && to->is_open);
    send_text(from, "hello", 0);
    RUN_UNTIL(from->engine, to->message_count > before && to->messages[before].ended);
    CHECK(strcmp(to->messages[before].text, "hello") == 0);
}

static void attribute_by_attribute(void) {
    static const libmsrp_header extra[] = {{{(const uint8_t *)"label", 5}, {(const uint8_t *)"7", 1}},
                                           {{(const uint8_t *)"x-flag", 6}, {NULL, 0}}};
    libmsrp_engine *engine = new_engine();
    libmsrp_session_options options = party_options();
    libmsrp_sdp *ours = NULL, *theirs = NULL, *seen = NULL;
    libmsrp_sdp_line line = LIBMSRP_SDP_LINE_INIT;
    libmsrp_text *media = NULL;
    options.attributes = extra;
    options.attribute_count = 2;
    options.title = LIBMSRP_SLICE("a chat");
    party_new(&alice, engine, 1, &options);
    party_new(&bob, engine, 1, NULL);

    CHECK_OK(libmsrp_session_remote_sdp(engine, bob.session, &seen));
    CHECK(seen == NULL);
    CHECK_OK(libmsrp_session_local_sdp(engine, alice.session, &ours));
    CHECK_OK(libmsrp_sdp_get_line(ours, &line));
    CHECK(equals(line.media, "message") && equals(line.protocol, "TCP/MSRP") && equals(line.formats, "*"));
    CHECK(equals(line.address, "127.0.0.1") && equals(line.address_type, "IP4") && equals(line.title, "a chat"));
    CHECK(line.port != 0 && line.port_count == 1);
    CHECK(equals(value_of(ours, "setup"), "actpass") && equals(value_of(ours, "label"), "7"));
    CHECK(value_of(ours, "x-flag").ptr == NULL);

    /* The offer goes to bob, his answer to alice. */
    theirs = carried(ours);
    libmsrp_sdp_free(ours);
    CHECK_OK(libmsrp_session_set_remote_sdp(engine, bob.session, theirs));
    libmsrp_sdp_free(theirs);
    CHECK_OK(libmsrp_session_remote_sdp(engine, bob.session, &seen));
    CHECK(equals(value_of(seen, "label"), "7") && value_of(seen, "x-flag").ptr == NULL);
    CHECK_OK(libmsrp_sdp_get_line(seen, &line));
    CHECK(equals(line.title, "a chat"));
    libmsrp_sdp_free(seen);
    /* He answers with the label that he got. */
    CHECK_OK(libmsrp_session_set_attributes(engine, bob.session, extra, 1));
    CHECK_OK(libmsrp_session_local_sdp(engine, bob.session, &ours));
    CHECK(equals(value_of(ours, "setup"), "passive") && equals(value_of(ours, "label"), "7"));
    CHECK_OK(libmsrp_session_local_media(engine, bob.session, &media));
    CHECK(strstr(libmsrp_text_ptr(media), "a=label:7\r\n") != NULL);
    libmsrp_text_free(media);
    theirs = carried(ours);
    libmsrp_sdp_free(ours);
    CHECK_OK(libmsrp_session_set_remote_sdp(engine, alice.session, theirs));
    libmsrp_sdp_free(theirs);

    CHECK_OK(libmsrp_session_open(engine, alice.session, DEADLINE_MS));
    CHECK_OK(libmsrp_session_open(engine, bob.session, DEADLINE_MS));
    talk(&alice, &bob);
    talk(&bob, &alice);

    /* A later offer of the same way: a hold. */
    CHECK_OK(libmsrp_session_set_direction(engine, bob.session, LIBMSRP_DIRECTION_SENDONLY));
    CHECK_OK(libmsrp_session_offer_sdp(engine, bob.session, &ours));
    theirs = carried(ours);
    libmsrp_sdp_free(ours);
    CHECK_OK(libmsrp_session_set_remote_sdp(engine, alice.session, theirs));
    libmsrp_sdp_free(theirs);
    CHECK_OK(libmsrp_session_local_sdp(engine, alice.session, &ours));
    CHECK(value_of(ours, "recvonly").ptr == NULL);
    theirs = carried(ours);
    libmsrp_sdp_free(ours);
    CHECK_OK(libmsrp_session_set_remote_sdp(engine, bob.session, theirs));
    libmsrp_sdp_free(theirs);
    talk(&bob, &alice);

    /* Port 0: the stream is over, whatever else is said. */
    libmsrp_sdp_line over = LIBMSRP_SDP_LINE_INIT;
    CHECK_OK(libmsrp_sdp_new(&over, &theirs));
    CHECK_OK(libmsrp_session_set_remote_sdp(engine, bob.session, theirs));
    libmsrp_sdp_free(theirs);
    RUN_UNTIL(engine, bob.closed_count == 1);
    CHECK(bob.close_reason == LIBMSRP_CLOSE_REASON_STREAM_ENDED);
    party_end(&alice);
    CHECK_OK(libmsrp_engine_free(engine));
    COVERS("S-142", "S-144", "S-149", "S-153");
}

#define ADD(sdp, name, value) libmsrp_sdp_add_attribute(sdp, LIBMSRP_TEXT(name), LIBMSRP_TEXT(value))

/* What breaks a rule is refused where it is given, and the error names it. */
static void faults_name_the_attribute(void) {
    libmsrp_engine *engine = new_engine();
    libmsrp_sdp_line line = LIBMSRP_SDP_LINE_INIT;
    libmsrp_sdp *sdp = NULL;
    party_new(&alice, engine, 1, NULL);
    line.port = 7654;
    line.port_count = 2;
    CHECK_RESULT(libmsrp_sdp_new(&line, &sdp), LIBMSRP_ERR_INVALID_SDP);
    CHECK(strstr(libmsrp_last_error(), "port count") != NULL);
    line.port_count = 0;
    line.media = LIBMSRP_SLICE("audio");
    CHECK_RESULT(libmsrp_sdp_new(&line, &sdp), LIBMSRP_ERR_INVALID_SDP);
    CHECK(strstr(libmsrp_last_error(), "media \"audio\"") != NULL && sdp == NULL);
    line.media = LIBMSRP_SLICE("message");
    line.port = 65536;
    CHECK_INVALID(libmsrp_sdp_new(&line, &sdp));
    line.port = 7654;
    CHECK_OK(libmsrp_sdp_new(&line, &sdp));

    CHECK_RESULT(libmsrp_session_set_remote_sdp(engine, alice.session, sdp), LIBMSRP_ERR_INVALID_SDP);
    CHECK(strstr(libmsrp_last_error(), "attribute path is missing") != NULL);
    CHECK_RESULT(ADD(sdp, "path", "http://x"), LIBMSRP_ERR_INVALID_SDP);
    CHECK(strstr(libmsrp_last_error(), "attribute path") != NULL);
    CHECK_OK(ADD(sdp, "path", "msrp://127.0.0.1:7654/abc;tcp"));
    CHECK_RESULT(ADD(sdp, "path", "msrp://127.0.0.1:7654/def;tcp"), LIBMSRP_ERR_INVALID_SDP);
    CHECK_RESULT(libmsrp_session_set_remote_sdp(engine, alice.session, sdp), LIBMSRP_ERR_INVALID_SDP);
    CHECK(strstr(libmsrp_last_error(), "accept-types is missing") != NULL);
    CHECK_RESULT(ADD(sdp, "fingerprint", "sha-256 00"), LIBMSRP_ERR_INVALID_SDP);
    CHECK(strstr(libmsrp_last_error(), "attribute fingerprint") != NULL);
    CHECK_OK(ADD(sdp, "sendonly", ""));
    CHECK_RESULT(ADD(sdp, "inactive", ""), LIBMSRP_ERR_INVALID_SDP);
    CHECK_RESULT(ADD(sdp, "x", "a\r\na=path:y"), LIBMSRP_ERR_INVALID_SDP);
    CHECK_RESULT(ADD(sdp, "", "x"), LIBMSRP_ERR_INVALID_SDP);
    CHECK_OK(ADD(sdp, "accept-types", "*"));
    CHECK(libmsrp_sdp_attribute_count(sdp) == 3);
    CHECK_OK(libmsrp_session_set_remote_sdp(engine, alice.session, sdp));
    libmsrp_sdp_free(sdp);
    party_end(&alice);

    static const libmsrp_header own = {{(const uint8_t *)"path", 4}, {(const uint8_t *)"x", 1}};
    libmsrp_session_options options = party_options();
    libmsrp_session none = 0;
    options.attributes = &own;
    options.attribute_count = 1;
    CHECK_INVALID(libmsrp_session_new(engine, &options, NULL, NULL, &none));
    CHECK(strstr(libmsrp_last_error(), "path") != NULL);
    options.attributes = NULL;
    CHECK_INVALID(libmsrp_session_new(engine, &options, NULL, NULL, &none));
    CHECK_OK(libmsrp_engine_free(engine));
}

/* Attributes of the session part are defaults. */
static void session_level(void) {
    libmsrp_engine *engine = new_engine();
    libmsrp_sdp_line line = LIBMSRP_SDP_LINE_INIT;
    libmsrp_sdp *sdp = NULL, *ours = NULL;
    libmsrp_text *block = NULL;
    party_new(&alice, engine, 1, NULL);
    line.port = 9;
    line.address = LIBMSRP_SLICE("2001:db8::1");
    CHECK_OK(libmsrp_sdp_new(&line, &sdp));
    CHECK_OK(libmsrp_sdp_add_default(sdp, LIBMSRP_TEXT("setup"), LIBMSRP_TEXT("active")));
    CHECK_OK(libmsrp_sdp_add_default(sdp, LIBMSRP_TEXT("recvonly"), LIBMSRP_TEXT("")));
    CHECK_OK(libmsrp_sdp_add_default(sdp, LIBMSRP_TEXT("group"), LIBMSRP_TEXT("BUNDLE 1")));
    CHECK_OK(ADD(sdp, "path", "msrp://[2001:db8::1]:9/abc;tcp"));
    CHECK_OK(ADD(sdp, "accept-types", "text/plain"));
    CHECK(libmsrp_sdp_attribute_count(sdp) == 2);
    CHECK_OK(libmsrp_sdp_get_line(sdp, &line));
    CHECK(equals(line.address, "2001:db8::1") && equals(line.address_type, "IP6"));
    CHECK_OK(libmsrp_session_set_remote_sdp(engine, alice.session, sdp));
    CHECK_OK(libmsrp_sdp_text(sdp, &block));
    CHECK(strstr(text_of(block), "m=message 9 TCP/MSRP *\r\nc=IN IP6 2001:db8::1\r\n") == text_of(block));
    CHECK(strstr(text_of(block), "a=setup:active\r\n") && strstr(text_of(block), "a=recvonly\r\n"));
    libmsrp_text_free(block);
    libmsrp_sdp_free(sdp);
    CHECK_OK(libmsrp_session_local_sdp(engine, alice.session, &ours));
    CHECK(equals(value_of(ours, "setup"), "passive") && value_of(ours, "sendonly").ptr == NULL);
    libmsrp_sdp_free(ours);
    party_end(&alice);
    CHECK_OK(libmsrp_engine_free(engine));
    COVERS("S-081", "S-147");
}

/* One offer with two streams beside audio, each taken by a session; then the slot of one is used again. */
static void several_sessions(void) {
    libmsrp_engine *engine = new_engine();
    libmsrp_text *offer = NULL, *answer = NULL, *again = NULL;
    libmsrp_sdp *sdp = NULL;
    libmsrp_sdp_line line = LIBMSRP_SDP_LINE_INIT;
    char mixed[8192];
    size_t count = 0;
    party_new(&alice, engine, 1, NULL);
    party_new(&bob, engine, 1, NULL);
    /* Those of the answerer share a port. */
    libmsrp_session_options options = party_options();
    CHECK_OK(libmsrp_listener_new(engine, LIBMSRP_TEXT("127.0.0.1"), 0, NULL, &options.listener));
    party_new(&carol, engine, 1, &options);
    party_new(&dave, engine, 1, &options);
    const libmsrp_sdp_stream ours[] = {{alice.session, 0}, {bob.session, 1}};
    const libmsrp_sdp_stream theirs[] = {{carol.session, 0}, {dave.session, 2}};

    CHECK_OK(libmsrp_sdp_offer(engine, ours, 2, NULL, 0, &offer));
    CHECK_OK(libmsrp_sdp_count(LIBMSRP_TEXT(text_of(offer)), &count));
    CHECK(count == 2);
    /* The host puts audio between them. */
    const char *second = strstr(strstr(text_of(offer), "m=message") + 1, "m=message");
    CHECK(second != NULL && strlen(text_of(offer)) < sizeof(mixed) - 100);
    snprintf(mixed, sizeof(mixed), "%.*sm=audio 4000 RTP/AVP 0\r\na=ptime:20\r\n%s", (int)(second - text_of(offer)),
             text_of(offer), second);
    libmsrp_text_free(offer);

    CHECK_OK(libmsrp_sdp_parse(LIBMSRP_TEXT(mixed), 1, &sdp));
    CHECK_OK(libmsrp_sdp_get_line(sdp, &line));
    CHECK(equals(line.media, "audio") && line.port == 4000 && equals(value_of(sdp, "ptime"), "20"));
    CHECK_OK(libmsrp_sdp_text(sdp, &again));
    CHECK(strcmp(text_of(again), "m=audio 4000 RTP/AVP 0\r\na=ptime:20\r\n") == 0);
    libmsrp_text_free(again);
    CHECK_RESULT(libmsrp_session_set_remote_sdp(engine, carol.session, sdp), LIBMSRP_ERR_INVALID_SDP);
    libmsrp_sdp_free(sdp);

    /* Nothing is changed by an answer that cannot be given. */
    const libmsrp_sdp_stream wrong[] = {{carol.session, 0}, {dave.session, 1}};
    CHECK_RESULT(libmsrp_sdp_answer(engine, LIBMSRP_TEXT(mixed), wrong, 2, NULL, 0, &answer), LIBMSRP_ERR_INVALID_SDP);
    CHECK(strstr(libmsrp_last_error(), "m-line 2") != NULL);
    CHECK_OK(libmsrp_session_remote_sdp(engine, carol.session, &sdp));
    CHECK(sdp == NULL);
    const libmsrp_sdp_stream twice[] = {{carol.session, 0}, {carol.session, 2}};
    CHECK_INVALID(libmsrp_sdp_answer(engine, LIBMSRP_TEXT(mixed), twice, 2, NULL, 0, &answer));
    CHECK_INVALID(libmsrp_sdp_answer(engine, LIBMSRP_TEXT(mixed), NULL, 0, NULL, 0, &answer));

    CHECK_OK(libmsrp_sdp_answer(engine, LIBMSRP_TEXT(mixed), theirs, 2, NULL, 0, &answer));
    CHECK(strstr(text_of(answer), "m=audio 0 RTP/AVP 0\r\n") != NULL);
    CHECK_OK(libmsrp_session_set_remote(engine, alice.session, LIBMSRP_TEXT(text_of(answer)), 0));
    CHECK_OK(libmsrp_session_set_remote(engine, bob.session, LIBMSRP_TEXT(text_of(answer)), 2));
    CHECK_OK(libmsrp_session_open(engine, alice.session, DEADLINE_MS));
    CHECK_OK(libmsrp_session_open(engine, bob.session, DEADLINE_MS));
    talk(&alice, &carol);
    talk(&bob, &dave);
    talk(&dave, &bob);

    /* The answerer's next offer: its second stream is over, and audio's slot is taken by a new one. */
    party_end(&dave);
    party_end(&bob);
    party_new(&dave, engine, 1, NULL);
    const libmsrp_sdp_stream next[] = {{carol.session, 0}, {dave.session, 1}};
    CHECK_OK(libmsrp_sdp_offer(engine, next, 2, LIBMSRP_TEXT(text_of(answer)), &again));
    CHECK_OK(libmsrp_sdp_count(LIBMSRP_TEXT(text_of(again)), &count));
    CHECK(count == 3 && strstr(text_of(again), "audio") == NULL && strstr(text_of(again), "m=message 0 TCP/MSRP *\r\n"));
    libmsrp_text_free(answer);
    libmsrp_text_free(again);
    party_end(&carol);
    party_end(&alice);
    party_end(&dave);
    CHECK_OK(libmsrp_engine_free(engine));
    COVERS("S-007", "S-130", "S-143");
}

static void refusals(void) {
    static const char offer[] = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=3 4\r\n"
                                "m=audio 4000 RTP/AVP 0\r\nm=message 7654 TCP/MSRP *\r\n";
    libmsrp_text *text = NULL, *again = NULL;
    CHECK_OK(libmsrp_sdp_refuse(LIBMSRP_TEXT(offer), LIBMSRP_FIRST_MEDIA, NULL, 0, &text));
    CHECK(strstr(text_of(text), "m=audio 0 RTP/AVP 0\r\nm=message 0 TCP/MSRP *\r\n") != NULL);
    CHECK(strstr(text_of(text), "t=3 4\r\n") != NULL);
    /* Said again in the same dialog it is the same. */
    CHECK_OK(libmsrp_sdp_refuse(LIBMSRP_TEXT(offer), LIBMSRP_FIRST_MEDIA, LIBMSRP_TEXT(text_of(text)), &again));
    CHECK(strcmp(text_of(text), text_of(again)) == 0);
    libmsrp_text_free(text);
    libmsrp_text_free(again);
    CHECK_OK(libmsrp_sdp_refuse(LIBMSRP_TEXT(offer), 1, NULL, 0, &text));
    CHECK(strcmp(text_of(text), "m=message 0 TCP/MSRP *\r\n") == 0);
    libmsrp_text_free(text);
    CHECK_INVALID(libmsrp_sdp_refuse(LIBMSRP_TEXT(offer), 2, NULL, 0, &text));
    CHECK_RESULT(libmsrp_sdp_refuse(LIBMSRP_TEXT("hello"), LIBMSRP_FIRST_MEDIA, NULL, 0, &text), LIBMSRP_ERR_INVALID_SDP);
    COVERS("S-006", "S-131");
}

int main(void) {
    attribute_by_attribute();
    faults_name_the_attribute();
    session_level();
    several_sessions();
    refusals();
    return passed("sdp");
}
