/* The binary interface: numbers, sizes and offsets never change, structs only grow at their end. */

#include "pair.h"

/* Each line: the number and the name. */
static void error_numbers(void) {
    static const struct {
        libmsrp_result result;
        int number;
        const char *name;
    } all[] = {
        {LIBMSRP_OK, 0, "LIBMSRP_OK"},
        {LIBMSRP_ERR_INVALID_ARGUMENT, -1, "LIBMSRP_ERR_INVALID_ARGUMENT"},
        {LIBMSRP_ERR_INVALID_URI, -2, "LIBMSRP_ERR_INVALID_URI"},
        {LIBMSRP_ERR_INVALID_SDP, -3, "LIBMSRP_ERR_INVALID_SDP"},
        {LIBMSRP_ERR_AGAIN, -4, "LIBMSRP_ERR_AGAIN"},
        {LIBMSRP_ERR_TOO_LARGE, -5, "LIBMSRP_ERR_TOO_LARGE"},
        {LIBMSRP_ERR_GONE, -6, "LIBMSRP_ERR_GONE"},
        {LIBMSRP_ERR_CONNECT, -7, "LIBMSRP_ERR_CONNECT"},
        {LIBMSRP_ERR_TLS, -8, "LIBMSRP_ERR_TLS"},
        {LIBMSRP_ERR_AUTH, -9, "LIBMSRP_ERR_AUTH"},
        {LIBMSRP_ERR_STATUS, -10, "LIBMSRP_ERR_STATUS"},
        {LIBMSRP_ERR_TIMEOUT, -11, "LIBMSRP_ERR_TIMEOUT"},
        {LIBMSRP_ERR_PROTOCOL, -12, "LIBMSRP_ERR_PROTOCOL"},
        {LIBMSRP_ERR_ABORTED, -13, "LIBMSRP_ERR_ABORTED"},
        {LIBMSRP_ERR_LIMIT, -14, "LIBMSRP_ERR_LIMIT"},
        {LIBMSRP_ERR_UNACCEPTED_TYPE, -15, "LIBMSRP_ERR_UNACCEPTED_TYPE"},
        {LIBMSRP_ERR_BUSY, -16, "LIBMSRP_ERR_BUSY"},
        {LIBMSRP_ERR_DEADLOCK, -17, "LIBMSRP_ERR_DEADLOCK"},
        {LIBMSRP_ERR_FORKED, -18, "LIBMSRP_ERR_FORKED"},
        {LIBMSRP_ERR_INTERNAL, -19, "LIBMSRP_ERR_INTERNAL"},
    };
    for (size_t at = 0; at < sizeof(all) / sizeof(all[0]); at++) {
        CHECK((int)all[at].result == all[at].number && all[at].number == -(int)at);
        CHECK(strcmp(libmsrp_result_name(all[at].result), all[at].name) == 0);
    }
    CHECK(strcmp(libmsrp_result_name((libmsrp_result)1), "unknown result") == 0);
    CHECK(strcmp(libmsrp_result_name((libmsrp_result)-1000), "unknown result") == 0);
}

