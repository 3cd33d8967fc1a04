/* CEMA (RFC 6714): the address of the c= line, the new offer that may be due, and names that are looked up. */

#include "pair.h"
#include "tls_material.h"

static party alice, bob;

/* What on_prepared said last. */
static uint64_t prepared;

static void on_prepared(libmsrp_engine *engine, libmsrp_session session, uint64_t lookup, void *user) {
    party *self = (party *)user;
    CHECK(engine == self->engine && session == self->session);
    prepared = lookup;
}

/* A party that does CEMA; under this name, if there is one. */
static void cema_new(party *self, libmsrp_engine *engine, const char *name, libmsrp_setup setup,
                     const libmsrp_tls *tls) {
    libmsrp_session_options options = party_options();
    libmsrp_session_callbacks callbacks = party_callbacks();
    callbacks.on_message = party_message;
    callbacks.on_prepared = on_prepared;
    options.cema = 1;
    options.setup = setup;
    options.tls = tls;
    if (name != NULL) {
        options.advertise_host.ptr = (const uint8_t *)name;
        options.advertise_host.len = strlen(name);
    }
    memset(self, 0, sizeof(*self));
    self->engine = engine;
    CHECK_OK(libmsrp_session_new(engine, &options, &callbacks, self, &self->session));
}

/* What leaves whoever stands between: every c= line names another place. */
static char *moved(const libmsrp_text *text, const char *from, const char *to) {
    const char *rest = libmsrp_text_ptr(text);
    char *out = (char *)calloc(1, 2 * strlen(rest) + 1);
    CHECK(out != NULL);
    for (const char *at; (at = strstr(rest, from)) != NULL; rest = at + strlen(from)) {
        strncat(out, rest, (size_t)(at - rest));
        strcat(out, to);
    }
    return strcat(out, rest);
}

static libmsrp_text *offer_of(party *self) {
    libmsrp_text *offer = NULL;
    CHECK_OK(libmsrp_session_create_offer(self->engine, self->session, &offer));
    return offer;
}

static int due(party *self) {
    int32_t value = 7;
    CHECK_OK(libmsrp_session_offer_due(self->engine, self->session, &value));
    CHECK(value == 0 || value == 1);
    return value;
}

/* Nobody can look up where Bob says he is: what stands between has put its own address into the c= line. */
static void by_the_c_line(const libmsrp_tls *tls) {
    libmsrp_engine *engine = new_engine();
    libmsrp_text *answer = NULL, *prints = NULL;
    cema_new(&alice, engine, NULL, LIBMSRP_SETUP_ACTIVE, tls);
    cema_new(&bob, engine, "bob.invalid", LIBMSRP_SETUP_ACTPASS, tls);
    libmsrp_text *offer = offer_of(&alice);
    CHECK(strstr(libmsrp_text_ptr(offer), "a=msrp-cema\r\n") != NULL);
    CHECK_OK(libmsrp_session_create_answer(engine, bob.session, LIBMSRP_TEXT(libmsrp_text_ptr(offer)),
                                           LIBMSRP_FIRST_MEDIA, &answer));
    char *sdp = moved(answer, "c=IN IP4 bob.invalid", "c=IN IP4 127.0.0.1");
    CHECK(strstr(sdp, "a=path:") != NULL && strstr(sdp, "//bob.invalid:") != NULL);
    CHECK_OK(libmsrp_session_set_remote(engine, alice.session, LIBMSRP_TEXT(sdp), LIBMSRP_FIRST_MEDIA));
    CHECK(!due(&alice));
    CHECK_OK(libmsrp_session_remote_fingerprints(engine, alice.session, &prints));
    if (tls == NULL) {
        CHECK(libmsrp_text_len(prints) == 0);
    } else {
        const char *text = libmsrp_text_ptr(prints);
        CHECK(strncmp(text, "sha-256 ", 8) == 0 && strchr(text, '\n') == NULL);
        CHECK(strstr(sdp, text) != NULL);
    }
    libmsrp_text_free(prints);
    CHECK_OK(libmsrp_session_open(engine, alice.session, DEADLINE_MS));
    CHECK_OK(libmsrp_session_open(engine, bob.session, DEADLINE_MS));
    RUN_UNTIL(engine, alice.is_open && bob.is_open);
    send_text(&alice, "by the c= line", 1);
    RUN_UNTIL(engine, alice.delivered_count == 1);
    CHECK(strcmp(bob.messages[0].text, "by the c= line") == 0);
    free(sdp);
    libmsrp_text_free(offer);
    libmsrp_text_free(answer);
    pair_end(&alice, &bob);
    COVERS("S-097", "S-106");
}

