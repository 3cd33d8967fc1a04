/* The host resolves names, says what may be dialled, and from where. */

#include "pair.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

static party alice, bob;

/* What the functions of the host do, and saw. */
typedef enum answer { AT_ONCE, LATER, NO } answer;

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    answer resolves, dials;
    int names, addresses;
    libmsrp_query resolve, dial;
    libmsrp_session session;
    char name[64], address[64];
    uint16_t port;
    pthread_t thread;
} the = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, AT_ONCE, AT_ONCE, 0, 0, 0, 0, 0, "", "", 0, 0};

static void on_resolve(libmsrp_engine *engine, libmsrp_session session, libmsrp_query query, const uint8_t *name,
                       size_t name_len, void *user) {
    CHECK(user == &the && query != 0 && session != 0);
    pthread_mutex_lock(&the.mutex);
    copy_text(the.name, name, name_len < 63 ? name_len : 63);
    the.resolve = query;
    the.session = session;
    the.thread = pthread_self();
    the.names++;
    const answer does = the.resolves;
    pthread_cond_broadcast(&the.changed);
    pthread_mutex_unlock(&the.mutex);
    if (does == AT_ONCE) {
        /* The first has nobody. */
        CHECK_OK(libmsrp_resolve_done(engine, query, LIBMSRP_TEXT("127.0.0.7 127.0.0.1")));
    } else if (does == NO) {
        CHECK_OK(libmsrp_resolve_failed(engine, query, LIBMSRP_TEXT("no such friend")));
    }
}

static void on_dial(libmsrp_engine *engine, libmsrp_session session, libmsrp_query query, const uint8_t *address,
                    size_t address_len, uint16_t port, void *user) {
    CHECK(user == &the && query != 0 && session != 0);
    pthread_mutex_lock(&the.mutex);
    copy_text(the.address, address, address_len < 63 ? address_len : 63);
    the.dial = query;
    the.port = port;
    the.addresses++;
    const answer does = the.dials;
    pthread_cond_broadcast(&the.changed);
    pthread_mutex_unlock(&the.mutex);
    if (does != LATER) {
        CHECK_OK(libmsrp_dial_done(engine, query, does == AT_ONCE));
        CHECK_GONE(libmsrp_dial_done(engine, query, 1));
    }
}

/* What is asked and told when a relay is looked for. */
static struct {
    answer finds;
    char service[64], names[2][64], text[512];
    int name_count, told;
    libmsrp_result result;
} found;

static void on_service(libmsrp_engine *engine, libmsrp_session session, libmsrp_query query, const uint8_t *name,
                       size_t name_len, void *user) {
    libmsrp_srv_record records[2];
    memset(records, 0, sizeof(records));
    records[0].priority = 9;
    records[0].port = 2;
    records[0].target = LIBMSRP_SLICE("b.example.");
    records[1].priority = 1;
    records[1].weight = 5;
    records[1].port = 1;
    records[1].target = LIBMSRP_SLICE("A.example.");
    CHECK(user == &found && query != 0 && session != 0);
    copy_text(found.service, name, name_len < 63 ? name_len : 63);
    CHECK_INVALID(libmsrp_resolve_done(engine, query, LIBMSRP_TEXT("127.0.0.1")));
    CHECK_INVALID(libmsrp_service_done(engine, query, NULL, 1));
    CHECK_INVALID(libmsrp_service_done(engine, query, records, 5000));
    if (found.finds == NO) {
        CHECK_OK(libmsrp_service_failed(engine, query, LIBMSRP_TEXT("no name server")));
    } else {
        CHECK_OK(libmsrp_service_done(engine, query, records, 2));
    }
    CHECK_GONE(libmsrp_service_done(engine, query, NULL, 0));
    CHECK_GONE(libmsrp_service_failed(engine, query, NULL, 0));
}