static void enumerators(void) {
    CHECK(sizeof(libmsrp_result) == 4 && sizeof(libmsrp_state) == 4 && sizeof(libmsrp_body_verdict) == 4);
    CHECK(LIBMSRP_DISPATCH_HOST == 0 && LIBMSRP_DISPATCH_THREAD == 1);
    CHECK(LIBMSRP_LOG_LEVEL_OFF == 0 && LIBMSRP_LOG_LEVEL_DEBUG == 4 && LIBMSRP_LOG_LEVEL_TRACE == 5);
    CHECK(LIBMSRP_SETUP_ACTPASS == 0 && LIBMSRP_SETUP_ACTIVE == 1 && LIBMSRP_SETUP_PASSIVE == 2);
    CHECK(LIBMSRP_SHARING_PEER == 0 && LIBMSRP_SHARING_SESSION == 1);
    CHECK(LIBMSRP_REPORTS_AUTO == 0 && LIBMSRP_REPORTS_MANUAL == 1);
    CHECK(LIBMSRP_PROFILE_STRICT == 0 && LIBMSRP_PROFILE_KAMAILIO == 1 && LIBMSRP_PROFILE_OPENSIPS == 2);
    CHECK(LIBMSRP_PROFILE_FREESWITCH == 3 && LIBMSRP_PROFILE_BLINK == 4 && LIBMSRP_PROFILE_DOUBANGO == 5);
    CHECK(LIBMSRP_PROFILE_SESSMATCH == 6);
    CHECK(LIBMSRP_SESSION_MATCH_PROFILE == 0 && LIBMSRP_SESSION_MATCH_URI == 1 && LIBMSRP_SESSION_MATCH_SESSION_ID == 2);
    CHECK(LIBMSRP_PACING_PROFILE == 0 && LIBMSRP_PACING_PIPELINED == 1 && LIBMSRP_PACING_ONE == 2);
    CHECK(LIBMSRP_DASH_SPLIT_PROFILE == 0 && LIBMSRP_DASH_SPLIT_OFF == 1 && LIBMSRP_DASH_SPLIT_ON == 2);
    CHECK(LIBMSRP_STATE_NEW == 0 && LIBMSRP_STATE_OPEN == 2 && LIBMSRP_STATE_CLOSED == 4);
    CHECK(LIBMSRP_FAILURE_REPORT_YES == 0 && LIBMSRP_FAILURE_REPORT_NO == 1 && LIBMSRP_FAILURE_REPORT_PARTIAL == 2);
    CHECK(LIBMSRP_BODY_CONSUMED == 0 && LIBMSRP_BODY_LATER == 1);
    CHECK(LIBMSRP_REQUEST_DONE == 0 && LIBMSRP_REQUEST_LATER == 1);
    CHECK(LIBMSRP_END_COMPLETE == 0 && LIBMSRP_END_ABORTED == 1 && LIBMSRP_END_SESSION_CLOSED == 4);
    CHECK(LIBMSRP_TRANSFER_EVENT_PROGRESS == 0 && LIBMSRP_TRANSFER_EVENT_FAILED == 4);
    CHECK(LIBMSRP_TRANSFER_EVENT_UNCONFIRMED == 5);
    CHECK(LIBMSRP_CLOSE_REASON_LOCAL == 0 && LIBMSRP_CLOSE_REASON_BIND_TIMEOUT == 6);
    CHECK(LIBMSRP_CLOSE_REASON_STREAM_ENDED == 7);
    CHECK(LIBMSRP_DIRECTION_SENDRECV == 0 && LIBMSRP_DIRECTION_SENDONLY == 1);
    CHECK(LIBMSRP_DIRECTION_RECVONLY == 2 && LIBMSRP_DIRECTION_INACTIVE == 3);
    CHECK(LIBMSRP_PEM_FILE == 0 && LIBMSRP_PEM_TEXT == 1);
    CHECK(LIBMSRP_VERIFY_CA == 0 && LIBMSRP_VERIFY_FINGERPRINT == 1 && LIBMSRP_VERIFY_NONE == 2);
    CHECK(LIBMSRP_STREAM_DEFERRED == -1 && LIBMSRP_STREAM_FAIL == -2);
    CHECK(LIBMSRP_LENGTH_UNKNOWN == UINT64_MAX && LIBMSRP_CHUNK_LEN_UNBOUNDED == UINT32_MAX);
    CHECK(LIBMSRP_FOREVER == -1 && LIBMSRP_FIRST_MEDIA == -1 && LIBMSRP_MAX_RETAINED_MESSAGES == 1024);
}

