/*
 * Every function of the library, as one table: each entry calls it with the handles of a caller and with arguments that
 * the caller's random numbers choose, wrong ones among them if it says so.
 *
 * tests/functions.c compares the table with the header, so that no function can be forgotten here.
 */
#ifndef CALLS_H
#define CALLS_H

#include "contract.h"
#include "tls_material.h"

/* What a function works on. */
typedef enum subject { ON_NOTHING, ON_ENGINE, ON_SESSION, ON_LISTENER, ON_MESSAGE, ON_TRANSFER, ON_STREAM, ON_QUERY, ON_RELAY } subject;

/* What the functions are called with, and what they gave. */
typedef struct caller {
    uint64_t random;
    int wrong; /* of a hundred arguments, so many are wrong on purpose */
    libmsrp_engine *engine;
    libmsrp_session session;
    libmsrp_message message;
    libmsrp_transfer transfer;
    libmsrp_listener listener;
    libmsrp_query query;
    libmsrp_relay relay;
    const char *sdp;                        /* an offer or answer, or NULL */
    const char *path;                       /* a remote path, or NULL */
    const libmsrp_session_callbacks *calls; /* for new sessions, or NULL */
    libmsrp_log_fn log_fn;
    libmsrp_read_fn read_fn;
    void *owner; /* goes into the objects */
    const uint8_t *data; /* of the running body callback */
    size_t data_len;

    libmsrp_session new_session;
    libmsrp_transfer new_transfer;
    libmsrp_listener new_listener;
    libmsrp_relay new_relay;
    libmsrp_text *new_sdp;
    libmsrp_body *new_body;
} caller;

/* User data: lives from before the call that takes it over until its destructor, which runs once. */
typedef struct object {
    uint32_t mark;
    void *owner;
} object;

enum { OBJECT_MARK = 0x6f626a31 };

static long objects_alive;

static inline object *object_new(void *owner) {
    object *self = (object *)malloc(sizeof(*self));
    CHECK(self != NULL);
    self->mark = OBJECT_MARK;
    self->owner = owner;
    __atomic_add_fetch(&objects_alive, 1, __ATOMIC_RELAXED);
    return self;
}

static void object_end(void *user) {
    object *self = (object *)user;
    CHECK(self->mark == OBJECT_MARK);
    self->mark = 0;
    free(self);
    __atomic_sub_fetch(&objects_alive, 1, __ATOMIC_RELAXED);
}

/* A lent buffer: the same, with its octets. */
static void loan_end(const uint8_t *data, size_t len, void *user) {
    CHECK(data != NULL || len == 0);
    free((void *)(uintptr_t)data);
    object_end(user);
}

static inline uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* 0 to bound - 1. */
static inline uint64_t below(caller *self, uint64_t bound) {
    return next_random(&self->random) % bound;
}

static inline int is_wrong(caller *self) {
    return (int)below(self, 100) < self->wrong;
}

/* `right`, or now and then NULL. */
#define MAYBE_NULL(type, self, right) ((type)(is_wrong(self) ? NULL : (void *)(right)))

static inline int32_t some_number(caller *self, int32_t right) {
    static const int32_t numbers[] = {-1, 0, 1, 2, 7, 1000, INT32_MAX, INT32_MIN};
    return is_wrong(self) ? numbers[below(self, 8)] : right;
}

static inline int64_t some_time(caller *self) {
    static const int64_t times[] = {0, 1, 20, 1000, DEADLINE_MS, -1};
    static const int64_t odd[] = {INT64_MIN, INT64_MAX, -77};
    return is_wrong(self) ? odd[below(self, 3)] : times[below(self, 6)];
}

/* `right`, or what is no text, or another text. */
static inline const uint8_t *some_text(caller *self, const char *right, size_t *len) {
    static const uint8_t bad[] = {'a', 0xff, 'b'};
    static const char *const odd[] = {"", "x", "v=0\r\n", "msrp://", "text/plain", "\r\n", "msrp://127.0.0.1:9/x;tcp"};
    if (is_wrong(self)) {
        switch (below(self, 3)) {
        case 0:
            *len = sizeof(bad);
            return bad;
        case 1:
            *len = (size_t)below(self, 2) * 3;
            return NULL;
        default:
            right = odd[below(self, 7)];
        }
    }
    *len = strlen(right);
    return (const uint8_t *)right;
}

static inline size_t some_len(caller *self, size_t bound) {
    static const size_t lens[] = {0, 1, 10, 1000, 2048, 2049, 16384, 16385, 65536, 65537, 300000};
    const size_t len = lens[below(self, 11)];
    return len < bound ? len : bound;
}

static const uint8_t octets[300000] = {'o'};

static inline const char *sdp_of(caller *self) {
    return self->sdp == NULL ? "v=0\r\n" : self->sdp;
}

static inline libmsrp_send_options some_send_options(caller *self, libmsrp_text **id) {
    libmsrp_send_options options = LIBMSRP_SEND_OPTIONS_INIT;
    options.success_report = (int32_t)below(self, 2);
    options.failure_report = (libmsrp_failure_report)some_number(self, (int32_t)below(self, 3));
    if (is_wrong(self)) {
        options.content_type.ptr = some_text(self, "no type", &options.content_type.len);
    }
    if (is_wrong(self)) {
        options.message_id.ptr = some_text(self, "twice-the-same", &options.message_id.len);
    }
    if (is_wrong(self)) {
        options.header_count = 1;
    }
    if (is_wrong(self)) {
        options.struct_size = (size_t)below(self, sizeof(size_t));
    }
    if (below(self, 2) != 0) {
        options.message_id_out = id;
    }
    return options;
}

static libmsrp_result call_version(caller *self) {
    (void)self;
    CHECK(strcmp(libmsrp_version(), LIBMSRP_VERSION_STRING) == 0);
    return LIBMSRP_OK;
}

static libmsrp_result call_abi_version(caller *self) {
    (void)self;
    CHECK(libmsrp_abi_version() == LIBMSRP_ABI_VERSION);
    return LIBMSRP_OK;
}

static libmsrp_result call_result_name(caller *self) {
    CHECK(strlen(libmsrp_result_name((libmsrp_result)some_number(self, -(int32_t)below(self, 20)))) > 0);
    return LIBMSRP_OK;
}

static libmsrp_result call_last_error(caller *self) {
    (void)self;
    CHECK(strlen(libmsrp_last_error()) < 10000);
    return LIBMSRP_OK;
}

/* A whole engine in one call: tests/calls.c has others that live longer. */
static libmsrp_result call_engine_new(caller *self) {
    libmsrp_engine_options options = LIBMSRP_ENGINE_OPTIONS_INIT;
    libmsrp_limits limits = LIBMSRP_LIMITS_INIT;
    libmsrp_engine *engine = NULL;
    options.dispatch = (libmsrp_dispatch)some_number(self, (int32_t)below(self, 2));
    options.user = object_new(self->owner);
    options.on_release = object_end;
    options.limits = &limits;
    limits.transfers = (size_t)below(self, 3);
    if (is_wrong(self)) {
        limits.send_window_bytes = 1;
    }
    if (is_wrong(self)) {
        options.struct_size = (size_t)below(self, sizeof(size_t));
    }
    const libmsrp_result result = libmsrp_engine_new(&options, MAYBE_NULL(libmsrp_engine **, self, &engine));
    if (result == LIBMSRP_OK) {
        CHECK_OK(libmsrp_engine_free(engine));
    } else {
        object_end(options.user);
    }
    return result;
}

static libmsrp_result call_engine_shutdown(caller *self) {
    return libmsrp_engine_shutdown(self->engine, some_time(self));
}