static void on_server(libmsrp_engine *engine, libmsrp_session session, libmsrp_query query, const uint8_t *name,
                      size_t name_len, void *user) {
    CHECK(user == &found && session != 0 && found.name_count < 2);
    copy_text(found.names[found.name_count++], name, name_len < 63 ? name_len : 63);
    CHECK_INVALID(libmsrp_service_failed(engine, query, NULL, 0));
    CHECK_OK(libmsrp_resolve_failed(engine, query, LIBMSRP_TEXT("it is down")));
}

static void on_login(libmsrp_engine *engine, libmsrp_session session, const libmsrp_relay_info *info, void *user) {
    (void)engine, (void)session, (void)user;
    found.result = info->result;
    copy_text(found.text, info->text.ptr, info->text.len < 511 ? info->text.len : 511);
    found.told++;
}

/* A relay is found by the records that the host has, and its servers are tried in their order. */
static void finds_a_relay(void) {
    for (int which = 0; which < 2; which++) {
        libmsrp_engine_options whole = LIBMSRP_ENGINE_OPTIONS_INIT;
        libmsrp_session_options options = LIBMSRP_SESSION_OPTIONS_INIT;
        libmsrp_session_callbacks callbacks = LIBMSRP_SESSION_CALLBACKS_INIT;
        libmsrp_relay_login login = LIBMSRP_RELAY_LOGIN_INIT;
        libmsrp_engine *engine = NULL;
        libmsrp_session session = 0;
        memset(&found, 0, sizeof(found));
        found.finds = which == 0 ? AT_ONCE : NO;
        whole.on_service = on_service;
        whole.on_resolve = on_server;
        whole.user = &found;
        CHECK_OK(libmsrp_engine_new(&whole, &engine));
        login.uri = LIBMSRP_SLICE("msrps://Example.com;tcp");
        login.username = LIBMSRP_SLICE("alice");
        login.password = LIBMSRP_SLICE("secret");
        options.relays = &login;
        options.relay_count = 1;
        callbacks.on_relay = on_login;
        CHECK_OK(libmsrp_session_new(engine, &options, &callbacks, NULL, &session));
        CHECK_OK(libmsrp_session_authenticate(engine, session, DEADLINE_MS, NULL));
        RUN_UNTIL(engine, found.told == 1);
        CHECK(found.result == LIBMSRP_ERR_CONNECT && strcmp(found.service, "_msrps._tcp.example.com") == 0);
        if (which == 0) {
            CHECK(found.name_count == 2 && strcmp(found.names[0], "a.example") == 0);
            CHECK(strcmp(found.names[1], "b.example") == 0 && strstr(found.text, "it is down") != NULL);
        } else {
            CHECK(found.name_count == 0 && strstr(found.text, "no name server") != NULL);
        }
        CHECK_OK(libmsrp_engine_free(engine));
    }
    COVERS("R-191");
}

static libmsrp_engine *asking_engine(libmsrp_dispatch dispatch) {
    libmsrp_engine_options options = LIBMSRP_ENGINE_OPTIONS_INIT;
    libmsrp_engine *engine = NULL;
    options.dispatch = dispatch;
    options.on_resolve = on_resolve;
    options.on_dial = on_dial;
    options.user = &the;
    CHECK_OK(libmsrp_engine_new(&options, &engine));
    the.names = the.addresses = 0;
    return engine;
}

/* Alice knows Bob by a name. */
static void meet(libmsrp_engine *engine) {
    libmsrp_session_options options = party_options();
    party_new(&alice, engine, 1, &options);
    options.advertise_host = LIBMSRP_SLICE("Bob.Example");
    party_new(&bob, engine, 1, &options);
    pair_negotiate(&alice, &bob);
}

static void answers_inside_the_callbacks(void) {
    libmsrp_engine *engine = asking_engine(LIBMSRP_DISPATCH_HOST);
    the.resolves = the.dials = AT_ONCE;
    meet(engine);
    RUN_UNTIL(engine, alice.is_open && bob.is_open);
    CHECK(the.names == 1 && strcmp(the.name, "bob.example") == 0 && the.session == alice.session);
    CHECK(the.addresses == 2 && strcmp(the.address, "127.0.0.1") == 0 && the.port != 0);
    pair_end(&alice, &bob);
}

