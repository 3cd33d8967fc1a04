/* What every function says to NULL, to numbers out of range and to text that is none. */

#include "pair.h"

static party alice, bob;

/* Not UTF-8. */
static const uint8_t BAD[] = {'a', 0xff, 'b'};
#define BAD_TEXT BAD, sizeof(BAD)
#define NULL_TEXT (const uint8_t *)NULL, 3

static libmsrp_slice slice_of(const uint8_t *ptr, size_t len) {
    libmsrp_slice slice;
    slice.ptr = ptr;
    slice.len = len;
    return slice;
}

static int64_t never_read(libmsrp_engine *engine, libmsrp_transfer transfer, uint8_t *buffer, size_t capacity,
                          void *user) {
    (void)engine, (void)transfer, (void)buffer, (void)capacity, (void)user;
    CHECK(!"called although the stream was refused");
    return 0;
}

/* Every function that takes an engine, without one. */
static void no_engine(void) {
    int32_t fd = 77;
    uint16_t port = 77;
    uint64_t handle = 77, count = 77;
    libmsrp_state state = LIBMSRP_STATE_OPEN;
    libmsrp_text *text = NULL;
    libmsrp_body *body = NULL;
    libmsrp_stats stats = LIBMSRP_STATS_INIT;

    CHECK_INVALID(libmsrp_engine_new(NULL, NULL));
    CHECK_OK(libmsrp_engine_free(NULL));
    CHECK_INVALID(libmsrp_engine_shutdown(NULL, 0));
    CHECK_INVALID(libmsrp_engine_fd(NULL, &fd));
    CHECK_INVALID(libmsrp_engine_process(NULL, 0));
    CHECK_INVALID(libmsrp_engine_wakeup(NULL));
    CHECK_INVALID(libmsrp_engine_stats(NULL, &stats));
    CHECK_INVALID(libmsrp_engine_set_log(NULL, LIBMSRP_LOG_LEVEL_INFO, NULL, NULL, NULL));
    CHECK_INVALID(libmsrp_listener_new(NULL, LIBMSRP_TEXT("127.0.0.1"), 0, NULL, &handle));
    CHECK_INVALID(libmsrp_listener_port(NULL, 1, &port));
    CHECK_INVALID(libmsrp_listener_close(NULL, 1));
    CHECK_INVALID(libmsrp_session_new(NULL, NULL, NULL, NULL, &handle));
    CHECK_INVALID(libmsrp_session_local_path(NULL, 1, &text));
    CHECK_INVALID(libmsrp_session_local_media(NULL, 1, &text));
    CHECK_INVALID(libmsrp_session_create_offer(NULL, 1, &text));
    CHECK_INVALID(libmsrp_session_create_answer(NULL, 1, LIBMSRP_TEXT("v=0"), -1, &text));
    CHECK_INVALID(libmsrp_session_set_remote(NULL, 1, LIBMSRP_TEXT("v=0"), -1));
    CHECK_INVALID(libmsrp_session_set_remote_path(NULL, 1, LIBMSRP_TEXT("msrp://a/b;tcp"), 1, NULL, 0));
    CHECK_INVALID(libmsrp_session_open(NULL, 1, 0));
    CHECK_INVALID(libmsrp_session_close(NULL, 1, 0));
    CHECK_INVALID(libmsrp_session_abort(NULL, 1));
    CHECK_INVALID(libmsrp_session_state(NULL, 1, &state));
    CHECK_INVALID(libmsrp_session_pause(NULL, 1));
    CHECK_INVALID(libmsrp_session_resume(NULL, 1));
    CHECK_INVALID(libmsrp_session_set_user_data(NULL, 1, NULL));
    CHECK_INVALID(libmsrp_send(NULL, 1, NULL, LIBMSRP_TEXT("x"), &handle));
    CHECK_INVALID(libmsrp_send_take(NULL, 1, NULL, LIBMSRP_TEXT("x"), NULL, NULL, &handle));
    CHECK_INVALID(libmsrp_send_file(NULL, 1, NULL, LIBMSRP_TEXT("x"), &handle));
    CHECK_INVALID(libmsrp_send_stream(NULL, 1, NULL, 1, never_read, NULL, NULL, &handle));
    CHECK_INVALID(libmsrp_send_request(NULL, 1, LIBMSRP_TEXT("PING"), NULL, NULL, 0, &handle));
    CHECK_INVALID(libmsrp_stream_resume(NULL, 1));
    CHECK_INVALID(libmsrp_stream_flush(NULL, 1));
    CHECK_INVALID(libmsrp_transfer_abort(NULL, 1));
    CHECK_INVALID(libmsrp_transfer_progress(NULL, 1, &count, &count));
    CHECK_INVALID(libmsrp_transfer_message_id(NULL, 1, &text));
    CHECK_INVALID(libmsrp_message_consume(NULL, 1, 1));
    CHECK_INVALID(libmsrp_message_header(NULL, 1, LIBMSRP_TEXT("x"), &text));
    CHECK_INVALID(libmsrp_message_retain(NULL, 1));
    CHECK_INVALID(libmsrp_message_release(NULL, 1));
    CHECK_INVALID(libmsrp_message_reject(NULL, 1, 413, NULL, 0));
    CHECK_INVALID(libmsrp_message_report(NULL, 1, 200, NULL, 0));
    CHECK_INVALID(libmsrp_request_respond(NULL, 1, 200, NULL, 0, NULL, 0));
    CHECK_INVALID(libmsrp_request_header(NULL, 1, LIBMSRP_TEXT("x"), &text));
    CHECK_INVALID(libmsrp_body_retain(NULL, BAD, 1, &body));
    CHECK(strcmp(libmsrp_last_error(), "engine is NULL") == 0);

    /* Out-parameters are written only on success. */
    CHECK(fd == 77 && port == 77 && handle == 77 && count == 77 && !text && !body);
    CHECK(state == LIBMSRP_STATE_OPEN);

    /* What only gives something back takes NULL. */
    libmsrp_text_free(NULL);
    libmsrp_body_release(NULL);
    libmsrp_tls_free(NULL);
    CHECK(libmsrp_text_ptr(NULL) == NULL && libmsrp_text_len(NULL) == 0);
    CHECK(libmsrp_body_ptr(NULL) == NULL && libmsrp_body_len(NULL) == 0);
}