static libmsrp_result call_engine_free(caller *self) {
    return libmsrp_engine_free(self->engine);
}

static libmsrp_result call_engine_fd(caller *self) {
    int32_t fd = -1;
    const libmsrp_result result = libmsrp_engine_fd(self->engine, MAYBE_NULL(int32_t *, self, &fd));
    CHECK((result == LIBMSRP_OK) == (fd >= 0));
    return result;
}

static libmsrp_result call_engine_process(caller *self) {
    return libmsrp_engine_process(self->engine, (size_t)below(self, 300));
}

static libmsrp_result call_engine_wakeup(caller *self) {
    return libmsrp_engine_wakeup(self->engine);
}

static libmsrp_result call_engine_stats(caller *self) {
    libmsrp_stats stats = LIBMSRP_STATS_INIT;
    if (is_wrong(self)) {
        stats.struct_size = (size_t)below(self, sizeof(stats)); /* less is written */
    }
    return libmsrp_engine_stats(self->engine, MAYBE_NULL(libmsrp_stats *, self, &stats));
}

static libmsrp_result call_engine_set_log(caller *self) {
    object *user = object_new(self->owner);
    const libmsrp_log_level level = (libmsrp_log_level)some_number(self, (int32_t)below(self, 5));
    const libmsrp_result result = libmsrp_engine_set_log(self->engine, level, self->log_fn, user, object_end);
    if (result != LIBMSRP_OK) {
        object_end(user);
    }
    return result;
}

static libmsrp_result call_engine_reload_tls(caller *self) {
    return libmsrp_engine_reload_tls(self->engine);
}

static libmsrp_result call_engine_responses(caller *self) {
    uint64_t count = UINT64_MAX;
    const libmsrp_result result =
        libmsrp_engine_responses(self->engine, (int32_t)below(self, 2), (uint16_t)some_number(self, 200),
                                 MAYBE_NULL(uint64_t *, self, &count));
    CHECK((result == LIBMSRP_OK) == (count != UINT64_MAX));
    return result;
}

/* To a file that is gone at once; mostly it ends what is there. */
static libmsrp_result call_engine_set_trace(caller *self) {
    libmsrp_trace_options options = LIBMSRP_TRACE_OPTIONS_INIT;
    char path[100];
    if (below(self, 2) != 0) {
        return libmsrp_engine_set_trace(self->engine, NULL);
    }
    snprintf(path, sizeof(path), "/tmp/libmsrp-calls-%016llx", (unsigned long long)next_random(&self->random));
    options.path = LIBMSRP_SLICE(path);
    options.secrets = (uint32_t)below(self, 2);
    options.files = (uint32_t)some_number(self, 1);
    const libmsrp_result result = libmsrp_engine_set_trace(self->engine, &options);
    remove(path);
    return result;
}

static libmsrp_result call_resolve_done(caller *self) {
    size_t len;
    const uint8_t *addresses = some_text(self, "127.0.0.1 ::1", &len);
    return libmsrp_resolve_done(self->engine, self->query, addresses, len);
}

static libmsrp_result call_resolve_failed(caller *self) {
    size_t len;
    const uint8_t *why = some_text(self, "unknown", &len);
    return libmsrp_resolve_failed(self->engine, self->query, why, len);
}

static libmsrp_result call_service_done(caller *self) {
    libmsrp_srv_record records[2];
    size_t len;
    memset(records, 0, sizeof(records));
    records[0].port = (uint16_t)below(self, 65536);
    records[0].target.ptr = some_text(self, "server.example.", &len);
    records[0].target.len = len;
    records[1].priority = (uint16_t)below(self, 65536);
    records[1].target = LIBMSRP_SLICE(".");
    return libmsrp_service_done(self->engine, self->query, is_wrong(self) ? NULL : records, below(self, 3));
}

static libmsrp_result call_service_failed(caller *self) {
    size_t len;
    const uint8_t *why = some_text(self, "unknown", &len);
    return libmsrp_service_failed(self->engine, self->query, why, len);
}

static libmsrp_result call_dial_done(caller *self) {
    return libmsrp_dial_done(self->engine, self->query, (int32_t)below(self, 2));
}

static libmsrp_result call_listener_new(caller *self) {
    size_t len;
    /* Names are left out: their lookup takes as long as the system likes. */
    const char *host = is_wrong(self) ? "" : "127.0.0.1";
    const uint8_t *text = (const uint8_t *)host;
    len = strlen(host);
    self->new_listener = 0;
    return libmsrp_listener_new(self->engine, text, len, 0, NULL,
                                MAYBE_NULL(libmsrp_listener *, self, &self->new_listener));
}

static libmsrp_result call_listener_open(caller *self) {
    libmsrp_listener_options options = LIBMSRP_LISTENER_OPTIONS_INIT;
    self->new_listener = 0;
    options.host = is_wrong(self) ? LIBMSRP_SLICE("") : LIBMSRP_SLICE("127.0.0.1");
    options.dscp = (uint8_t)below(self, is_wrong(self) ? 200 : 64);
    options.tcp_keepalive_ms = is_wrong(self) ? some_time(self) : 30000;
    options.last_port = is_wrong(self) ? 1 : 0;
    return libmsrp_listener_open(self->engine, MAYBE_NULL(libmsrp_listener_options *, self, &options),
                                 MAYBE_NULL(libmsrp_listener *, self, &self->new_listener));
}

/* No descriptor of anybody: what is taken is closed, and belongs to a test of its own. */
static int32_t no_socket(caller *self) {
    return below(self, 2) != 0 ? -1 : INT32_MAX;
}

static libmsrp_result call_listener_adopt(caller *self) {
    return libmsrp_listener_adopt(self->engine, self->listener, no_socket(self), NULL, below(self, 2));
}

static libmsrp_result call_session_adopt(caller *self) {
    return libmsrp_session_adopt(self->engine, self->session, no_socket(self), NULL, below(self, 2),
                                 (int32_t)below(self, 2), (int32_t)below(self, 2));
}

static libmsrp_result call_listener_port(caller *self) {
    uint16_t port = 0;
    const libmsrp_result result =
        libmsrp_listener_port(self->engine, self->listener, MAYBE_NULL(uint16_t *, self, &port));
    CHECK((result == LIBMSRP_OK) == (port != 0));
    return result;
}

static libmsrp_result call_listener_close(caller *self) {
    return libmsrp_listener_close(self->engine, self->listener);
}

static void never_credentials(libmsrp_engine *engine, libmsrp_relay relay, libmsrp_query query,
                              const libmsrp_relay_credentials *wanted, void *user) {
    (void)engine, (void)relay, (void)query, (void)wanted, (void)user;
}

static libmsrp_result call_relay_new(caller *self) {
    libmsrp_relay_options options = LIBMSRP_RELAY_OPTIONS_INIT;
    libmsrp_relay_callbacks callbacks = LIBMSRP_RELAY_CALLBACKS_INIT;
    object *user = object_new(self->owner);
    self->new_relay = 0;
    options.hosts.ptr = some_text(self, "relay.example.com example.com", &options.hosts.len);
    options.idle_ms = is_wrong(self) ? some_time(self) : 0;
    if (is_wrong(self)) {
        options.networks.ptr = some_text(self, "127.0.0.0/8", &options.networks.len);
    }
    callbacks.on_credentials = is_wrong(self) ? NULL : never_credentials;
    callbacks.on_release = object_end;
    const libmsrp_result result =
        libmsrp_relay_new(self->engine, MAYBE_NULL(libmsrp_relay_options *, self, &options),
                          MAYBE_NULL(libmsrp_relay_callbacks *, self, &callbacks), user,
                          MAYBE_NULL(libmsrp_relay *, self, &self->new_relay));
    if (result != LIBMSRP_OK) {
        object_end(user);
    }
    return result;
}

