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
    engine_options.tls = tls;
    CHECK_OK(libmsrp_engine_new(&engine_options, &engine));
    libmsrp_tls_free(tls);
    options.secure = 1;
    chat(engine, &options);
    unlink(path);
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

static void has_fingerprint(libmsrp_engine *engine, const party *self, const char *print) {
    libmsrp_text *media = NULL;
    CHECK_OK(libmsrp_session_local_media(engine, self->session, &media));
    const char *line = strstr(libmsrp_text_ptr(media), "a=fingerprint:");
    CHECK(line != NULL && strncmp(line + strlen("a=fingerprint:"), print, strlen(print)) == 0);
    libmsrp_text_free(media);
}

/* Certificates that are made here: one for each side, known by their fingerprints; and kept for another day. */
static void signed_by_themselves(void) {
    libmsrp_session_options options = party_options();
    libmsrp_engine *engine = new_engine();
    libmsrp_tls *tls = NULL, *kept = NULL;
    libmsrp_text *print = NULL, *again = NULL, *other = NULL, *cert = NULL, *key = NULL;
    CHECK_OK(libmsrp_tls_new(&tls));
    CHECK_OK(libmsrp_tls_set_verify(tls, LIBMSRP_VERIFY_FINGERPRINT, NULL, 0));
    CHECK_OK(libmsrp_tls_self_signed(tls, LIBMSRP_TEXT("im:alice@example.com  alice.example.com"), 0));
    CHECK_OK(libmsrp_tls_fingerprint(tls, LIBMSRP_TEXT("sha-256"), &print));
    CHECK(strncmp(libmsrp_text_ptr(print), "sha-256 ", 8) == 0 && libmsrp_text_len(print) == 8 + 32 * 3 - 1);
    CHECK_OK(libmsrp_tls_identity(tls, &cert, &key));
    options.tls = tls;
    party_new(&alice, engine, 1, &options);
    has_fingerprint(engine, &alice, libmsrp_text_ptr(print));

    CHECK_OK(libmsrp_tls_new(&kept));
    CHECK_OK(libmsrp_tls_set_identity(kept, LIBMSRP_PEM_TEXT, LIBMSRP_TEXT(libmsrp_text_ptr(cert)),
                                      LIBMSRP_TEXT(libmsrp_text_ptr(key))));
    CHECK_OK(libmsrp_tls_fingerprint(kept, LIBMSRP_TEXT("SHA-256"), &again));
    CHECK(strcmp(libmsrp_text_ptr(print), libmsrp_text_ptr(again)) == 0);
    libmsrp_tls_free(kept);

    /* Another one for the other side, in the same object. */
    CHECK_OK(libmsrp_tls_self_signed(tls, NULL, 0, 1));
    CHECK_OK(libmsrp_tls_fingerprint(tls, LIBMSRP_TEXT("sha-256"), &other));
    CHECK(strcmp(libmsrp_text_ptr(print), libmsrp_text_ptr(other)) != 0);
    party_new(&bob, engine, 1, &options);
    has_fingerprint(engine, &bob, libmsrp_text_ptr(other));
    pair_negotiate(&alice, &bob);
    RUN_UNTIL(engine, alice.is_open && bob.is_open);
    send_text(&alice, "for Bob alone", 1);
    RUN_UNTIL(engine, alice.delivered_count == 1);
    pair_end(&alice, &bob);
    libmsrp_text_free(print);
    libmsrp_text_free(again);
    libmsrp_text_free(other);
    libmsrp_text_free(cert);
    libmsrp_text_free(key);
    libmsrp_tls_free(tls);
    COVERS("C-276", "S-107");
}

/* Versions that do not overlap: refused by a name. Each alone does. */
static void versions(void) {
    const libmsrp_tls_version both[] = {LIBMSRP_TLS_VERSION_TLS12, LIBMSRP_TLS_VERSION_TLS13};
    libmsrp_session_options options = party_options();
    libmsrp_engine *engine = NULL;
    libmsrp_tls *tls = identity();
    CHECK_OK(libmsrp_tls_add_ca(tls, LIBMSRP_PEM_TEXT, LIBMSRP_TEXT(CA_PEM)));
    options.tls = tls;
    for (int at = 0; at < 2; at++) {
        CHECK_OK(libmsrp_tls_set_versions(tls, both[at], both[at]));
        chat(new_engine(), &options);
    }
    engine = new_engine();
    party_new(&alice, engine, 1, &options);
    CHECK_OK(libmsrp_tls_set_versions(tls, both[0], both[0]));
    party_new(&bob, engine, 1, &options);
    pair_negotiate(&alice, &bob);
    RUN_UNTIL(engine, alice.closed_count + bob.closed_count > 0);
    CHECK((alice.closed_count ? &alice : &bob)->close_result == LIBMSRP_ERR_TLS);
    CHECK_OK(libmsrp_engine_free(engine));
    libmsrp_tls_free(tls);
}

/* What nobody verified is counted. */
static void unverified_is_counted(void) {
    libmsrp_session_options options = party_options();
    libmsrp_engine *engine = new_engine();
    libmsrp_stats stats = LIBMSRP_STATS_INIT;
    libmsrp_tls *tls = identity();
    CHECK_OK(libmsrp_tls_set_verify(tls, LIBMSRP_VERIFY_NONE, NULL, 0));
    options.tls = tls;
    party_new(&alice, engine, 1, &options);
    party_new(&bob, engine, 1, &options);
    pair_negotiate(&alice, &bob);
    RUN_UNTIL(engine, alice.is_open && bob.is_open);
    CHECK_OK(libmsrp_engine_stats(engine, &stats));
    CHECK(stats.tls_unverified >= 1);
    pair_end(&alice, &bob);
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
    signed_by_themselves();
    versions();
    unverified_is_counted();
    refused();
    a_listener();
    return passed("tls");
}
