/* Sessions over TLS. */

#include "pair.h"
#include "tls_material.h"

#include <sys/stat.h>
#include <unistd.h>

static party alice, bob;

static int is_text(libmsrp_slice slice, const char *text) {
    return slice.len == strlen(text) && memcmp(slice.ptr, text, slice.len) == 0;
}

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
    libmsrp_certificate *certificate = NULL;
    libmsrp_certificate_info info = LIBMSRP_CERTIFICATE_INFO_INIT;
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
    CHECK_OK(libmsrp_session_peer_certificate(engine, bob.session, &certificate));
    CHECK_OK(libmsrp_certificate_read(certificate, &info));
    CHECK(is_text(info.names, "URI:im:alice@example.com\nDNS:alice.example.com"));
    CHECK(is_text(info.fingerprint, libmsrp_text_ptr(print)) && info.proof == LIBMSRP_PROOF_FINGERPRINT);
    libmsrp_certificate_free(certificate);
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

/* Two sessions that are open, the first of which has connected. */
static void open_pair(libmsrp_engine *engine, libmsrp_session_options *options) {
    options->setup = LIBMSRP_SETUP_ACTIVE;
    party_new(&alice, engine, 1, options);
    options->setup = LIBMSRP_SETUP_PASSIVE;
    party_new(&bob, engine, 1, options);
    pair_negotiate(&alice, &bob);
    RUN_UNTIL(engine, alice.is_open && bob.is_open);
}

/* What the peer showed, and what proves it: with mutual authentication, without, and without TLS. */
static void certificates_of_peers(void) {
    libmsrp_certificate *certificate = NULL;
    libmsrp_certificate_info info = LIBMSRP_CERTIFICATE_INFO_INIT;
    libmsrp_session_options options = party_options();
    libmsrp_engine *engine = new_engine();
    libmsrp_tls *tls = identity();
    CHECK_OK(libmsrp_tls_add_ca(tls, LIBMSRP_PEM_TEXT, LIBMSRP_TEXT(CA_PEM)));
    CHECK_OK(libmsrp_tls_set_client_auth(tls, LIBMSRP_CLIENT_AUTH_REQUIRE));
    options.tls = tls;
    open_pair(engine, &options);
    CHECK_OK(libmsrp_session_peer_certificate(engine, alice.session, &certificate));
    CHECK_INVALID(libmsrp_certificate_read(certificate, NULL));
    CHECK_INVALID(libmsrp_certificate_read(NULL, &info));
    CHECK_OK(libmsrp_certificate_read(certificate, &info));
    CHECK(is_text(info.subject, "CN=libmsrp test party") && is_text(info.issuer, "CN=libmsrp test CA"));
    CHECK(is_text(info.names, "IP:127.0.0.1") && info.der.len > 300 && info.der.ptr[0] == 0x30);
    CHECK(info.not_before == INT64_C(1795164310) && info.not_after > INT64_C(4900000000));
    CHECK(info.fingerprint.len == 8 + 32 * 3 - 1 && info.proof == LIBMSRP_PROOF_CA_AND_NAME);
    libmsrp_certificate_free(certificate);
    CHECK_OK(libmsrp_session_peer_certificate(engine, bob.session, &certificate));
    CHECK_OK(libmsrp_certificate_read(certificate, &info));
    CHECK(is_text(info.subject, "CN=libmsrp test party") && info.proof == LIBMSRP_PROOF_CA);
    pair_end(&alice, &bob);
    /* It outlives session and engine. */
    CHECK(is_text(info.names, "IP:127.0.0.1"));
    libmsrp_certificate_free(certificate);

    /* A client that is not asked shows none. */
    CHECK_OK(libmsrp_tls_set_client_auth(tls, LIBMSRP_CLIENT_AUTH_NONE));
    engine = new_engine();
    open_pair(engine, &options);
    CHECK_OK(libmsrp_session_peer_certificate(engine, bob.session, &certificate));
    CHECK(certificate == NULL);
    pair_end(&alice, &bob);
    options.tls = NULL;
    engine = new_engine();
    open_pair(engine, &options);
    CHECK_OK(libmsrp_session_peer_certificate(engine, alice.session, &certificate));
    CHECK(certificate == NULL);
    pair_end(&alice, &bob);
    libmsrp_tls_free(tls);
}

/* Who shows no certificate is refused, and is told. */
static void without_a_certificate(void) {
    libmsrp_session_options options = party_options();
    libmsrp_engine *engine = new_engine();
    libmsrp_tls *tls = identity(), *bare = NULL;
    CHECK_OK(libmsrp_tls_add_ca(tls, LIBMSRP_PEM_TEXT, LIBMSRP_TEXT(CA_PEM)));
    CHECK_OK(libmsrp_tls_set_client_auth(tls, LIBMSRP_CLIENT_AUTH_REQUIRE));
    CHECK_OK(libmsrp_tls_new(&bare));
    CHECK_OK(libmsrp_tls_add_ca(bare, LIBMSRP_PEM_TEXT, LIBMSRP_TEXT(CA_PEM)));
    options.tls = bare;
    party_new(&alice, engine, 1, &options);
    options.tls = tls;
    party_new(&bob, engine, 1, &options);
    pair_negotiate(&alice, &bob);
    RUN_UNTIL(engine, alice.closed_count > 0);
    CHECK(!bob.is_open && bob.message_count == 0);
    CHECK_OK(libmsrp_engine_free(engine));
    libmsrp_tls_free(bare);
    libmsrp_tls_free(tls);
}