static void answers_later(void) {
    libmsrp_engine *engine = asking_engine(LIBMSRP_DISPATCH_HOST);
    the.resolves = the.dials = LATER;
    meet(engine);
    RUN_UNTIL(engine, the.names == 1);
    /* What is no answer leaves the question open. */
    CHECK_INVALID(libmsrp_resolve_done(engine, the.resolve, LIBMSRP_TEXT("127.0.0.1 bob")));
    CHECK(strstr(libmsrp_last_error(), "\"bob\" is no IP address") != NULL);
    CHECK_INVALID(libmsrp_resolve_done(engine, the.resolve, (const uint8_t *)"\xff", 1));
    CHECK_INVALID(libmsrp_dial_done(engine, the.resolve, 1));
    CHECK_OK(libmsrp_resolve_done(engine, the.resolve, LIBMSRP_TEXT(" 127.0.0.1  ::1 ")));
    CHECK_GONE(libmsrp_resolve_failed(engine, the.resolve, NULL, 0));
    RUN_UNTIL(engine, the.addresses == 1);
    CHECK_INVALID(libmsrp_resolve_done(engine, the.dial, LIBMSRP_TEXT("127.0.0.1")));
    CHECK_OK(libmsrp_dial_done(engine, the.dial, 1));
    RUN_UNTIL(engine, alice.is_open && bob.is_open);
    CHECK_GONE(libmsrp_dial_done(engine, the.dial, 1));
    pair_end(&alice, &bob);
}

static void refuses(void) {
    for (int which = 0; which < 2; which++) {
        libmsrp_engine *engine = asking_engine(LIBMSRP_DISPATCH_HOST);
        the.resolves = which == 0 ? NO : AT_ONCE;
        the.dials = NO;
        meet(engine);
        RUN_UNTIL(engine, alice.closed_count == 1);
        CHECK(alice.close_result == LIBMSRP_ERR_CONNECT && !bob.is_open);
        CHECK(the.addresses == 2 * which);
        CHECK_OK(libmsrp_engine_free(engine));
    }
}

/* A session, and an engine, that end while a question waits. */
static void ends_first(void) {
    libmsrp_engine *engine = asking_engine(LIBMSRP_DISPATCH_HOST);
    the.resolves = LATER;
    meet(engine);
    RUN_UNTIL(engine, the.names == 1);
    CHECK_OK(libmsrp_session_abort(engine, alice.session));
    RUN_UNTIL(engine, alice.closed_count == 1);
    while (libmsrp_resolve_done(engine, the.resolve, LIBMSRP_TEXT("127.0.0.1")) != LIBMSRP_ERR_GONE) {
        /* Its task may be about to hear of the end; the answer is taken once at most. */
    }
    CHECK_OK(libmsrp_engine_free(engine));

    engine = asking_engine(LIBMSRP_DISPATCH_HOST);
    meet(engine);
    RUN_UNTIL(engine, the.names == 1);
    CHECK_OK(libmsrp_engine_free(engine));
    CHECK(alice.closed_count == 1 && bob.closed_count == 1);
}

static void wait_for(const int *count) {
    pthread_mutex_lock(&the.mutex);
    while (*count == 0) {
        pthread_cond_wait(&the.changed, &the.mutex);
    }
    pthread_mutex_unlock(&the.mutex);
}

/* The questions come on the engine's thread, the answers from this one. */
static void with_a_callback_thread(void) {
    libmsrp_engine *engine = asking_engine(LIBMSRP_DISPATCH_THREAD);
    the.resolves = the.dials = LATER;
    meet(engine);
    wait_for(&the.names);
    CHECK(!pthread_equal(the.thread, pthread_self()));
    CHECK_OK(libmsrp_resolve_done(engine, the.resolve, LIBMSRP_TEXT("127.0.0.1")));
    wait_for(&the.addresses);
    CHECK_OK(libmsrp_dial_done(engine, the.dial, 1));
    libmsrp_state state = LIBMSRP_STATE_NEW;
    while (state != LIBMSRP_STATE_OPEN) {
        CHECK_OK(libmsrp_session_state(engine, alice.session, &state));
        CHECK(state != LIBMSRP_STATE_CLOSED);
    }
    CHECK_OK(libmsrp_engine_free(engine));
}