static libmsrp_result call_relay_listen(caller *self) {
    libmsrp_relay_listener_options options = LIBMSRP_RELAY_LISTENER_OPTIONS_INIT;
    self->new_listener = 0;
    options.host = LIBMSRP_SLICE("127.0.0.1");
    options.plain = !is_wrong(self);
    options.dscp = (uint8_t)below(self, is_wrong(self) ? 200 : 64);
    return libmsrp_relay_listen(self->engine, self->relay, &options,
                                MAYBE_NULL(libmsrp_listener *, self, &self->new_listener));
}

static libmsrp_result call_relay_secret_done(caller *self) {
    size_t len;
    const uint8_t *ha1 = some_text(self, "939e7578ed9e3c518a452acee763bce9", &len);
    return libmsrp_relay_secret_done(self->engine, self->relay, self->query, ha1, len);
}

static libmsrp_result call_relay_allow_done(caller *self) {
    return libmsrp_relay_allow_done(self->engine, self->relay, self->query, (int32_t)below(self, 2));
}

static libmsrp_result call_relay_message_done(caller *self) {
    return libmsrp_relay_message_done(self->engine, self->relay, self->query, is_wrong(self) ? 200 : 415);
}

static libmsrp_result call_relay_stats_get(caller *self) {
    libmsrp_relay_stats stats = LIBMSRP_RELAY_STATS_INIT;
    return libmsrp_relay_stats_get(self->engine, self->relay, MAYBE_NULL(libmsrp_relay_stats *, self, &stats));
}

static libmsrp_result call_relay_revoke(caller *self) {
    size_t len, count = 0;
    const uint8_t *user = some_text(self, "alice", &len);
    return libmsrp_relay_revoke(self->engine, self->relay, user, len, MAYBE_NULL(size_t *, self, &count));
}

static libmsrp_result call_relay_close(caller *self) {
    return libmsrp_relay_close(self->engine, self->relay, is_wrong(self) ? some_time(self) : 0);
}

static libmsrp_result call_ha1(caller *self) {
    const libmsrp_slice name = is_wrong(self) ? LIBMSRP_SLICE("MD4") : LIBMSRP_SLICE("SHA-256");
    return libmsrp_ha1(LIBMSRP_SLICE("alice"), LIBMSRP_SLICE("example.com"), LIBMSRP_SLICE("secret"), name,
                       MAYBE_NULL(libmsrp_text **, self, &self->new_sdp));
}

static libmsrp_result call_session_new(caller *self) {
    libmsrp_session_options options = LIBMSRP_SESSION_OPTIONS_INIT;
    libmsrp_connection_options connection = LIBMSRP_CONNECTION_OPTIONS_INIT;
    object *user = object_new(self->owner);
    self->new_session = 0;
    connection.connect_timeout_ms = 60000;
    if (is_wrong(self)) {
        connection.source_address.ptr = some_text(self, "127.0.0.1", &connection.source_address.len);
        connection.connect_timeout_ms = some_time(self);
        options.connection = &connection;
    }
    options.accept_types = LIBMSRP_SLICE("*");
    options.listener = below(self, 2) != 0 ? self->listener : 0;
    options.setup = (libmsrp_setup)some_number(self, (int32_t)below(self, 3));
    options.connection_sharing = (libmsrp_sharing)some_number(self, (int32_t)below(self, 2));
    options.reports = (libmsrp_reports)some_number(self, (int32_t)below(self, 2));
    options.chunk_len = (uint32_t)below(self, 4) * 1000;
    options.methods = LIBMSRP_SLICE("PING NICKNAME");
    if (is_wrong(self)) {
        options.accept_types.ptr = some_text(self, "*", &options.accept_types.len);
    }
    if (is_wrong(self)) {
        options.methods.ptr = some_text(self, "SEND", &options.methods.len);
    }
    if (is_wrong(self)) {
        options.keep_alive_ms = some_time(self);
    }
    if (is_wrong(self)) {
        options.struct_size = (size_t)below(self, sizeof(size_t));
    }
    const libmsrp_result result =
        libmsrp_session_new(self->engine, MAYBE_NULL(libmsrp_session_options *, self, &options), self->calls, user,
                            MAYBE_NULL(libmsrp_session *, self, &self->new_session));
    if (result != LIBMSRP_OK || self->calls == NULL) {
        object_end(user);
    }
    CHECK((result == LIBMSRP_OK) == (self->new_session != 0));
    return result;
}

/* Functions that make a text of a session. */
#define CALL_FOR_TEXT(name)                                                                                    \
    static libmsrp_result call_##name(caller *self) {                                                          \
        libmsrp_text *text = NULL;                                                                             \
        const libmsrp_result result =                                                                          \
            libmsrp_##name(self->engine, self->session, MAYBE_NULL(libmsrp_text **, self, &text));             \
        CHECK((result == LIBMSRP_OK) == (text != NULL));                                                       \
        libmsrp_text_free(text);                                                                               \
        return result;                                                                                         \
    }
CALL_FOR_TEXT(session_local_path)
CALL_FOR_TEXT(session_local_media)
CALL_FOR_TEXT(session_offer_media)

static libmsrp_result call_session_rollback_offer(caller *self) {
    return libmsrp_session_rollback_offer(self->engine, self->session);
}

static libmsrp_result call_session_relocate(caller *self) {
    libmsrp_session_options options = LIBMSRP_SESSION_OPTIONS_INIT;
    options.listener = below(self, 2) != 0 ? self->listener : 0;
    return libmsrp_session_relocate(self->engine, self->session, MAYBE_NULL(libmsrp_session_options *, self, &options));
}

static libmsrp_result call_session_set_direction(caller *self) {
    const int32_t direction = some_number(self, (int32_t)below(self, 4));
    return libmsrp_session_set_direction(self->engine, self->session, (libmsrp_direction)direction);
}

static libmsrp_result call_session_direction(caller *self) {
    libmsrp_direction direction = LIBMSRP_DIRECTION_SENDRECV;
    return libmsrp_session_direction(self->engine, self->session, MAYBE_NULL(libmsrp_direction *, self, &direction));
}

static libmsrp_result call_session_remote_direction(caller *self) {
    libmsrp_direction direction = LIBMSRP_DIRECTION_SENDRECV;
    return libmsrp_session_remote_direction(self->engine, self->session,
                                            MAYBE_NULL(libmsrp_direction *, self, &direction));
}

static libmsrp_result call_session_create_offer(caller *self) {
    self->new_sdp = NULL;
    return libmsrp_session_create_offer(self->engine, self->session, MAYBE_NULL(libmsrp_text **, self, &self->new_sdp));
}

static libmsrp_result call_session_create_answer(caller *self) {
    size_t len;
    const uint8_t *offer = some_text(self, sdp_of(self), &len);
    self->new_sdp = NULL;
    return libmsrp_session_create_answer(self->engine, self->session, offer, len,
                                         some_number(self, LIBMSRP_FIRST_MEDIA),
                                         MAYBE_NULL(libmsrp_text **, self, &self->new_sdp));
}

static libmsrp_result call_session_set_remote(caller *self) {
    size_t len;
    const uint8_t *sdp = some_text(self, sdp_of(self), &len);
    return libmsrp_session_set_remote(self->engine, self->session, sdp, len, some_number(self, LIBMSRP_FIRST_MEDIA));
}

static libmsrp_result call_session_prepare_remote(caller *self) {
    size_t len;
    uint64_t lookup;
    const uint8_t *sdp = some_text(self, sdp_of(self), &len);
    return libmsrp_session_prepare_remote(self->engine, self->session, sdp, len,
                                          some_number(self, LIBMSRP_FIRST_MEDIA),
                                          MAYBE_NULL(uint64_t *, self, &lookup));
}