/* Every out-parameter, without one. */
static void nowhere_to_write(libmsrp_engine *engine) {
    const libmsrp_session session = alice.session;
    CHECK_INVALID(libmsrp_engine_fd(engine, NULL));
    CHECK_INVALID(libmsrp_engine_stats(engine, NULL));
    CHECK_INVALID(libmsrp_tls_new(NULL));
    CHECK_INVALID(libmsrp_listener_new(engine, LIBMSRP_TEXT("127.0.0.1"), 0, NULL, NULL));
    CHECK_INVALID(libmsrp_listener_port(engine, 1, NULL));
    CHECK_INVALID(libmsrp_session_new(engine, NULL, NULL, NULL, NULL));
    CHECK_INVALID(libmsrp_session_local_path(engine, session, NULL));
    CHECK_INVALID(libmsrp_session_local_media(engine, session, NULL));
    CHECK_INVALID(libmsrp_session_create_offer(engine, session, NULL));
    CHECK_INVALID(libmsrp_session_create_answer(engine, session, LIBMSRP_TEXT("v=0"), -1, NULL));
    CHECK_INVALID(libmsrp_session_state(engine, session, NULL));
    CHECK_INVALID(libmsrp_send(engine, session, NULL, LIBMSRP_TEXT("x"), NULL));
    CHECK_INVALID(libmsrp_send_take(engine, session, NULL, LIBMSRP_TEXT("x"), NULL, NULL, NULL));
    CHECK_INVALID(libmsrp_send_file(engine, session, NULL, LIBMSRP_TEXT("x"), NULL));
    CHECK_INVALID(libmsrp_send_stream(engine, session, NULL, 1, never_read, NULL, NULL, NULL));
    CHECK_INVALID(libmsrp_send_request(engine, session, LIBMSRP_TEXT("PING"), NULL, NULL, 0, NULL));
    CHECK_INVALID(libmsrp_request_header(engine, 1, LIBMSRP_TEXT("x"), NULL));
    CHECK_INVALID(libmsrp_transfer_message_id(engine, 1, NULL));
    CHECK_INVALID(libmsrp_message_header(engine, 1, LIBMSRP_TEXT("x"), NULL));
    CHECK_INVALID(libmsrp_body_retain(engine, BAD, 1, NULL));
    CHECK(strcmp(libmsrp_last_error(), "out is NULL") == 0);
}