/* As laid out where pointers have eight octets. */
#define CHECK_OFFSET(type, member, expected) CHECK(offsetof(type, member) == (expected))
static void layouts(void) {
    if (sizeof(void *) != 8) {
        return;
    }
    CHECK(sizeof(libmsrp_slice) == 16 && sizeof(libmsrp_header) == 32);

    CHECK(sizeof(libmsrp_engine_options) == 88);
    CHECK_OFFSET(libmsrp_engine_options, struct_size, 0);
    CHECK_OFFSET(libmsrp_engine_options, worker_threads, 8);
    CHECK_OFFSET(libmsrp_engine_options, dispatch, 12);
    CHECK_OFFSET(libmsrp_engine_options, limits, 16);
    CHECK_OFFSET(libmsrp_engine_options, tls, 24);
    CHECK_OFFSET(libmsrp_engine_options, on_engine_closed, 32);
    CHECK_OFFSET(libmsrp_engine_options, user, 40);
    CHECK_OFFSET(libmsrp_engine_options, on_release, 48);
    CHECK_OFFSET(libmsrp_engine_options, on_resolve, 56);
    CHECK_OFFSET(libmsrp_engine_options, on_dial, 64);
    CHECK_OFFSET(libmsrp_engine_options, first_port, 72);
    CHECK_OFFSET(libmsrp_engine_options, last_port, 74);
    CHECK_OFFSET(libmsrp_engine_options, on_service, 80);

    CHECK(sizeof(libmsrp_srv_record) == 24);
    CHECK_OFFSET(libmsrp_srv_record, weight, 2);
    CHECK_OFFSET(libmsrp_srv_record, port, 4);
    CHECK_OFFSET(libmsrp_srv_record, target, 8);

    CHECK(sizeof(libmsrp_connection_options) == 72);
    CHECK_OFFSET(libmsrp_connection_options, source_address, 8);
    CHECK_OFFSET(libmsrp_connection_options, connect_timeout_ms, 24);
    CHECK_OFFSET(libmsrp_connection_options, source_port_from_path, 32);
    CHECK_OFFSET(libmsrp_connection_options, source_port, 36);
    CHECK_OFFSET(libmsrp_connection_options, dscp, 38);
    CHECK_OFFSET(libmsrp_connection_options, interface_name, 40);
    CHECK_OFFSET(libmsrp_connection_options, tcp_keepalive_ms, 56);
    CHECK_OFFSET(libmsrp_connection_options, idle_ms, 64);

    CHECK(sizeof(libmsrp_relay_options) == 192);
    CHECK_OFFSET(libmsrp_relay_options, hosts, 8);
    CHECK_OFFSET(libmsrp_relay_options, realm, 24);
    CHECK_OFFSET(libmsrp_relay_options, algorithms, 40);
    CHECK_OFFSET(libmsrp_relay_options, networks, 56);
    CHECK_OFFSET(libmsrp_relay_options, tls, 72);
    CHECK_OFFSET(libmsrp_relay_options, lifetime_ms, 80);
    CHECK_OFFSET(libmsrp_relay_options, idle_ms, 128);
    CHECK_OFFSET(libmsrp_relay_options, max_tokens, 136);
    CHECK_OFFSET(libmsrp_relay_options, remembered_failures, 168);
    CHECK_OFFSET(libmsrp_relay_options, block_unknown_methods, 172);
    CHECK_OFFSET(libmsrp_relay_options, insecure_plain_auth, 184);
    CHECK_OFFSET(libmsrp_relay_options, port, 188);
    CHECK(sizeof(libmsrp_relay_callbacks) == 56);
    CHECK_OFFSET(libmsrp_relay_callbacks, on_credentials, 8);
    CHECK_OFFSET(libmsrp_relay_callbacks, on_closed, 40);
    CHECK_OFFSET(libmsrp_relay_callbacks, on_release, 48);
    CHECK(sizeof(libmsrp_relay_listener_options) == 64);
    CHECK_OFFSET(libmsrp_relay_listener_options, plain, 48);
    CHECK_OFFSET(libmsrp_relay_listener_options, dscp, 56);
    CHECK(sizeof(libmsrp_relay_credentials) == 64 && sizeof(libmsrp_relay_authorisation) == 40);
    CHECK(sizeof(libmsrp_relay_next_hop) == 48 && sizeof(libmsrp_relay_message) == 80);
    CHECK(sizeof(libmsrp_relay_stats) == 136);
    CHECK_OFFSET(libmsrp_relay_stats, auth_wrong, 128);

    CHECK(sizeof(libmsrp_listener_options) == 96);
    CHECK_OFFSET(libmsrp_listener_options, host, 8);
    CHECK_OFFSET(libmsrp_listener_options, tls, 24);
    CHECK_OFFSET(libmsrp_listener_options, advertise_host, 32);
    CHECK_OFFSET(libmsrp_listener_options, interface_name, 48);
    CHECK_OFFSET(libmsrp_listener_options, tcp_keepalive_ms, 64);
    CHECK_OFFSET(libmsrp_listener_options, idle_ms, 72);
    CHECK_OFFSET(libmsrp_listener_options, port, 80);
    CHECK_OFFSET(libmsrp_listener_options, first_port, 82);
    CHECK_OFFSET(libmsrp_listener_options, last_port, 84);
    CHECK_OFFSET(libmsrp_listener_options, advertise_port, 86);
    CHECK_OFFSET(libmsrp_listener_options, dscp, 88);

    CHECK(sizeof(libmsrp_limits) == 312);
    CHECK_OFFSET(libmsrp_limits, start_line_bytes, 8);
    CHECK_OFFSET(libmsrp_limits, send_window_bytes, 56);
    CHECK_OFFSET(libmsrp_limits, receive_window_bytes, 72);
    CHECK_OFFSET(libmsrp_limits, engine_memory_bytes, 176);
    CHECK_OFFSET(libmsrp_limits, stall_ms, 184);
    CHECK_OFFSET(libmsrp_limits, write_stall_ms, 232);
    CHECK_OFFSET(libmsrp_limits, small_message_bytes, 240);
    CHECK_OFFSET(libmsrp_limits, event_stream, 256);
    CHECK_OFFSET(libmsrp_limits, dial_rate, 264);
    CHECK_OFFSET(libmsrp_limits, resolve_ms, 288);
    CHECK_OFFSET(libmsrp_limits, foreign_relay_kept_ms, 304);

    CHECK(sizeof(libmsrp_traffic) == 72 && sizeof(libmsrp_histogram) == 176);
    CHECK(sizeof(libmsrp_stats) == 1368);
    CHECK_OFFSET(libmsrp_stats, connections, 8);
    CHECK_OFFSET(libmsrp_stats, protocol_errors, 112);
    CHECK_OFFSET(libmsrp_stats, trace_written, 120);
    CHECK_OFFSET(libmsrp_stats, sent, 136);
    CHECK_OFFSET(libmsrp_stats, received, 208);
    CHECK_OFFSET(libmsrp_stats, timeouts, 280);
    CHECK_OFFSET(libmsrp_stats, transaction_us, 304);
    CHECK_OFFSET(libmsrp_stats, chunk_received_bytes, 1184);
    CHECK_OFFSET(libmsrp_stats, tls_unverified, 1360);

    CHECK(sizeof(libmsrp_certificate_info) == 112);
    CHECK_OFFSET(libmsrp_certificate_info, der, 8);
    CHECK_OFFSET(libmsrp_certificate_info, subject, 24);
    CHECK_OFFSET(libmsrp_certificate_info, fingerprint, 72);
    CHECK_OFFSET(libmsrp_certificate_info, not_before, 88);
    CHECK_OFFSET(libmsrp_certificate_info, proof, 104);

    CHECK(sizeof(libmsrp_trace_options) == 48);
    CHECK_OFFSET(libmsrp_trace_options, path, 8);
    CHECK_OFFSET(libmsrp_trace_options, secrets, 24);
    CHECK_OFFSET(libmsrp_trace_options, files, 28);
    CHECK_OFFSET(libmsrp_trace_options, max_bytes, 32);
    CHECK_OFFSET(libmsrp_trace_options, queue_bytes, 40);

    CHECK(sizeof(libmsrp_session_options) == 232);
    CHECK_OFFSET(libmsrp_session_options, listener, 8);
    CHECK_OFFSET(libmsrp_session_options, host, 16);
    CHECK_OFFSET(libmsrp_session_options, advertise_host, 32);
    CHECK_OFFSET(libmsrp_session_options, accept_types, 48);
    CHECK_OFFSET(libmsrp_session_options, accept_wrapped_types, 64);
    CHECK_OFFSET(libmsrp_session_options, tls, 80);
    CHECK_OFFSET(libmsrp_session_options, max_size_bytes, 88);
    CHECK_OFFSET(libmsrp_session_options, keep_alive_ms, 96);
    CHECK_OFFSET(libmsrp_session_options, chunk_len, 104);
    CHECK_OFFSET(libmsrp_session_options, port, 108);
    CHECK_OFFSET(libmsrp_session_options, advertise_port, 110);
    CHECK_OFFSET(libmsrp_session_options, secure, 112);
    CHECK_OFFSET(libmsrp_session_options, setup, 116);
    CHECK_OFFSET(libmsrp_session_options, connection_sharing, 120);
    CHECK_OFFSET(libmsrp_session_options, reports, 124);
    CHECK_OFFSET(libmsrp_session_options, report_timeout_ms, 128);
    CHECK_OFFSET(libmsrp_session_options, profile, 136);
    CHECK_OFFSET(libmsrp_session_options, session_match, 140);
    CHECK_OFFSET(libmsrp_session_options, pacing, 144);
    CHECK_OFFSET(libmsrp_session_options, dash_split, 148);
    CHECK_OFFSET(libmsrp_session_options, methods, 152);
    CHECK_OFFSET(libmsrp_session_options, title, 168);
    CHECK_OFFSET(libmsrp_session_options, attributes, 184);
    CHECK_OFFSET(libmsrp_session_options, attribute_count, 192);
    CHECK_OFFSET(libmsrp_session_options, connection, 200);
    CHECK_OFFSET(libmsrp_session_options, direction, 208);
    CHECK_OFFSET(libmsrp_session_options, cema, 212);
    CHECK_OFFSET(libmsrp_session_options, relays, 216);
    CHECK_OFFSET(libmsrp_session_options, relay_count, 224);

    CHECK(sizeof(libmsrp_relay_login) == 112);
    CHECK_OFFSET(libmsrp_relay_login, uri, 8);
    CHECK_OFFSET(libmsrp_relay_login, username, 24);
    CHECK_OFFSET(libmsrp_relay_login, password, 40);
    CHECK_OFFSET(libmsrp_relay_login, ha1, 56);
    CHECK_OFFSET(libmsrp_relay_login, realm, 72);
    CHECK_OFFSET(libmsrp_relay_login, tls, 88);
    CHECK_OFFSET(libmsrp_relay_login, expires_ms, 96);
    CHECK_OFFSET(libmsrp_relay_login, insecure_plain_auth, 104);
    CHECK_OFFSET(libmsrp_relay_login, accept_unproved, 108);
    CHECK(sizeof(libmsrp_relay_info) == 64);
    CHECK_OFFSET(libmsrp_relay_info, result, 8);
    CHECK_OFFSET(libmsrp_relay_info, offer_due, 12);
    CHECK_OFFSET(libmsrp_relay_info, text, 16);
    CHECK_OFFSET(libmsrp_relay_info, path, 32);
    CHECK_OFFSET(libmsrp_relay_info, lifetime_ms, 48);
    CHECK_OFFSET(libmsrp_relay_info, login, 56);

    CHECK(sizeof(libmsrp_sdp_stream) == 16);
    CHECK_OFFSET(libmsrp_sdp_stream, index, 8);
    CHECK(sizeof(libmsrp_sdp_line) == 112);
    CHECK_OFFSET(libmsrp_sdp_line, media, 8);
    CHECK_OFFSET(libmsrp_sdp_line, protocol, 24);
    CHECK_OFFSET(libmsrp_sdp_line, formats, 40);
    CHECK_OFFSET(libmsrp_sdp_line, address, 56);
    CHECK_OFFSET(libmsrp_sdp_line, address_type, 72);
    CHECK_OFFSET(libmsrp_sdp_line, title, 88);
    CHECK_OFFSET(libmsrp_sdp_line, port, 104);
    CHECK_OFFSET(libmsrp_sdp_line, port_count, 108);

    CHECK(sizeof(libmsrp_session_callbacks) == 120);
    CHECK_OFFSET(libmsrp_session_callbacks, on_state, 8);
    CHECK_OFFSET(libmsrp_session_callbacks, on_message_begin, 16);
    CHECK_OFFSET(libmsrp_session_callbacks, on_body, 24);
    CHECK_OFFSET(libmsrp_session_callbacks, on_message_end, 32);
    CHECK_OFFSET(libmsrp_session_callbacks, on_message, 40);
    CHECK_OFFSET(libmsrp_session_callbacks, on_report, 48);
    CHECK_OFFSET(libmsrp_session_callbacks, on_transfer, 56);
    CHECK_OFFSET(libmsrp_session_callbacks, on_writable, 64);
    CHECK_OFFSET(libmsrp_session_callbacks, on_closed, 72);
    CHECK_OFFSET(libmsrp_session_callbacks, on_release, 80);
    CHECK_OFFSET(libmsrp_session_callbacks, on_request, 88);
    CHECK_OFFSET(libmsrp_session_callbacks, on_response, 96);
    CHECK_OFFSET(libmsrp_session_callbacks, on_prepared, 104);
    CHECK_OFFSET(libmsrp_session_callbacks, on_relay, 112);

    CHECK(sizeof(libmsrp_send_options) == 80);
    CHECK_OFFSET(libmsrp_send_options, content_type, 8);
    CHECK_OFFSET(libmsrp_send_options, message_id, 24);
    CHECK_OFFSET(libmsrp_send_options, headers, 40);
    CHECK_OFFSET(libmsrp_send_options, header_count, 48);
    CHECK_OFFSET(libmsrp_send_options, success_report, 56);
    CHECK_OFFSET(libmsrp_send_options, failure_report, 60);
    CHECK_OFFSET(libmsrp_send_options, message_id_out, 64);
    CHECK_OFFSET(libmsrp_send_options, control, 72);

    CHECK(sizeof(libmsrp_request_options) == 64);
    CHECK_OFFSET(libmsrp_request_options, content_type, 8);
    CHECK_OFFSET(libmsrp_request_options, message_id, 24);
    CHECK_OFFSET(libmsrp_request_options, headers, 40);
    CHECK_OFFSET(libmsrp_request_options, header_count, 48);
    CHECK_OFFSET(libmsrp_request_options, message_id_out, 56);

    CHECK(sizeof(libmsrp_request_info) == 72);
    CHECK_OFFSET(libmsrp_request_info, method, 8);
    CHECK_OFFSET(libmsrp_request_info, message_id, 24);
    CHECK_OFFSET(libmsrp_request_info, content_type, 40);
    CHECK_OFFSET(libmsrp_request_info, headers, 56);
    CHECK_OFFSET(libmsrp_request_info, header_count, 64);

    CHECK(sizeof(libmsrp_response) == 48);
    CHECK_OFFSET(libmsrp_response, comment, 8);
    CHECK_OFFSET(libmsrp_response, headers, 24);
    CHECK_OFFSET(libmsrp_response, header_count, 32);
    CHECK_OFFSET(libmsrp_response, status, 40);

    CHECK(sizeof(libmsrp_message_info) == 72);
    CHECK_OFFSET(libmsrp_message_info, message_id, 8);
    CHECK_OFFSET(libmsrp_message_info, content_type, 24);
    CHECK_OFFSET(libmsrp_message_info, headers, 40);
    CHECK_OFFSET(libmsrp_message_info, header_count, 48);
    CHECK_OFFSET(libmsrp_message_info, total_bytes, 56);
    CHECK_OFFSET(libmsrp_message_info, success_report, 64);
    CHECK_OFFSET(libmsrp_message_info, failure_report, 68);

    CHECK(sizeof(libmsrp_message_end) == 24);
    CHECK_OFFSET(libmsrp_message_end, end, 8);
    CHECK_OFFSET(libmsrp_message_end, status, 12);
    CHECK_OFFSET(libmsrp_message_end, total_bytes, 16);

    CHECK(sizeof(libmsrp_transfer_info) == 56);
    CHECK_OFFSET(libmsrp_transfer_info, event, 8);
    CHECK_OFFSET(libmsrp_transfer_info, result, 12);
    CHECK_OFFSET(libmsrp_transfer_info, sent_bytes, 16);
    CHECK_OFFSET(libmsrp_transfer_info, total_bytes, 24);
    CHECK_OFFSET(libmsrp_transfer_info, text, 32);
    CHECK_OFFSET(libmsrp_transfer_info, status, 48);

    CHECK(sizeof(libmsrp_report) == 56);
    CHECK_OFFSET(libmsrp_report, range_start, 8);
    CHECK_OFFSET(libmsrp_report, range_end, 16);
    CHECK_OFFSET(libmsrp_report, total_bytes, 24);
    CHECK_OFFSET(libmsrp_report, comment, 32);
    CHECK_OFFSET(libmsrp_report, status, 48);

    CHECK(sizeof(libmsrp_close_info) == 56);
    CHECK_OFFSET(libmsrp_close_info, reason, 8);
    CHECK_OFFSET(libmsrp_close_info, result, 12);
    CHECK_OFFSET(libmsrp_close_info, text, 16);
    CHECK_OFFSET(libmsrp_close_info, unacknowledged, 32);
    CHECK_OFFSET(libmsrp_close_info, unacknowledged_count, 40);
    CHECK_OFFSET(libmsrp_close_info, status, 48);
}