static libmsrp_result call_session_offer_due(caller *self) {
    int32_t due;
    return libmsrp_session_offer_due(self->engine, self->session, MAYBE_NULL(int32_t *, self, &due));
}

static libmsrp_result call_session_remote_fingerprints(caller *self) {
    libmsrp_text *text = NULL;
    const libmsrp_result result = libmsrp_session_remote_fingerprints(
        self->engine, self->session, MAYBE_NULL(libmsrp_text **, self, &text));
    libmsrp_text_free(text);
    return result;
}

static libmsrp_result call_session_set_remote_path(caller *self) {
    size_t len, types_len;
    const uint8_t *path = some_text(self, self->path == NULL ? "msrp://127.0.0.1:9/none;tcp" : self->path, &len);
    const uint8_t *types = some_text(self, "*", &types_len);
    return libmsrp_session_set_remote_path(self->engine, self->session, path, len, (int32_t)below(self, 2), types,
                                           types_len);
}

/* Functions that read a section, on one that is made for it. */
static inline libmsrp_sdp *some_sdp(caller *self) {
    libmsrp_sdp_line line = LIBMSRP_SDP_LINE_INIT;
    libmsrp_sdp *sdp = NULL;
    (void)self;
    line.port = 2855;
    line.address = LIBMSRP_SLICE("127.0.0.1");
    CHECK_OK(libmsrp_sdp_new(&line, &sdp));
    CHECK_OK(libmsrp_sdp_add_attribute(sdp, LIBMSRP_TEXT("path"), LIBMSRP_TEXT("msrp://127.0.0.1:9/none;tcp")));
    CHECK_OK(libmsrp_sdp_add_attribute(sdp, LIBMSRP_TEXT("accept-types"), LIBMSRP_TEXT("*")));
    return sdp;
}

static libmsrp_result call_sdp_new(caller *self) {
    libmsrp_sdp_line line = LIBMSRP_SDP_LINE_INIT;
    libmsrp_sdp *sdp = NULL;
    line.port = (uint32_t)some_number(self, 9);
    line.port_count = (uint32_t)below(self, 2);
    line.protocol.ptr = some_text(self, "TCP/MSRP", &line.protocol.len);
    line.address.ptr = some_text(self, "::1", &line.address.len);
    if (is_wrong(self)) {
        line.title.ptr = some_text(self, "a title", &line.title.len);
    }
    const libmsrp_result result =
        libmsrp_sdp_new(MAYBE_NULL(libmsrp_sdp_line *, self, &line), MAYBE_NULL(libmsrp_sdp **, self, &sdp));
    CHECK((result == LIBMSRP_OK) == (sdp != NULL));
    libmsrp_sdp_free(sdp);
    return result;
}

#define CALL_FOR_SDP(name, arguments)                                                                          \
    static libmsrp_result call_##name(caller *self) {                                                          \
        libmsrp_sdp *sdp = some_sdp(self);                                                                     \
        size_t len, value_len;                                                                                 \
        const uint8_t *text = some_text(self, "label", &len), *value = some_text(self, "1", &value_len);       \
        const libmsrp_result result = libmsrp_##name arguments;                                                \
        libmsrp_sdp_free(sdp);                                                                                 \
        return result;                                                                                         \
    }
CALL_FOR_SDP(sdp_add_default, (MAYBE_NULL(libmsrp_sdp *, self, sdp), text, len, value, value_len))
CALL_FOR_SDP(sdp_add_attribute, (MAYBE_NULL(libmsrp_sdp *, self, sdp), text, len, value, value_len))

static libmsrp_result call_sdp_count(caller *self) {
    size_t len, count = SIZE_MAX;
    const uint8_t *text = some_text(self, sdp_of(self), &len);
    const libmsrp_result result = libmsrp_sdp_count(text, len, MAYBE_NULL(size_t *, self, &count));
    CHECK((result == LIBMSRP_OK) == (count != SIZE_MAX));
    return result;
}

static libmsrp_result call_sdp_parse(caller *self) {
    libmsrp_sdp *sdp = NULL;
    size_t len;
    const uint8_t *text = some_text(self, sdp_of(self), &len);
    const libmsrp_result result =
        libmsrp_sdp_parse(text, len, some_number(self, LIBMSRP_FIRST_MEDIA), MAYBE_NULL(libmsrp_sdp **, self, &sdp));
    CHECK((result == LIBMSRP_OK) == (sdp != NULL));
    libmsrp_sdp_free(sdp);
    return result;
}

static libmsrp_result call_sdp_get_line(caller *self) {
    libmsrp_sdp *sdp = some_sdp(self);
    libmsrp_sdp_line line = LIBMSRP_SDP_LINE_INIT;
    if (is_wrong(self)) {
        line.struct_size = (size_t)below(self, sizeof(line)); /* less is written */
    }
    const libmsrp_result result =
        libmsrp_sdp_get_line(MAYBE_NULL(libmsrp_sdp *, self, sdp), MAYBE_NULL(libmsrp_sdp_line *, self, &line));
    libmsrp_sdp_free(sdp);
    return result;
}

static libmsrp_result call_sdp_attribute_count(caller *self) {
    libmsrp_sdp *sdp = some_sdp(self);
    CHECK(libmsrp_sdp_attribute_count(sdp) == 2 && libmsrp_sdp_attribute_count(NULL) == 0);
    libmsrp_sdp_free(sdp);
    return LIBMSRP_OK;
}

static libmsrp_result call_sdp_attribute(caller *self) {
    libmsrp_sdp *sdp = some_sdp(self);
    libmsrp_header header;
    memset(&header, 0, sizeof(header));
    const libmsrp_result result =
        libmsrp_sdp_attribute(MAYBE_NULL(libmsrp_sdp *, self, sdp), (size_t)below(self, is_wrong(self) ? 9 : 2),
                              MAYBE_NULL(libmsrp_header *, self, &header));
    CHECK((result == LIBMSRP_OK) == (header.name.len > 0));
    libmsrp_sdp_free(sdp);
    return result;
}

static libmsrp_result call_sdp_text(caller *self) {
    libmsrp_sdp *sdp = some_sdp(self);
    libmsrp_text *text = NULL;
    const libmsrp_result result =
        libmsrp_sdp_text(MAYBE_NULL(libmsrp_sdp *, self, sdp), MAYBE_NULL(libmsrp_text **, self, &text));
    CHECK((result == LIBMSRP_OK) == (text != NULL));
    libmsrp_text_free(text);
    libmsrp_sdp_free(sdp);
    return result;
}

static libmsrp_result call_sdp_free(caller *self) {
    (void)self;
    libmsrp_sdp_free(NULL);
    return LIBMSRP_OK;
}

static libmsrp_result call_sdp_refuse(caller *self) {
    libmsrp_text *text = NULL;
    size_t len, last_len;
    const uint8_t *offer = some_text(self, sdp_of(self), &len);
    const uint8_t *last = some_text(self, "", &last_len);
    const libmsrp_result result = libmsrp_sdp_refuse(offer, len, some_number(self, LIBMSRP_FIRST_MEDIA), last, last_len,
                                                     MAYBE_NULL(libmsrp_text **, self, &text));
    CHECK((result == LIBMSRP_OK) == (text != NULL));
    libmsrp_text_free(text);
    return result;
}