/* Every text, NULL and not UTF-8. */
static void texts(libmsrp_engine *engine) {
    const libmsrp_session session = alice.session;
    uint64_t handle = 0;
    libmsrp_text *text = NULL;
    CHECK_INVALID(libmsrp_listener_new(engine, NULL_TEXT, 0, NULL, &handle));
    CHECK_INVALID(libmsrp_listener_new(engine, BAD_TEXT, 0, NULL, &handle));
    CHECK_INVALID(libmsrp_listener_new(engine, LIBMSRP_TEXT(""), 0, NULL, &handle));
    CHECK_INVALID(libmsrp_session_create_answer(engine, session, NULL_TEXT, -1, &text));
    CHECK_RESULT(libmsrp_session_create_answer(engine, session, BAD_TEXT, -1, &text), LIBMSRP_ERR_INVALID_SDP);
    CHECK_INVALID(libmsrp_session_set_remote(engine, session, NULL_TEXT, -1));
    CHECK_RESULT(libmsrp_session_set_remote(engine, session, BAD_TEXT, -1), LIBMSRP_ERR_INVALID_SDP);
    CHECK_INVALID(libmsrp_session_set_remote_path(engine, session, NULL_TEXT, 1, NULL, 0));
    CHECK_INVALID(libmsrp_session_set_remote_path(engine, session, BAD_TEXT, 1, NULL, 0));
    CHECK_INVALID(libmsrp_session_set_remote_path(engine, session, LIBMSRP_TEXT("msrp://a/b;tcp"), 1, BAD_TEXT));
    CHECK_INVALID(libmsrp_send(engine, session, NULL, NULL_TEXT, &handle));
    CHECK_INVALID(libmsrp_send_take(engine, session, NULL, NULL_TEXT, NULL, NULL, &handle));
    CHECK_INVALID(libmsrp_send_take(engine, session, NULL, BAD, SIZE_MAX, NULL, NULL, &handle));
    CHECK_INVALID(libmsrp_send_file(engine, session, NULL, NULL_TEXT, &handle));
    CHECK_INVALID(libmsrp_send_request(engine, session, NULL_TEXT, NULL, NULL, 0, &handle));
    CHECK_INVALID(libmsrp_send_request(engine, session, BAD_TEXT, NULL, NULL, 0, &handle));
    CHECK_INVALID(libmsrp_send_request(engine, session, LIBMSRP_TEXT("PING"), NULL, NULL_TEXT, &handle));
    CHECK_INVALID(libmsrp_request_respond(engine, 1, 200, BAD_TEXT, NULL, 0));
    CHECK_INVALID(libmsrp_request_respond(engine, 1, 99, NULL, 0, NULL, 0));
    CHECK_INVALID(libmsrp_request_respond(engine, 1, 200, NULL, 0, NULL, 1));
    CHECK_INVALID(libmsrp_request_header(engine, 1, NULL_TEXT, &text));
    CHECK_INVALID(libmsrp_request_header(engine, 1, BAD_TEXT, &text));
    CHECK_INVALID(libmsrp_message_header(engine, 1, NULL_TEXT, &text));
    CHECK_INVALID(libmsrp_message_header(engine, 1, BAD_TEXT, &text));
    CHECK(strcmp(libmsrp_last_error(), "name is not UTF-8 at octet 1") == 0);
    CHECK_INVALID(libmsrp_message_reject(engine, 1, 413, BAD_TEXT));
    CHECK_INVALID(libmsrp_message_report(engine, 1, 200, BAD_TEXT));

    /* Wrong in other ways than in their form. */
    CHECK_RESULT(libmsrp_session_set_remote(engine, session, LIBMSRP_TEXT("v=nonsense"), -1), LIBMSRP_ERR_INVALID_SDP);
    CHECK_RESULT(libmsrp_session_create_answer(engine, session, LIBMSRP_TEXT(""), -1, &text), LIBMSRP_ERR_INVALID_SDP);
    CHECK_RESULT(libmsrp_session_set_remote_path(engine, session, LIBMSRP_TEXT("http://a/b"), 1, NULL, 0),
                 LIBMSRP_ERR_INVALID_URI);
    CHECK_RESULT(libmsrp_listener_new(engine, LIBMSRP_TEXT("192.0.2.1"), 0, NULL, &handle), LIBMSRP_ERR_CONNECT);
    CHECK(text == NULL && handle == 0);
}