/* A struct of a later version: more members at the end. */
typedef struct later_options {
    libmsrp_session_options known;
    uint64_t unknown[3];
} later_options;

static void structs_of_other_versions(void) {
    libmsrp_engine *engine = new_engine();
    libmsrp_session session = 0;

    /* An older program: fewer members. What it does not have is the default, whatever stands behind it. */
    libmsrp_session_options older;
    memset(&older, 0xff, sizeof(older));
    older.struct_size = offsetof(libmsrp_session_options, host);
    older.listener = 0;
    CHECK_OK(libmsrp_session_new(engine, &older, NULL, NULL, &session));
    older.struct_size = sizeof(size_t);
    CHECK_OK(libmsrp_session_new(engine, &older, NULL, NULL, &session));

    /* A newer program: what this library does not know has to be zero. */
    later_options newer;
    memset(&newer, 0, sizeof(newer));
    newer.known.struct_size = sizeof(newer);
    CHECK_OK(libmsrp_session_new(engine, &newer.known, NULL, NULL, &session));
    newer.unknown[2] = 1;
    const libmsrp_session before = session;
    CHECK_INVALID(libmsrp_session_new(engine, &newer.known, NULL, NULL, &session));
    CHECK(session == before);

    /* No size of anything. */
    newer.unknown[2] = 0;
    const size_t wrong[] = {0, 1, sizeof(size_t) - 1, 4097, SIZE_MAX};
    for (size_t at = 0; at < sizeof(wrong) / sizeof(wrong[0]); at++) {
        newer.known.struct_size = wrong[at];
        CHECK_INVALID(libmsrp_session_new(engine, &newer.known, NULL, NULL, &session));
    }

    /* Results are written as far as there is room. */
    libmsrp_stats stats;
    memset(&stats, 0xff, sizeof(stats));
    stats.struct_size = offsetof(libmsrp_stats, sessions);
    CHECK_OK(libmsrp_engine_stats(engine, &stats));
    CHECK(stats.struct_size == offsetof(libmsrp_stats, sessions));
    CHECK(stats.connections == 0 && stats.sessions == UINT64_MAX);
    stats.struct_size = 3;
    CHECK_INVALID(libmsrp_engine_stats(engine, &stats));
    CHECK_OK(libmsrp_engine_free(engine));
}