static libmsrp_result call_sdp_offer(caller *self) {
    libmsrp_sdp_stream stream = {self->session, is_wrong(self) ? below(self, 3) : 0};
    libmsrp_text *text = NULL;
    size_t len;
    const uint8_t *last = some_text(self, "", &len);
    const libmsrp_result result =
        libmsrp_sdp_offer(self->engine, MAYBE_NULL(libmsrp_sdp_stream *, self, &stream), is_wrong(self) ? 0 : 1, last, len,
                          MAYBE_NULL(libmsrp_text **, self, &text));
    CHECK((result == LIBMSRP_OK) == (text != NULL));
    libmsrp_text_free(text);
    return result;
}

static libmsrp_result call_sdp_answer(caller *self) {
    libmsrp_sdp_stream stream = {self->session, is_wrong(self) ? below(self, 3) : 0};
    libmsrp_text *text = NULL;
    size_t len, last_len;
    const uint8_t *offer = some_text(self, sdp_of(self), &len);
    const uint8_t *last = some_text(self, "", &last_len);
    const libmsrp_result result =
        libmsrp_sdp_answer(self->engine, offer, len, MAYBE_NULL(libmsrp_sdp_stream *, self, &stream),
                           is_wrong(self) ? 0 : 1, last, last_len, MAYBE_NULL(libmsrp_text **, self, &text));
    CHECK((result == LIBMSRP_OK) == (text != NULL));
    libmsrp_text_free(text);
    return result;
}

#define CALL_FOR_SECTION(name)                                                                                 \
    static libmsrp_result call_##name(caller *self) {                                                          \
        libmsrp_sdp *sdp = NULL;                                                                               \
        const libmsrp_result result =                                                                          \
            libmsrp_##name(self->engine, self->session, MAYBE_NULL(libmsrp_sdp **, self, &sdp));               \
        CHECK((result == LIBMSRP_OK) == (sdp != NULL));                                                        \
        libmsrp_sdp_free(sdp);                                                                                 \
        return result;                                                                                         \
    }
CALL_FOR_SECTION(session_local_sdp)
CALL_FOR_SECTION(session_offer_sdp)

static libmsrp_result call_session_remote_sdp(caller *self) {
    libmsrp_sdp *sdp = NULL;
    const libmsrp_result result =
        libmsrp_session_remote_sdp(self->engine, self->session, MAYBE_NULL(libmsrp_sdp **, self, &sdp));
    libmsrp_sdp_free(sdp);
    return result;
}

static libmsrp_result call_session_set_remote_sdp(caller *self) {
    libmsrp_sdp *sdp = some_sdp(self);
    const libmsrp_result result =
        libmsrp_session_set_remote_sdp(self->engine, self->session, MAYBE_NULL(libmsrp_sdp *, self, sdp));
    libmsrp_sdp_free(sdp);
    return result;
}

static libmsrp_result call_session_set_attributes(caller *self) {
    libmsrp_header header;
    header.name.ptr = some_text(self, "label", &header.name.len);
    header.value.ptr = some_text(self, "1", &header.value.len);
    return libmsrp_session_set_attributes(self->engine, self->session, MAYBE_NULL(libmsrp_header *, self, &header), 1);
}

static libmsrp_result call_session_authenticate(caller *self) {
    uint64_t login = 0;
    return libmsrp_session_authenticate(self->engine, self->session, some_time(self),
                                        MAYBE_NULL(uint64_t *, self, &login));
}

static libmsrp_result call_session_cancel_login(caller *self) {
    return libmsrp_session_cancel_login(self->engine, self->session, (uint64_t)some_number(self, 1));
}

static libmsrp_result call_session_relay_path(caller *self) {
    libmsrp_text *path = NULL;
    const libmsrp_result result =
        libmsrp_session_relay_path(self->engine, self->session, MAYBE_NULL(libmsrp_text **, self, &path));
    libmsrp_text_free(path);
    return result;
}

static libmsrp_result call_session_open(caller *self) {
    return libmsrp_session_open(self->engine, self->session, some_time(self));
}

static libmsrp_result call_session_close(caller *self) {
    return libmsrp_session_close(self->engine, self->session, some_time(self));
}

static libmsrp_result call_session_abort(caller *self) {
    return libmsrp_session_abort(self->engine, self->session);
}

static libmsrp_result call_session_state(caller *self) {
    libmsrp_state state = LIBMSRP_STATE_NEW;
    return libmsrp_session_state(self->engine, self->session, MAYBE_NULL(libmsrp_state *, self, &state));
}

static libmsrp_result call_session_peer_certificate(caller *self) {
    libmsrp_certificate *certificate = NULL;
    const libmsrp_result result = libmsrp_session_peer_certificate(
        self->engine, self->session, MAYBE_NULL(libmsrp_certificate **, self, &certificate));
    if (certificate != NULL) {
        libmsrp_certificate_info info = LIBMSRP_CERTIFICATE_INFO_INIT;
        CHECK_OK(libmsrp_certificate_read(certificate, &info));
        CHECK(info.der.len > 0 && info.fingerprint.len > 0);
    }
    libmsrp_certificate_free(certificate);
    return result;
}

/* Of what is none; call_session_peer_certificate reads what is one. */
static libmsrp_result call_certificate_read(caller *self) {
    libmsrp_certificate_info info = LIBMSRP_CERTIFICATE_INFO_INIT;
    const libmsrp_result result =
        libmsrp_certificate_read(NULL, MAYBE_NULL(libmsrp_certificate_info *, self, &info));
    return result == LIBMSRP_ERR_INVALID_ARGUMENT ? LIBMSRP_OK : LIBMSRP_ERR_INTERNAL;
}

static libmsrp_result call_certificate_free(caller *self) {
    (void)self;
    libmsrp_certificate_free(NULL);
    return LIBMSRP_OK;
}

static libmsrp_result call_session_pause(caller *self) {
    return libmsrp_session_pause(self->engine, self->session);
}

static libmsrp_result call_session_resume(caller *self) {
    return libmsrp_session_resume(self->engine, self->session);
}

/* The session has to have been made with object_end as its destructor. */
static libmsrp_result call_session_set_user_data(caller *self) {
    object *user = object_new(self->owner);
    const libmsrp_result result = libmsrp_session_set_user_data(self->engine, self->session, user);
    if (result != LIBMSRP_OK) {
        object_end(user);
    }
    return result;
}

/* How a message is sent: what its Message-ID is, is known as soon as it was admitted. */
#define CHECK_SENT(self, result, id)                                                                           \
    do {                                                                                                       \
        CHECK(((result) == LIBMSRP_OK) == ((self)->new_transfer != 0));                                        \
        CHECK((id) == NULL || ((result) == LIBMSRP_OK && libmsrp_text_len(id) > 0));                           \
        libmsrp_text_free(id);                                                                                 \
    } while (0)

static libmsrp_result call_send(caller *self) {
    libmsrp_text *id = NULL;
    const libmsrp_send_options options = some_send_options(self, &id);
    self->new_transfer = 0;
    const libmsrp_result result =
        libmsrp_send(self->engine, self->session, MAYBE_NULL(const libmsrp_send_options *, self, &options),
                     MAYBE_NULL(const uint8_t *, self, octets),
                     /* More than the send window is wrong, too. */
                     some_len(self, self->wrong == 0 ? 65537 : sizeof(octets)),
                     MAYBE_NULL(libmsrp_transfer *, self, &self->new_transfer));
    CHECK_SENT(self, result, id);
    return result;
}