/* Fingerprints that the host knows: besides the CA, and in place of the SDP's. */
static void known_by_the_host(void) {
    static const char wrong[] = "sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:"
                                "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF";
    libmsrp_session_options options = party_options();
    libmsrp_text *print = NULL;
    libmsrp_tls *tls = identity();
    CHECK_OK(libmsrp_tls_add_ca(tls, LIBMSRP_PEM_TEXT, LIBMSRP_TEXT(CA_PEM)));
    CHECK_OK(libmsrp_tls_fingerprint(tls, LIBMSRP_TEXT("sha-512"), &print));
    CHECK_OK(libmsrp_tls_add_fingerprint(tls, LIBMSRP_TEXT(libmsrp_text_ptr(print))));
    options.tls = tls;
    chat(new_engine(), &options);
    libmsrp_tls_free(tls);
    libmsrp_text_free(print);

    tls = identity();
    CHECK_OK(libmsrp_tls_add_ca(tls, LIBMSRP_PEM_TEXT, LIBMSRP_TEXT(CA_PEM)));
    CHECK_OK(libmsrp_tls_add_fingerprint(tls, LIBMSRP_TEXT(wrong)));
    options.tls = tls;
    libmsrp_engine *engine = new_engine();
    party_new(&alice, engine, 1, &options);
    party_new(&bob, engine, 1, &options);
    pair_negotiate(&alice, &bob);
    RUN_UNTIL(engine, alice.closed_count + bob.closed_count > 0);
    CHECK((alice.closed_count ? &alice : &bob)->close_result == LIBMSRP_ERR_TLS);
    CHECK_OK(libmsrp_engine_free(engine));
    libmsrp_tls_free(tls);
}

/* A file is written anew: the engine reads it when it is told, and keeps what it has if that is no use. */
static void read_again(void) {
    char path[] = "/tmp/libmsrp-test-XXXXXX";
    const int fd = mkstemp(path);
    CHECK(fd >= 0 && write(fd, CA_PEM, strlen(CA_PEM)) == (ssize_t)strlen(CA_PEM) && close(fd) == 0);
    libmsrp_session_options options = party_options();
    libmsrp_engine *engine = new_engine();
    libmsrp_tls *tls = identity();
    CHECK_OK(libmsrp_engine_reload_tls(engine));
    CHECK_INVALID(libmsrp_engine_reload_tls(NULL));
    CHECK_OK(libmsrp_tls_add_ca(tls, LIBMSRP_PEM_FILE, LIBMSRP_TEXT(path)));
    options.tls = tls;
    party_new(&alice, engine, 1, &options);
    CHECK_OK(libmsrp_engine_reload_tls(engine));
    CHECK(truncate(path, 0) == 0);
    CHECK_INVALID(libmsrp_engine_reload_tls(engine));
    CHECK(strstr(libmsrp_last_error(), "ca") != NULL);
    party_new(&bob, engine, 1, &options);
    pair_negotiate(&alice, &bob);
    RUN_UNTIL(engine, alice.is_open && bob.is_open);
    pair_end(&alice, &bob);
    libmsrp_tls_free(tls);
    unlink(path);
}

/* The keys are in the file, which nobody else may read. */
static void key_log(void) {
    char folder[] = "/tmp/libmsrp-test-XXXXXX", path[64], keys[4096];
    struct stat about;
    CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/keys", folder);
    libmsrp_session_options options = party_options();
    libmsrp_tls *tls = identity();
    CHECK_OK(libmsrp_tls_set_verify(tls, LIBMSRP_VERIFY_FINGERPRINT, NULL, 0));
    CHECK_OK(libmsrp_tls_set_keylog(tls, LIBMSRP_TEXT(path)));
    options.tls = tls;
    chat(new_engine(), &options);
    FILE *file = fopen(path, "r");
    CHECK(file != NULL && fstat(fileno(file), &about) == 0 && (about.st_mode & 0777) == 0600);
    keys[fread(keys, 1, sizeof(keys) - 1, file)] = '\0';
    CHECK(fclose(file) == 0 && strstr(keys, "CLIENT_TRAFFIC_SECRET_0 ") != NULL);
    unlink(path);
    rmdir(folder);
    libmsrp_tls_free(tls);
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
    certificates_of_peers();
    without_a_certificate();
    known_by_the_host();
    read_again();
    key_log();
    versions();
    unverified_is_counted();
    refused();
    a_listener();
    return passed("tls");
}