/* A program that was built before the members behind struct_size, which its memory holds something else for. */
#define OLDER(type, name, member) \
    type name; \
    memset(&name, 0, offsetof(type, member)); \
    memset((char *)&name + offsetof(type, member), 0xff, sizeof(name) - offsetof(type, member)); \
    name.struct_size = offsetof(type, member)

static void members_that_came_later(void) {
    OLDER(libmsrp_limits, limits, dial_rate);
    OLDER(libmsrp_engine_options, engine_options, on_resolve);
    OLDER(libmsrp_session_options, options, title);
    OLDER(libmsrp_session_callbacks, callbacks, on_prepared);
    OLDER(libmsrp_send_options, send_options, control);
    OLDER(libmsrp_connection_options, connection, source_port_from_path);
    OLDER(libmsrp_listener_options, listening, advertise_host);
    OLDER(libmsrp_sdp_line, line, title);
    libmsrp_engine *engine = NULL;
    libmsrp_session session = 0;
    libmsrp_listener listener = 0;
    libmsrp_transfer transfer = 0;
    libmsrp_sdp *sdp = NULL;
    libmsrp_text *path = NULL;
    engine_options.limits = &limits;
    CHECK_OK(libmsrp_engine_new(&engine_options, &engine));
    CHECK_OK(libmsrp_session_new(engine, &options, &callbacks, NULL, &session));
    CHECK_OK(libmsrp_session_relocate(engine, session, &options));
    CHECK_OK(libmsrp_session_local_path(engine, session, &path));
    CHECK_OK(libmsrp_session_set_remote_path(engine, session, LIBMSRP_TEXT(libmsrp_text_ptr(path)), 1, NULL, 0));
    libmsrp_text_free(path);
    CHECK_OK(libmsrp_send(engine, session, &send_options, LIBMSRP_TEXT("hello"), &transfer));
    OLDER(libmsrp_session_options, connecting, direction);
    connecting.connection = &connection;
    CHECK_OK(libmsrp_session_new(engine, &connecting, NULL, NULL, &session));
    listening.host = LIBMSRP_SLICE("127.0.0.1");
    CHECK_OK(libmsrp_listener_open(engine, &listening, &listener));
    CHECK_OK(libmsrp_sdp_new(&line, &sdp));
    OLDER(libmsrp_sdp_line, shown, port);
    CHECK_OK(libmsrp_sdp_get_line(sdp, &shown));
    CHECK(shown.media.len == strlen("message") && shown.port == UINT32_MAX);
    CHECK(shown.struct_size == offsetof(libmsrp_sdp_line, port));
    libmsrp_sdp_free(sdp);
    CHECK_OK(libmsrp_engine_free(engine));
}