static libmsrp_result call_send_take(caller *self) {
    libmsrp_text *id = NULL;
    const libmsrp_send_options options = some_send_options(self, &id);
    const size_t len = some_len(self, 100000);
    uint8_t *lent = (uint8_t *)malloc(len + 1);
    object *user = object_new(self->owner);
    CHECK(lent != NULL);
    memset(lent, 'l', len + 1);
    self->new_transfer = 0;
    const libmsrp_result result =
        libmsrp_send_take(self->engine, self->session, MAYBE_NULL(const libmsrp_send_options *, self, &options), lent,
                          len, loan_end, user, MAYBE_NULL(libmsrp_transfer *, self, &self->new_transfer));
    if (result != LIBMSRP_OK) {
        loan_end(lent, len, user);
    }
    CHECK_SENT(self, result, id);
    return result;
}

static libmsrp_result call_send_file(caller *self) {
    libmsrp_text *id = NULL;
    const libmsrp_send_options options = some_send_options(self, &id);
    const char *path = is_wrong(self) ? "/nowhere/at/all" : __FILE__;
    self->new_transfer = 0;
    const libmsrp_result result =
        libmsrp_send_file(self->engine, self->session, MAYBE_NULL(const libmsrp_send_options *, self, &options),
                          LIBMSRP_TEXT(path), MAYBE_NULL(libmsrp_transfer *, self, &self->new_transfer));
    CHECK_SENT(self, result, id);
    return result;
}

static libmsrp_result call_send_stream(caller *self) {
    static const uint64_t totals[] = {LIBMSRP_LENGTH_UNKNOWN, 0, 1, 5000, 100000};
    libmsrp_text *id = NULL;
    const libmsrp_send_options options = some_send_options(self, &id);
    object *user = object_new(self->owner);
    self->new_transfer = 0;
    const libmsrp_result result = libmsrp_send_stream(
        self->engine, self->session, MAYBE_NULL(const libmsrp_send_options *, self, &options), totals[below(self, 5)],
        is_wrong(self) ? NULL : self->read_fn, user, object_end,
        MAYBE_NULL(libmsrp_transfer *, self, &self->new_transfer));
    if (result != LIBMSRP_OK) {
        object_end(user);
    }
    CHECK_SENT(self, result, id);
    return result;
}

static libmsrp_result call_send_request(caller *self) {
    static const char *const methods[] = {"PING", "NICKNAME", "UNKNOWN"};
    libmsrp_request_options options = LIBMSRP_REQUEST_OPTIONS_INIT;
    libmsrp_text *id = NULL;
    size_t method_len, len = some_len(self, 10000);
    const uint8_t *method = some_text(self, methods[below(self, 3)], &method_len);
    if (is_wrong(self)) {
        options.content_type.ptr = some_text(self, "no type", &options.content_type.len);
    }
    if (is_wrong(self)) {
        options.header_count = 1;
    }
    if (is_wrong(self)) {
        options.struct_size = (size_t)below(self, sizeof(size_t));
    }
    if (is_wrong(self)) {
        len = sizeof(octets);
    }
    if (below(self, 2) != 0) {
        options.message_id_out = &id;
    }
    self->new_transfer = 0;
    const libmsrp_result result = libmsrp_send_request(
        self->engine, self->session, method, method_len, MAYBE_NULL(const libmsrp_request_options *, self, &options),
        MAYBE_NULL(const uint8_t *, self, octets), len, MAYBE_NULL(libmsrp_transfer *, self, &self->new_transfer));
    CHECK_SENT(self, result, id);
    return result;
}

static libmsrp_result call_stream_resume(caller *self) {
    return libmsrp_stream_resume(self->engine, self->transfer);
}

static libmsrp_result call_stream_flush(caller *self) {
    return libmsrp_stream_flush(self->engine, self->transfer);
}

static libmsrp_result call_transfer_abort(caller *self) {
    return libmsrp_transfer_abort(self->engine, self->transfer);
}

static libmsrp_result call_transfer_progress(caller *self) {
    uint64_t sent = 0, total = 0;
    return libmsrp_transfer_progress(self->engine, self->transfer, MAYBE_NULL(uint64_t *, self, &sent),
                                     MAYBE_NULL(uint64_t *, self, &total));
}

static libmsrp_result call_transfer_message_id(caller *self) {
    libmsrp_text *text = NULL;
    const libmsrp_result result =
        libmsrp_transfer_message_id(self->engine, self->transfer, MAYBE_NULL(libmsrp_text **, self, &text));
    CHECK((result == LIBMSRP_OK) == (text != NULL));
    libmsrp_text_free(text);
    return result;
}

static libmsrp_result call_message_consume(caller *self) {
    return libmsrp_message_consume(self->engine, self->message, some_len(self, 100000));
}

static libmsrp_result call_message_header(caller *self) {
    static const char *const names[] = {"message-id", "Content-Type", "X-None", ""};
    libmsrp_text *text = NULL;
    size_t len;
    const uint8_t *name = some_text(self, names[below(self, 4)], &len);
    const libmsrp_result result = libmsrp_message_header(self->engine, self->message, name, len,
                                                         MAYBE_NULL(libmsrp_text **, self, &text));
    CHECK(result == LIBMSRP_OK || text == NULL);
    libmsrp_text_free(text);
    return result;
}

static libmsrp_result call_message_retain(caller *self) {
    return libmsrp_message_retain(self->engine, self->message);
}

static libmsrp_result call_message_release(caller *self) {
    return libmsrp_message_release(self->engine, self->message);
}

static libmsrp_result call_message_reject(caller *self) {
    size_t len;
    const uint8_t *comment = some_text(self, "too much", &len);
    return libmsrp_message_reject(self->engine, self->message, (uint16_t)some_number(self, 413), comment, len);
}

static libmsrp_result call_message_report(caller *self) {
    size_t len;
    const uint8_t *comment = some_text(self, "read", &len);
    return libmsrp_message_report(self->engine, self->message, (uint16_t)some_number(self, 200), comment, len);
}

static libmsrp_result call_message_report_range(caller *self) {
    size_t len;
    const uint8_t *comment = some_text(self, "read", &len);
    return libmsrp_message_report_range(self->engine, self->message, below(self, 4),
                                        is_wrong(self) ? UINT64_MAX : 1 + below(self, 10),
                                        (uint16_t)some_number(self, 200), comment, len);
}

/* Requests share the handles of messages: that of a message is none of a request. */
static libmsrp_result call_request_respond(caller *self) {
    size_t len;
    const uint8_t *comment = some_text(self, "here", &len);
    libmsrp_header header;
    header.name.ptr = some_text(self, "X-Mood", &header.name.len);
    header.value.ptr = some_text(self, "fine", &header.value.len);
    return libmsrp_request_respond(self->engine, self->message, (uint16_t)some_number(self, 200), comment, len,
                                   MAYBE_NULL(const libmsrp_header *, self, &header), (size_t)below(self, 2));
}

static libmsrp_result call_request_header(caller *self) {
    static const char *const names[] = {"message-id", "Content-Type", "X-None", ""};
    libmsrp_text *text = NULL;
    size_t len;
    const uint8_t *name = some_text(self, names[below(self, 4)], &len);
    const libmsrp_result result = libmsrp_request_header(self->engine, self->message, name, len,
                                                         MAYBE_NULL(libmsrp_text **, self, &text));
    CHECK(result == LIBMSRP_OK || text == NULL);
    libmsrp_text_free(text);
    return result;
}

static libmsrp_result call_body_retain(caller *self) {
    const size_t len = self->data_len == 0 ? 0 : (size_t)below(self, self->data_len);
    libmsrp_body_release(self->new_body);
    self->new_body = NULL;
    const libmsrp_result result =
        libmsrp_body_retain(self->engine, self->data, is_wrong(self) ? SIZE_MAX : len,
                            MAYBE_NULL(libmsrp_body **, self, &self->new_body));
    CHECK((result == LIBMSRP_OK) == (self->new_body != NULL));
    return result;
}