/* One option at a time. */
static void session_options(libmsrp_engine *engine) {
    const libmsrp_session_options defaults = LIBMSRP_SESSION_OPTIONS_INIT;
    libmsrp_session_options options;
    libmsrp_session session = 77;
#define CHECK_OPTION(result, member, value)                                                  \
    options = defaults;                                                                      \
    options.member = value;                                                                  \
    CHECK_RESULT(libmsrp_session_new(engine, &options, NULL, NULL, &session), result)
    CHECK_OPTION(LIBMSRP_ERR_GONE, listener, 12345);
    CHECK_OPTION(LIBMSRP_ERR_INVALID_ARGUMENT, host, slice_of(NULL, 1));
    CHECK_OPTION(LIBMSRP_ERR_INVALID_ARGUMENT, host, slice_of(BAD, sizeof(BAD)));
    CHECK_OPTION(LIBMSRP_ERR_INVALID_ARGUMENT, host, LIBMSRP_SLICE("0.0.0.0"));
    CHECK_OPTION(LIBMSRP_ERR_INVALID_ARGUMENT, advertise_host, slice_of(BAD, sizeof(BAD)));
    CHECK_OPTION(LIBMSRP_ERR_INVALID_ARGUMENT, advertise_port, 5000);
    CHECK_OPTION(LIBMSRP_ERR_INVALID_ARGUMENT, accept_types, slice_of(BAD, sizeof(BAD)));
    CHECK_OPTION(LIBMSRP_ERR_INVALID_ARGUMENT, accept_types, LIBMSRP_SLICE("no-slash"));
    CHECK_OPTION(LIBMSRP_ERR_INVALID_ARGUMENT, accept_wrapped_types, slice_of(BAD, sizeof(BAD)));
    CHECK_OPTION(LIBMSRP_ERR_INVALID_ARGUMENT, keep_alive_ms, -1);
    CHECK_OPTION(LIBMSRP_ERR_INVALID_ARGUMENT, report_timeout_ms, -1);
    CHECK_OPTION(LIBMSRP_ERR_INVALID_ARGUMENT, setup, (libmsrp_setup)3);
    CHECK_OPTION(LIBMSRP_ERR_INVALID_ARGUMENT, setup, (libmsrp_setup)-1);
    CHECK_OPTION(LIBMSRP_ERR_INVALID_ARGUMENT, connection_sharing, (libmsrp_sharing)2);
    CHECK_OPTION(LIBMSRP_ERR_INVALID_ARGUMENT, reports, (libmsrp_reports)7);
    CHECK_OPTION(LIBMSRP_ERR_INVALID_ARGUMENT, profile, (libmsrp_profile)7);
    CHECK_OPTION(LIBMSRP_ERR_INVALID_ARGUMENT, profile, (libmsrp_profile)-1);
    CHECK_OPTION(LIBMSRP_ERR_INVALID_ARGUMENT, session_match, (libmsrp_session_match)3);
    CHECK_OPTION(LIBMSRP_ERR_INVALID_ARGUMENT, pacing, (libmsrp_pacing)3);
    CHECK_OPTION(LIBMSRP_ERR_INVALID_ARGUMENT, dash_split, (libmsrp_dash_split)3);
    CHECK_OPTION(LIBMSRP_ERR_INVALID_ARGUMENT, methods, slice_of(BAD, sizeof(BAD)));
    CHECK_OPTION(LIBMSRP_ERR_INVALID_ARGUMENT, methods, LIBMSRP_SLICE("PING SEND"));
    CHECK(session == 77);
    CHECK_OPTION(LIBMSRP_OK, chunk_len, LIBMSRP_CHUNK_LEN_UNBOUNDED);
    CHECK(session != 77);
}