/* Where a connection to `listener` came from. */
static struct sockaddr_in accept_from(int listener) {
    struct sockaddr_in from;
    socklen_t len = sizeof(from);
    const int socket = accept(listener, (struct sockaddr *)&from, &len);
    CHECK(socket >= 0 && from.sin_family == AF_INET);
    CHECK(close(socket) == 0);
    return from;
}

static void from_a_source(void) {
    struct sockaddr_in place;
    socklen_t len = sizeof(place);
    memset(&place, 0, sizeof(place));
    place.sin_family = AF_INET;
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(listener >= 0 && bind(listener, (struct sockaddr *)&place, sizeof(place)) == 0 && listen(listener, 5) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&place, &len) == 0);
    char path[64];
    snprintf(path, sizeof(path), "msrp://127.0.0.1:%d/somebody;tcp", ntohs(place.sin_port));

    libmsrp_engine *engine = new_engine();
    libmsrp_session_options options = party_options();
    libmsrp_connection_options connection = LIBMSRP_CONNECTION_OPTIONS_INIT;
    options.connection = &connection;
    connection.source_address = LIBMSRP_SLICE("127.0.0.9");
    connection.connect_timeout_ms = 5000;
    party_new(&alice, engine, 1, &options);
    connection.source_address = LIBMSRP_SLICE("");
    connection.source_port_from_path = 1;
    party_new(&bob, engine, 1, &options);
    libmsrp_text *own = NULL;
    CHECK_OK(libmsrp_session_local_path(engine, bob.session, &own));
    const char *port = strchr(libmsrp_text_ptr(own) + 7, ':');
    CHECK(port != NULL);
    const int from_path = atoi(port + 1);
    libmsrp_text_free(own);
    for (int at = 0; at < 2; at++) {
        party *dials = at == 0 ? &alice : &bob;
        CHECK_OK(libmsrp_session_set_remote_path(engine, dials->session, LIBMSRP_TEXT(path), 1, LIBMSRP_TEXT("*")));
        CHECK_OK(libmsrp_session_open(engine, dials->session, DEADLINE_MS));
        const struct sockaddr_in from = accept_from(listener);
        CHECK(ntohl(from.sin_addr.s_addr) == (at == 0 ? 0x7f000009 : INADDR_LOOPBACK));
        CHECK(at == 0 || ntohs(from.sin_port) == from_path);
    }

    /* What cannot be is refused, by its name. */
    libmsrp_session session = 0;
    connection.source_port = 5000;
    CHECK_INVALID(libmsrp_session_new(engine, &options, NULL, NULL, &session));
    CHECK(strstr(libmsrp_last_error(), "connection.source_port is 5000") != NULL);
    connection.source_port = 0;
    connection.source_address = LIBMSRP_SLICE("home");
    CHECK_INVALID(libmsrp_session_new(engine, &options, NULL, NULL, &session));
    CHECK(strstr(libmsrp_last_error(), "options.connection.source_address: \"home\" is no IP address") != NULL);
    connection.source_address = LIBMSRP_SLICE("");
    connection.connect_timeout_ms = -1;
    CHECK_INVALID(libmsrp_session_new(engine, &options, NULL, NULL, &session));
    connection.struct_size = 1;
    CHECK_INVALID(libmsrp_session_new(engine, &options, NULL, NULL, &session));
    CHECK(session == 0);
    CHECK_OK(libmsrp_engine_free(engine));
    CHECK(close(listener) == 0);
}

int main(void) {
    answers_inside_the_callbacks();
    answers_later();
    refuses();
    ends_first();
    with_a_callback_thread();
    from_a_source();
    finds_a_relay();
    COVERS("C-093");
    return passed("dial");
}