static libmsrp_result call_body_ptr(caller *self) {
    CHECK(libmsrp_body_ptr(NULL) == NULL && (self->new_body == NULL || libmsrp_body_ptr(self->new_body) != NULL));
    return LIBMSRP_OK;
}

static libmsrp_result call_body_len(caller *self) {
    CHECK(libmsrp_body_len(NULL) == 0 && libmsrp_body_len(self->new_body) <= self->data_len);
    return LIBMSRP_OK;
}

static libmsrp_result call_body_release(caller *self) {
    libmsrp_body_release(NULL);
    libmsrp_body_release(self->new_body);
    self->new_body = NULL;
    return LIBMSRP_OK;
}

static libmsrp_result call_text_ptr(caller *self) {
    CHECK(libmsrp_text_ptr(NULL) == NULL && (self->new_sdp == NULL || libmsrp_text_ptr(self->new_sdp) != NULL));
    return LIBMSRP_OK;
}

static libmsrp_result call_text_len(caller *self) {
    CHECK(libmsrp_text_len(NULL) == 0);
    CHECK(self->new_sdp == NULL || libmsrp_text_len(self->new_sdp) == strlen(libmsrp_text_ptr(self->new_sdp)));
    return LIBMSRP_OK;
}

static libmsrp_result call_text_free(caller *self) {
    libmsrp_text_free(NULL);
    libmsrp_text_free(self->new_sdp);
    self->new_sdp = NULL;
    return LIBMSRP_OK;
}

static libmsrp_result call_tls_new(caller *self) {
    libmsrp_tls *tls = NULL;
    const libmsrp_result result = libmsrp_tls_new(MAYBE_NULL(libmsrp_tls **, self, &tls));
    libmsrp_tls_free(tls);
    return result;
}

/* The functions that change a TLS configuration, on a new one, with a text that is mostly like `right`. */
#define CALL_FOR_TLS(name, right, arguments)                                                                   \
    static libmsrp_result call_##name(caller *self) {                                                          \
        libmsrp_tls *tls = NULL;                                                                               \
        size_t len;                                                                                            \
        const uint8_t *text = some_text(self, right, &len);                                                    \
        (void)text, (void)len;                                                                                 \
        CHECK_OK(libmsrp_tls_new(&tls));                                                                       \
        const libmsrp_result result = libmsrp_##name arguments;                                                \
        libmsrp_tls_free(tls);                                                                                 \
        return result;                                                                                         \
    }
#define SOME_TLS MAYBE_NULL(libmsrp_tls *, self, tls)
CALL_FOR_TLS(tls_add_ca, CA_PEM, (SOME_TLS, (libmsrp_pem)some_number(self, LIBMSRP_PEM_TEXT), text, len))
CALL_FOR_TLS(tls_set_identity, PARTY_PEM,
             (SOME_TLS, (libmsrp_pem)some_number(self, LIBMSRP_PEM_TEXT), text, len, LIBMSRP_TEXT(PARTY_KEY)))
CALL_FOR_TLS(tls_set_verify, "", (SOME_TLS, (libmsrp_verify)some_number(self, LIBMSRP_VERIFY_CA), text, len))
CALL_FOR_TLS(tls_set_client_auth, "",
             (SOME_TLS, (libmsrp_client_auth)some_number(self, LIBMSRP_CLIENT_AUTH_REQUEST)))
CALL_FOR_TLS(tls_set_versions, "",
             (SOME_TLS, (libmsrp_tls_version)some_number(self, LIBMSRP_TLS_VERSION_TLS12),
              (libmsrp_tls_version)some_number(self, LIBMSRP_TLS_VERSION_TLS13)))
CALL_FOR_TLS(tls_add_fingerprint, "sha-1 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33",
             (SOME_TLS, text, len))
CALL_FOR_TLS(tls_set_peer_names, "", (SOME_TLS, some_number(self, 1)))
CALL_FOR_TLS(tls_set_keylog, "/nowhere/keys", (SOME_TLS, text, len))
CALL_FOR_TLS(tls_self_signed, "im:alice@example.com alice.example.com",
             (SOME_TLS, text, len, (uint32_t)some_number(self, 30)))

static libmsrp_result call_tls_identity(caller *self) {
    libmsrp_tls *tls = NULL;
    libmsrp_text *cert = NULL, *key = NULL;
    CHECK_OK(libmsrp_tls_new(&tls));
    if (!is_wrong(self)) {
        CHECK_OK(libmsrp_tls_set_identity(tls, LIBMSRP_PEM_TEXT, LIBMSRP_TEXT(PARTY_PEM), LIBMSRP_TEXT(PARTY_KEY)));
    }
    const libmsrp_result result =
        libmsrp_tls_identity(MAYBE_NULL(libmsrp_tls *, self, tls), MAYBE_NULL(libmsrp_text **, self, &cert),
                             MAYBE_NULL(libmsrp_text **, self, &key));
    CHECK((result == LIBMSRP_OK) == (cert != NULL) && (cert != NULL) == (key != NULL));
    libmsrp_text_free(cert);
    libmsrp_text_free(key);
    libmsrp_tls_free(tls);
    return result;
}

static libmsrp_result call_tls_fingerprint(caller *self) {
    libmsrp_tls *tls = NULL;
    libmsrp_text *out = NULL;
    size_t len;
    const uint8_t *hash = some_text(self, "sha-256", &len);
    CHECK_OK(libmsrp_tls_new(&tls));
    CHECK_OK(libmsrp_tls_set_identity(tls, LIBMSRP_PEM_TEXT, LIBMSRP_TEXT(PARTY_PEM), LIBMSRP_TEXT(PARTY_KEY)));
    const libmsrp_result result = libmsrp_tls_fingerprint(MAYBE_NULL(libmsrp_tls *, self, tls), hash, len,
                                                          MAYBE_NULL(libmsrp_text **, self, &out));
    libmsrp_text_free(out);
    libmsrp_tls_free(tls);
    return result;
}

static libmsrp_result call_tls_free(caller *self) {
    (void)self;
    libmsrp_tls_free(NULL);
    return LIBMSRP_OK;
}

typedef struct function {
    const char *name;
    libmsrp_result (*call)(caller *self);
    subject on;
    int weight; /* how often it is called in random orders */
    const promise *promised;
} function;