static void engine_options(void) {
    const libmsrp_engine_options defaults = LIBMSRP_ENGINE_OPTIONS_INIT;
    libmsrp_limits limits = LIBMSRP_LIMITS_INIT;
    libmsrp_engine_options options = defaults;
    libmsrp_engine *engine = NULL;
    options.dispatch = (libmsrp_dispatch)2;
    CHECK_INVALID(libmsrp_engine_new(&options, &engine));
    options = defaults;
    options.limits = &limits;
    limits.transaction_ms = -5;
    CHECK_INVALID(libmsrp_engine_new(&options, &engine));
    CHECK(strstr(libmsrp_last_error(), "transaction_ms") != NULL);
    limits.transaction_ms = 0;
    limits.struct_size = 1;
    CHECK_INVALID(libmsrp_engine_new(&options, &engine));
    CHECK(engine == NULL);
}

static void send_options(libmsrp_engine *engine) {
    const libmsrp_send_options defaults = LIBMSRP_SEND_OPTIONS_INIT;
    libmsrp_send_options options;
    libmsrp_transfer transfer = 77;
    libmsrp_header header;
#define CHECK_SEND(member, value)                                                            \
    options = defaults;                                                                      \
    options.member = value;                                                                  \
    CHECK_INVALID(libmsrp_send(engine, alice.session, &options, LIBMSRP_TEXT("x"), &transfer)); \
    CHECK_INVALID(libmsrp_send_file(engine, alice.session, &options, LIBMSRP_TEXT("/dev/null"), &transfer)); \
    CHECK_INVALID(libmsrp_send_stream(engine, alice.session, &options, 5, never_read, NULL, NULL, &transfer))
    CHECK_SEND(content_type, slice_of(BAD, sizeof(BAD)));
    CHECK_SEND(content_type, LIBMSRP_SLICE("no type"));
    CHECK_SEND(content_type, LIBMSRP_SLICE("text/plain\r\nX-Injected: yes"));
    CHECK_SEND(message_id, slice_of(BAD, sizeof(BAD)));
    CHECK_SEND(message_id, LIBMSRP_SLICE("white space"));
    CHECK_SEND(failure_report, (libmsrp_failure_report)3);
    CHECK_SEND(header_count, 1);
    CHECK_SEND(header_count, SIZE_MAX);

    options = defaults;
    options.headers = &header;
    options.header_count = 1;
    const char *names[] = {"", "To-Path", "Content-Type", "two words", "X-A:"};
    for (size_t at = 0; at < sizeof(names) / sizeof(names[0]); at++) {
        header.name = LIBMSRP_SLICE(names[at]);
        header.value = LIBMSRP_SLICE("value");
        CHECK_INVALID(libmsrp_send(engine, alice.session, &options, LIBMSRP_TEXT("x"), &transfer));
    }
    options.header_count = 1025;
    CHECK_INVALID(libmsrp_send(engine, alice.session, &options, LIBMSRP_TEXT("x"), &transfer));
    options.header_count = 1;
    header.name = LIBMSRP_SLICE("X-Good");
    header.value = LIBMSRP_SLICE("line\r\nend");
    CHECK_INVALID(libmsrp_send(engine, alice.session, &options, LIBMSRP_TEXT("x"), &transfer));
    CHECK_INVALID(libmsrp_send_stream(engine, alice.session, NULL, 5, NULL, NULL, NULL, &transfer));
    CHECK(transfer == 77);
}

