/* Sessions over TLS. */

#include "pair.h"
#include "tls_material.h"

#include <unistd.h>

static party alice, bob;

static libmsrp_tls *identity(void) {
    libmsrp_tls *tls = NULL;
    CHECK_OK(libmsrp_tls_new(&tls));
    CHECK_OK(libmsrp_tls_set_identity(tls, LIBMSRP_PEM_TEXT, LIBMSRP_TEXT(PARTY_PEM), LIBMSRP_TEXT(PARTY_KEY)));
    return tls;
}

static void chat(libmsrp_engine *engine, const libmsrp_session_options *options) {
    party_new(&alice, engine, 1, options);
    party_new(&bob, engine, 1, options);
    libmsrp_text *offer = NULL;
    CHECK_OK(libmsrp_session_create_offer(engine, alice.session, &offer));
    CHECK(strstr(libmsrp_text_ptr(offer), " TCP/TLS/MSRP ") && strstr(libmsrp_text_ptr(offer), "msrps://"));
    libmsrp_text_free(offer);
    pair_negotiate(&alice, &bob);
    RUN_UNTIL(engine, alice.is_open && bob.is_open);
    send_text(&alice, "over TLS", 1);
    send_text(&bob, "likewise", 1);
    RUN_UNTIL(engine, alice.delivered_count == 1 && bob.delivered_count == 1);
    CHECK(strcmp(bob.messages[0].text, "over TLS") == 0);
    pair_end(&alice, &bob);
}

static void trusted_by_a_ca(void) {
    libmsrp_session_options options = party_options();
    libmsrp_engine *engine = new_engine();
    libmsrp_tls *tls = identity();
    CHECK_OK(libmsrp_tls_add_ca(tls, LIBMSRP_PEM_TEXT, LIBMSRP_TEXT(CA_PEM)));
    options.tls = tls;
    party_new(&alice, engine, 1, &options);
    /* It was copied. */
    libmsrp_tls_free(tls);
    party_end(&alice);
    tls = identity();
    CHECK_OK(libmsrp_tls_add_ca(tls, LIBMSRP_PEM_TEXT, LIBMSRP_TEXT(CA_PEM)));
    options.tls = tls;
    chat(engine, &options);
    libmsrp_tls_free(tls);
}

/* The configuration of the engine, and PEM from files. */
static void of_the_engine(void) {
    char path[] = "/tmp/libmsrp-test-XXXXXX";
    const int fd = mkstemp(path);
    CHECK(fd >= 0 && write(fd, CA_PEM, strlen(CA_PEM)) == (ssize_t)strlen(CA_PEM) && close(fd) == 0);
    libmsrp_engine_options engine_options = LIBMSRP_ENGINE_OPTIONS_INIT;
    libmsrp_session_options options = party_options();
    libmsrp_engine *engine = NULL;
    libmsrp_tls *tls = identity();
    CHECK_OK(libmsrp_tls_add_ca(tls, LIBMSRP_PEM_FILE, LIBMSRP_TEXT(path)));
    unlink(path);
    engine_options.tls = tls;
    CHECK_OK(libmsrp_engine_new(&engine_options, &engine));
    libmsrp_tls_free(tls);
    options.secure = 1;
    chat(engine, &options);
}

static void by_fingerprint_and_not_at_all(libmsrp_verify verify) {
    libmsrp_session_options options = party_options();
    libmsrp_engine *engine = new_engine();
    libmsrp_tls *tls = identity();
    CHECK_OK(libmsrp_tls_set_verify(tls, verify, NULL, 0));
    options.tls = tls;
    chat(engine, &options);
    libmsrp_tls_free(tls);
}

/* The name in the certificate is another one. */
static void refused(void) {
    libmsrp_session_options options = party_options();
    libmsrp_engine *engine = new_engine();
    libmsrp_tls *tls = identity();
    CHECK_OK(libmsrp_tls_add_ca(tls, LIBMSRP_PEM_TEXT, LIBMSRP_TEXT(CA_PEM)));
    CHECK_OK(libmsrp_tls_set_verify(tls, LIBMSRP_VERIFY_CA, LIBMSRP_TEXT("elsewhere.example")));
    options.tls = tls;
    party_new(&alice, engine, 1, &options);
    party_new(&bob, engine, 1, &options);
    pair_negotiate(&alice, &bob);
    RUN_UNTIL(engine, alice.closed_count + bob.closed_count > 0);
    party *first = alice.closed_count ? &alice : &bob;
    CHECK(first->close_result == LIBMSRP_ERR_TLS);
    CHECK(first->close_reason == LIBMSRP_CLOSE_REASON_CONNECTION_LOST);
    CHECK_OK(libmsrp_engine_free(engine));
    libmsrp_tls_free(tls);
}

static void a_listener(void) {
    libmsrp_engine *engine = new_engine();
    libmsrp_tls *tls = identity();
    libmsrp_listener listener = 0;
    CHECK_OK(libmsrp_tls_add_ca(tls, LIBMSRP_PEM_TEXT, LIBMSRP_TEXT(CA_PEM)));
    CHECK_OK(libmsrp_listener_new(engine, LIBMSRP_TEXT("127.0.0.1"), 0, tls, &listener));
    libmsrp_session_options options = party_options();
    options.listener = listener;
    options.tls = tls;
    options.setup = LIBMSRP_SETUP_PASSIVE;
    party_new(&bob, engine, 1, &options);
    options.listener = 0;
    options.setup = LIBMSRP_SETUP_ACTIVE;
    party_new(&alice, engine, 1, &options);
    pair_negotiate(&alice, &bob);
    RUN_UNTIL(engine, alice.is_open && bob.is_open);
    send_text(&alice, "to the listener", 1);
    RUN_UNTIL(engine, alice.delivered_count == 1);
    pair_end(&alice, &bob);
    libmsrp_tls_free(tls);
}

int main(void) {
    trusted_by_a_ca();
    of_the_engine();
    by_fingerprint_and_not_at_all(LIBMSRP_VERIFY_FINGERPRINT);
    by_fingerprint_and_not_at_all(LIBMSRP_VERIFY_NONE);
    refused();
    a_listener();
    return passed("tls");
}