#define FUNCTION(name, on, weight) {"libmsrp_" #name, call_##name, on, weight, NULL}
static function functions[] = {
    FUNCTION(version, ON_NOTHING, 1),
    FUNCTION(abi_version, ON_NOTHING, 1),
    FUNCTION(result_name, ON_NOTHING, 1),
    FUNCTION(last_error, ON_NOTHING, 3),
    FUNCTION(engine_new, ON_NOTHING, 1),
    FUNCTION(engine_shutdown, ON_ENGINE, 1),
    FUNCTION(engine_free, ON_ENGINE, 2),
    FUNCTION(engine_fd, ON_ENGINE, 3),
    FUNCTION(engine_process, ON_ENGINE, 150),
    FUNCTION(engine_wakeup, ON_ENGINE, 3),
    FUNCTION(engine_reload_tls, ON_ENGINE, 1),
    FUNCTION(engine_stats, ON_ENGINE, 3),
    FUNCTION(engine_set_log, ON_ENGINE, 3),
    FUNCTION(engine_responses, ON_ENGINE, 3),
    FUNCTION(engine_set_trace, ON_ENGINE, 1),
    FUNCTION(resolve_done, ON_QUERY, 3),
    FUNCTION(resolve_failed, ON_QUERY, 1),
    FUNCTION(service_done, ON_QUERY, 1),
    FUNCTION(service_failed, ON_QUERY, 1),
    FUNCTION(dial_done, ON_QUERY, 3),
    FUNCTION(listener_new, ON_ENGINE, 3),
    FUNCTION(listener_open, ON_ENGINE, 3),
    FUNCTION(listener_adopt, ON_LISTENER, 1),
    FUNCTION(relay_new, ON_ENGINE, 1),
    FUNCTION(relay_listen, ON_RELAY, 1),
    FUNCTION(relay_secret_done, ON_RELAY, 1),
    FUNCTION(relay_allow_done, ON_RELAY, 1),
    FUNCTION(relay_message_done, ON_RELAY, 1),
    FUNCTION(relay_stats_get, ON_RELAY, 2),
    FUNCTION(relay_revoke, ON_RELAY, 1),
    FUNCTION(relay_close, ON_RELAY, 1),
    FUNCTION(ha1, ON_NOTHING, 1),
    FUNCTION(session_adopt, ON_SESSION, 2),
    FUNCTION(listener_port, ON_LISTENER, 3),
    FUNCTION(listener_close, ON_LISTENER, 1),
    FUNCTION(session_new, ON_ENGINE, 10),
    FUNCTION(session_peer_certificate, ON_SESSION, 3),
    FUNCTION(certificate_read, ON_NOTHING, 1),
    FUNCTION(certificate_free, ON_NOTHING, 1),
    FUNCTION(session_local_path, ON_SESSION, 3),
    FUNCTION(session_local_media, ON_SESSION, 3),
    FUNCTION(session_offer_media, ON_SESSION, 3),
    FUNCTION(session_rollback_offer, ON_SESSION, 3),
    FUNCTION(session_relocate, ON_SESSION, 2),
    FUNCTION(session_set_direction, ON_SESSION, 3),
    FUNCTION(session_direction, ON_SESSION, 3),
    FUNCTION(session_remote_direction, ON_SESSION, 3),
    FUNCTION(session_create_offer, ON_SESSION, 3),
    FUNCTION(session_create_answer, ON_SESSION, 5),
    FUNCTION(session_set_remote, ON_SESSION, 5),
    FUNCTION(session_set_remote_path, ON_SESSION, 3),
    FUNCTION(session_prepare_remote, ON_SESSION, 3),
    FUNCTION(session_offer_due, ON_SESSION, 3),
    FUNCTION(session_remote_fingerprints, ON_SESSION, 3),
    FUNCTION(session_local_sdp, ON_SESSION, 3),
    FUNCTION(session_offer_sdp, ON_SESSION, 3),
    FUNCTION(session_remote_sdp, ON_SESSION, 3),
    FUNCTION(session_set_remote_sdp, ON_SESSION, 2),
    FUNCTION(session_set_attributes, ON_SESSION, 3),
    FUNCTION(sdp_offer, ON_SESSION, 3),
    FUNCTION(sdp_answer, ON_SESSION, 5),
    FUNCTION(sdp_refuse, ON_NOTHING, 2),
    FUNCTION(sdp_new, ON_NOTHING, 2),
    FUNCTION(sdp_add_default, ON_NOTHING, 2),
    FUNCTION(sdp_add_attribute, ON_NOTHING, 2),
    FUNCTION(sdp_count, ON_NOTHING, 2),
    FUNCTION(sdp_parse, ON_NOTHING, 2),
    FUNCTION(sdp_get_line, ON_NOTHING, 2),
    FUNCTION(sdp_attribute_count, ON_NOTHING, 1),
    FUNCTION(sdp_attribute, ON_NOTHING, 2),
    FUNCTION(sdp_text, ON_NOTHING, 2),
    FUNCTION(sdp_free, ON_NOTHING, 1),
    FUNCTION(session_authenticate, ON_SESSION, 2),
    FUNCTION(session_cancel_login, ON_SESSION, 2),
    FUNCTION(session_relay_path, ON_SESSION, 2),
    FUNCTION(session_open, ON_SESSION, 10),
    FUNCTION(session_close, ON_SESSION, 2),
    FUNCTION(session_abort, ON_SESSION, 2),
    FUNCTION(session_state, ON_SESSION, 3),
    FUNCTION(session_pause, ON_SESSION, 3),
    FUNCTION(session_resume, ON_SESSION, 6),
    FUNCTION(session_set_user_data, ON_SESSION, 3),
    FUNCTION(send, ON_SESSION, 40),
    FUNCTION(send_take, ON_SESSION, 20),
    FUNCTION(send_file, ON_SESSION, 8),
    FUNCTION(send_stream, ON_SESSION, 15),
    FUNCTION(send_request, ON_SESSION, 15),
    FUNCTION(stream_resume, ON_STREAM, 20),
    FUNCTION(stream_flush, ON_STREAM, 5),
    FUNCTION(transfer_abort, ON_TRANSFER, 3),
    FUNCTION(transfer_progress, ON_TRANSFER, 5),
    FUNCTION(transfer_message_id, ON_TRANSFER, 5),
    FUNCTION(message_consume, ON_MESSAGE, 40),
    FUNCTION(message_header, ON_MESSAGE, 5),
    FUNCTION(message_retain, ON_MESSAGE, 8),
    FUNCTION(message_release, ON_MESSAGE, 8),
    FUNCTION(message_reject, ON_MESSAGE, 3),
    FUNCTION(message_report, ON_MESSAGE, 5),
    FUNCTION(message_report_range, ON_MESSAGE, 3),
    FUNCTION(request_respond, ON_MESSAGE, 10),
    FUNCTION(request_header, ON_MESSAGE, 5),
    FUNCTION(body_retain, ON_ENGINE, 10),
    FUNCTION(body_ptr, ON_NOTHING, 2),
    FUNCTION(body_len, ON_NOTHING, 2),
    FUNCTION(body_release, ON_NOTHING, 4),
    FUNCTION(text_ptr, ON_NOTHING, 2),
    FUNCTION(text_len, ON_NOTHING, 2),
    FUNCTION(text_free, ON_NOTHING, 4),
    FUNCTION(tls_new, ON_NOTHING, 1),
    FUNCTION(tls_add_ca, ON_NOTHING, 1),
    FUNCTION(tls_set_identity, ON_NOTHING, 1),
    FUNCTION(tls_set_verify, ON_NOTHING, 1),
    FUNCTION(tls_set_client_auth, ON_NOTHING, 1),
    FUNCTION(tls_set_versions, ON_NOTHING, 1),
    FUNCTION(tls_add_fingerprint, ON_NOTHING, 1),
    FUNCTION(tls_set_peer_names, ON_NOTHING, 1),
    FUNCTION(tls_set_keylog, ON_NOTHING, 1),
    FUNCTION(tls_self_signed, ON_NOTHING, 1),
    FUNCTION(tls_identity, ON_NOTHING, 1),
    FUNCTION(tls_fingerprint, ON_NOTHING, 1),
    FUNCTION(tls_free, ON_NOTHING, 1),
};
#undef FUNCTION

enum { FUNCTIONS = sizeof(functions) / sizeof(functions[0]) };

/* Reads the header and finds each function's promise in it. */
static inline void functions_find(void) {
    contract_read();
    for (int at = 0; at < FUNCTIONS; at++) {
        functions[at].promised = promise_of(functions[at].name);
    }
}

/* Calls a function; what it returns has to be among what the header says of it. */
static inline libmsrp_result call_function(const function *which, caller *self) {
    const libmsrp_result result = which->call(self);
    const int is_defect = result == LIBMSRP_ERR_INTERNAL;
    if (is_defect || (which->promised->can_fail && !is_promised(which->promised, result))) {
        fprintf(stderr, "%s gave %s, which the header does not say; last error: %s\n", which->name,
                libmsrp_result_name(result), libmsrp_last_error());
        exit(1);
    }
    return result;
}

#endif