/* The answer of a peer that knows no CEMA and would connect past what stands between. */
static void a_new_offer(void) {
    static const char ANSWER[] =
        "v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\nm=message 9 TCP/MSRP *\r\n"
        "a=accept-types:*\r\na=path:msrp://127.0.0.1:7394/s3ss10n;tcp\r\na=setup:active\r\n";
    libmsrp_engine *engine = new_engine();
    cema_new(&alice, engine, NULL, LIBMSRP_SETUP_ACTPASS, NULL);
    libmsrp_text_free(offer_of(&alice));
    CHECK_OK(libmsrp_session_set_remote(engine, alice.session, LIBMSRP_TEXT(ANSWER), LIBMSRP_FIRST_MEDIA));
    CHECK(due(&alice));
    CHECK_INVALID(libmsrp_session_open(engine, alice.session, DEADLINE_MS));
    CHECK(strstr(libmsrp_last_error(), "new offer without CEMA") != NULL);
    libmsrp_text *offer = offer_of(&alice);
    CHECK(!due(&alice));
    CHECK(strstr(libmsrp_text_ptr(offer), "msrp-cema") == NULL);
    libmsrp_text_free(offer);
    CHECK_OK(libmsrp_engine_free(engine));
    COVERS("S-095");
}

static void names(void) {
    static const char OFFER[] =
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=message 7394 TCP/MSRP *\r\n"
        "a=accept-types:*\r\na=path:msrp://localhost:7394/s3ss10n;tcp\r\n";
    libmsrp_engine *engine = new_engine();
    libmsrp_text *answer = NULL;
    uint64_t lookup = 0;
    cema_new(&bob, engine, NULL, LIBMSRP_SETUP_ACTPASS, NULL);
    CHECK_INVALID(libmsrp_session_create_answer(engine, bob.session, LIBMSRP_TEXT(OFFER), -1, &answer));
    CHECK(answer == NULL && strstr(libmsrp_last_error(), "prepare_remote") != NULL);
    CHECK_OK(libmsrp_session_prepare_remote(engine, bob.session, LIBMSRP_TEXT(OFFER), -1, &lookup));
    CHECK(lookup != 0);
    RUN_UNTIL(engine, prepared == lookup);
    CHECK_OK(libmsrp_session_create_answer(engine, bob.session, LIBMSRP_TEXT(OFFER), -1, &answer));
    libmsrp_text_free(answer);
    /* Without a place for the number, and with nothing to look up. */
    CHECK_OK(libmsrp_session_prepare_remote(engine, bob.session, LIBMSRP_TEXT(OFFER), -1, NULL));
    RUN_UNTIL(engine, prepared != lookup);
    CHECK_INVALID(libmsrp_session_prepare_remote(NULL, bob.session, LIBMSRP_TEXT(OFFER), -1, NULL));
    CHECK_INVALID(libmsrp_session_prepare_remote(engine, bob.session, LIBMSRP_TEXT(OFFER), 1, NULL));
    CHECK_INVALID(libmsrp_session_prepare_remote(engine, bob.session, NULL, 1, -1, NULL));
    CHECK_RESULT(libmsrp_session_prepare_remote(engine, bob.session, LIBMSRP_TEXT("v=0"), -1, NULL),
                 LIBMSRP_ERR_INVALID_SDP);
    CHECK_INVALID(libmsrp_session_offer_due(engine, bob.session, NULL));
    CHECK_INVALID(libmsrp_session_offer_due(NULL, bob.session, NULL));
    CHECK_INVALID(libmsrp_session_remote_fingerprints(engine, bob.session, NULL));
    CHECK_OK(libmsrp_engine_free(engine));
    COVERS("S-099");
}

int main(void) {
    libmsrp_tls *tls = NULL;
    CHECK_OK(libmsrp_tls_new(&tls));
    CHECK_OK(libmsrp_tls_set_identity(tls, LIBMSRP_PEM_TEXT, LIBMSRP_TEXT(PARTY_PEM), LIBMSRP_TEXT(PARTY_KEY)));
    CHECK_OK(libmsrp_tls_set_verify(tls, LIBMSRP_VERIFY_FINGERPRINT, NULL, 0));
    by_the_c_line(NULL);
    by_the_c_line(tls);
    libmsrp_tls_free(tls);
    a_new_offer();
    names();
    return passed("cema");
}