static void tls_and_log(libmsrp_engine *engine) {
    libmsrp_tls *tls = NULL;
    CHECK_OK(libmsrp_tls_new(&tls));
    CHECK_INVALID(libmsrp_tls_add_ca(NULL, LIBMSRP_PEM_TEXT, LIBMSRP_TEXT("x")));
    CHECK_INVALID(libmsrp_tls_add_ca(tls, (libmsrp_pem)2, LIBMSRP_TEXT("x")));
    CHECK_INVALID(libmsrp_tls_add_ca(tls, LIBMSRP_PEM_TEXT, NULL_TEXT));
    CHECK_INVALID(libmsrp_tls_add_ca(tls, LIBMSRP_PEM_TEXT, NULL, 0));
    CHECK_INVALID(libmsrp_tls_add_ca(tls, LIBMSRP_PEM_FILE, LIBMSRP_TEXT("/nowhere/ca.pem")));
    CHECK(strstr(libmsrp_last_error(), "/nowhere/ca.pem") != NULL);
    CHECK_INVALID(libmsrp_tls_set_identity(NULL, LIBMSRP_PEM_TEXT, LIBMSRP_TEXT("x"), LIBMSRP_TEXT("x")));
    CHECK_INVALID(libmsrp_tls_set_identity(tls, (libmsrp_pem)-1, LIBMSRP_TEXT("x"), LIBMSRP_TEXT("x")));
    CHECK_INVALID(libmsrp_tls_set_identity(tls, LIBMSRP_PEM_TEXT, LIBMSRP_TEXT("x"), NULL_TEXT));
    CHECK_INVALID(libmsrp_tls_set_identity(tls, LIBMSRP_PEM_FILE, LIBMSRP_TEXT("/nowhere"), LIBMSRP_TEXT("/nowhere")));
    CHECK_INVALID(libmsrp_tls_set_verify(NULL, LIBMSRP_VERIFY_CA, NULL, 0));
    CHECK_INVALID(libmsrp_tls_set_verify(tls, (libmsrp_verify)3, NULL, 0));
    CHECK_INVALID(libmsrp_tls_set_verify(tls, LIBMSRP_VERIFY_CA, BAD_TEXT));

    CHECK_INVALID(libmsrp_tls_set_client_auth(NULL, LIBMSRP_CLIENT_AUTH_NONE));
    CHECK_INVALID(libmsrp_tls_set_client_auth(tls, (libmsrp_client_auth)3));
    CHECK_INVALID(libmsrp_tls_set_versions(NULL, LIBMSRP_TLS_VERSION_TLS12, LIBMSRP_TLS_VERSION_TLS13));
    CHECK_INVALID(libmsrp_tls_set_versions(tls, (libmsrp_tls_version)0, LIBMSRP_TLS_VERSION_TLS13));
    CHECK_INVALID(libmsrp_tls_set_versions(tls, LIBMSRP_TLS_VERSION_TLS12, (libmsrp_tls_version)11));
    CHECK_INVALID(libmsrp_tls_set_versions(tls, LIBMSRP_TLS_VERSION_TLS13, LIBMSRP_TLS_VERSION_TLS12));
    CHECK_INVALID(libmsrp_tls_set_peer_names(NULL, 1));
    CHECK_INVALID(libmsrp_tls_set_keylog(NULL, NULL, 0));
    CHECK_INVALID(libmsrp_tls_set_keylog(tls, NULL_TEXT));
    CHECK_OK(libmsrp_tls_set_keylog(tls, NULL, 0));
    CHECK_INVALID(libmsrp_tls_add_fingerprint(NULL, LIBMSRP_TEXT("sha-256 AB")));
    CHECK_INVALID(libmsrp_tls_add_fingerprint(tls, LIBMSRP_TEXT("sha-256 AB")));
    CHECK_INVALID(libmsrp_tls_add_fingerprint(tls, NULL_TEXT));
    CHECK_INVALID(libmsrp_tls_add_fingerprint(tls, BAD_TEXT));
    CHECK_INVALID(
        libmsrp_tls_add_fingerprint(tls, LIBMSRP_TEXT("md5 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF")));
    CHECK(strstr(libmsrp_last_error(), "md5") != NULL);

    /* Certificates that are made here, and their fingerprints. */
    libmsrp_text *cert = NULL, *key = NULL;
    CHECK_INVALID(libmsrp_tls_identity(tls, &cert, &key));
    CHECK_INVALID(libmsrp_tls_fingerprint(tls, LIBMSRP_TEXT("sha-256"), &cert));
    CHECK_INVALID(libmsrp_tls_self_signed(NULL, NULL, 0, 0));
    CHECK_INVALID(libmsrp_tls_self_signed(tls, NULL_TEXT, 0));
    CHECK_INVALID(libmsrp_tls_self_signed(tls, BAD_TEXT, 0));
    CHECK_INVALID(libmsrp_tls_self_signed(tls, NULL, 0, 36501));
    CHECK_INVALID(libmsrp_tls_self_signed(tls, LIBMSRP_TEXT("a.example im:"), 0));
    CHECK_INVALID(libmsrp_tls_self_signed(tls, LIBMSRP_TEXT("msrps://a.example/abc;tcp"), 0));
    CHECK(strstr(libmsrp_last_error(), "MSRP URI") != NULL);
    CHECK_INVALID(libmsrp_tls_identity(tls, &cert, &key));
    CHECK_OK(libmsrp_tls_self_signed(tls, NULL, 0, 0));
    CHECK_INVALID(libmsrp_tls_identity(NULL, &cert, &key));
    CHECK_INVALID(libmsrp_tls_identity(tls, NULL, &key));
    CHECK_INVALID(libmsrp_tls_identity(tls, &cert, NULL));
    CHECK_INVALID(libmsrp_tls_fingerprint(NULL, LIBMSRP_TEXT("sha-256"), &cert));
    CHECK_INVALID(libmsrp_tls_fingerprint(tls, LIBMSRP_TEXT("md5"), &cert));
    CHECK_INVALID(libmsrp_tls_fingerprint(tls, BAD_TEXT, &cert));
    CHECK_INVALID(libmsrp_tls_fingerprint(tls, LIBMSRP_TEXT("sha-256"), NULL));
    CHECK(cert == NULL && key == NULL);
    libmsrp_tls_free(tls);
    CHECK_OK(libmsrp_tls_new(&tls));

    /* A listener needs an identity that is one. */
    libmsrp_listener listener = 0;
    CHECK_INVALID(libmsrp_listener_new(engine, LIBMSRP_TEXT("127.0.0.1"), 0, tls, &listener));
    CHECK_OK(libmsrp_tls_set_identity(tls, LIBMSRP_PEM_TEXT, LIBMSRP_TEXT("no"), LIBMSRP_TEXT("PEM")));
    CHECK_INVALID(libmsrp_listener_new(engine, LIBMSRP_TEXT("127.0.0.1"), 0, tls, &listener));
    CHECK(strstr(libmsrp_last_error(), "certificate") != NULL);
    libmsrp_tls_free(tls);

    CHECK_INVALID(libmsrp_engine_set_log(engine, (libmsrp_log_level)6, NULL, NULL, NULL));
    CHECK_INVALID(libmsrp_engine_set_log(engine, (libmsrp_log_level)-1, NULL, NULL, NULL));
}