static void initialisers(void) {
    libmsrp_connection_options connection = LIBMSRP_CONNECTION_OPTIONS_INIT;
    libmsrp_listener_options listener = LIBMSRP_LISTENER_OPTIONS_INIT;
    libmsrp_certificate_info certificate = LIBMSRP_CERTIFICATE_INFO_INIT;
    libmsrp_sdp_line line = LIBMSRP_SDP_LINE_INIT;
    CHECK(connection.struct_size == sizeof(connection) && connection.idle_ms == 0);
    CHECK(listener.struct_size == sizeof(listener) && listener.dscp == 0);
    CHECK(certificate.struct_size == sizeof(certificate) && certificate.proof == LIBMSRP_PROOF_NOTHING);
    CHECK(line.struct_size == sizeof(line) && line.port_count == 0);
    libmsrp_relay_options relay = LIBMSRP_RELAY_OPTIONS_INIT;
    libmsrp_relay_callbacks relay_callbacks = LIBMSRP_RELAY_CALLBACKS_INIT;
    libmsrp_relay_listener_options relay_listener = LIBMSRP_RELAY_LISTENER_OPTIONS_INIT;
    libmsrp_relay_stats relay_stats = LIBMSRP_RELAY_STATS_INIT;
    CHECK(relay.struct_size == sizeof(relay) && relay.port == 0);
    CHECK(relay_callbacks.struct_size == sizeof(relay_callbacks) && relay_callbacks.on_release == NULL);
    CHECK(relay_listener.struct_size == sizeof(relay_listener) && relay_listener.plain == 0);
    CHECK(relay_stats.struct_size == sizeof(relay_stats) && relay_stats.auth_wrong == 0);
    libmsrp_engine_options engine_options = LIBMSRP_ENGINE_OPTIONS_INIT;
    libmsrp_limits limits = LIBMSRP_LIMITS_INIT;
    libmsrp_session_options session_options = LIBMSRP_SESSION_OPTIONS_INIT;
    libmsrp_session_callbacks callbacks = LIBMSRP_SESSION_CALLBACKS_INIT;
    libmsrp_send_options send_options = LIBMSRP_SEND_OPTIONS_INIT;
    libmsrp_request_options request_options = LIBMSRP_REQUEST_OPTIONS_INIT;
    libmsrp_stats stats = LIBMSRP_STATS_INIT;
    CHECK(engine_options.struct_size == sizeof(engine_options) && engine_options.limits == NULL);
    CHECK(limits.struct_size == sizeof(limits) && limits.write_stall_ms == 0);
    CHECK(session_options.struct_size == sizeof(session_options) && session_options.host.ptr == NULL);
    CHECK(callbacks.struct_size == sizeof(callbacks) && callbacks.on_release == NULL);
    CHECK(send_options.struct_size == sizeof(send_options) && send_options.header_count == 0);
    CHECK(request_options.struct_size == sizeof(request_options) && request_options.header_count == 0);
    CHECK(stats.struct_size == sizeof(stats) && stats.protocol_errors == 0);
}

static void versions(void) {
    char expected[TEXT_LEN];
    snprintf(expected, sizeof(expected), "%d.%d.%d", LIBMSRP_VERSION_MAJOR, LIBMSRP_VERSION_MINOR,
             LIBMSRP_VERSION_PATCH);
    CHECK(strcmp(libmsrp_version(), LIBMSRP_VERSION_STRING) == 0);
    CHECK(strncmp(libmsrp_version(), expected, strlen(expected)) == 0);
    CHECK(libmsrp_abi_version() == LIBMSRP_ABI_VERSION);
}

int main(void) {
    error_numbers();
    enumerators();
    layouts();
    structs_of_other_versions();
    members_that_came_later();
    initialisers();
    versions();
    return passed("abi");
}