static void numbers(libmsrp_engine *engine) {
    libmsrp_text *text = NULL;
    libmsrp_text *offer = NULL;
    CHECK_OK(libmsrp_session_create_offer(engine, bob.session, &offer));
    const uint8_t *sdp = (const uint8_t *)libmsrp_text_ptr(offer);
    const size_t len = libmsrp_text_len(offer);
    CHECK_INVALID(libmsrp_session_set_remote(engine, alice.session, sdp, len, -2));
    CHECK_INVALID(libmsrp_session_set_remote(engine, alice.session, sdp, len, INT32_MIN));
    CHECK_INVALID(libmsrp_session_create_answer(engine, alice.session, sdp, len, -2, &text));
    CHECK(libmsrp_session_create_answer(engine, alice.session, sdp, len, 1, &text) < 0 && text == NULL);
    libmsrp_text_free(offer);

    /* Not opened yet: there is no remote side. */
    CHECK_INVALID(libmsrp_session_open(engine, alice.session, 1000));
    CHECK_GONE(libmsrp_message_reject(engine, 1, 413, NULL, 0));
    CHECK_GONE(libmsrp_message_report(engine, 1, 200, NULL, 0));
    CHECK_GONE(libmsrp_message_release(engine, 1));
    CHECK_GONE(libmsrp_request_respond(engine, 1, 200, NULL, 0, NULL, 0));
    CHECK_INVALID(libmsrp_body_retain(engine, sdp, 1, (libmsrp_body **)&text));
    CHECK_OK(libmsrp_engine_shutdown(engine, -1));
}

int main(void) {
    no_engine();
    engine_options();
    libmsrp_engine *engine = new_engine();
    party_new(&alice, engine, 1, NULL);
    party_new(&bob, engine, 1, NULL);
    nowhere_to_write(engine);
    texts(engine);
    session_options(engine);
    send_options(engine);
    tls_and_log(engine);
    numbers(engine);
    CHECK_OK(libmsrp_engine_free(engine));
    CHECK(alice.released_count == 1 && bob.released_count == 1);
    return passed("arguments");
}
