/* Sessions behind relays (RFC 4976): options, the login, and what on_relay says. The relay is written by hand. */

#include "pair.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* What on_relay said. */
static struct {
    int count, offer_due;
    libmsrp_result result;
    int64_t lifetime_ms;
    uint64_t login;
    char path[TEXT_LEN], text[TEXT_LEN];
} said;

static void on_relay(libmsrp_engine *engine, libmsrp_session session, const libmsrp_relay_info *info, void *user) {
    party *self = (party *)user;
    CHECK(engine == self->engine && session == self->session);
    CHECK(info->struct_size == sizeof(*info));
    said.count++;
    said.result = info->result;
    said.offer_due = info->offer_due;
    said.lifetime_ms = info->lifetime_ms;
    said.login = info->login;
    copy_text(said.path, info->path.ptr, info->path.len);
    copy_text(said.text, info->text.ptr, info->text.len);
}

static int listening(uint16_t *port) {
    struct sockaddr_in address;
    socklen_t len = sizeof(address);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 8) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    *port = ntohs(address.sin_port);
    return fd;
}

/* Reads one request without a body. */
static void read_frame(int fd, char *frame, size_t size) {
    size_t got = 0;
    do {
        const ssize_t more = recv(fd, frame + got, size - 1 - got, 0);
        CHECK(more > 0);
        got += (size_t)more;
        frame[got] = '\0';
    } while (strstr(frame, "$\r\n") == NULL);
}

/* The value of a header, up to the end of its line. */
static void value_of(const char *frame, const char *name, char *value) {
    const char *at = strstr(frame, name);
    CHECK(at != NULL);
    at += strlen(name);
    const size_t len = strcspn(at, "\r");
    copy_text(value, (const uint8_t *)at, len);
}

static void respond(int fd, const char *frame, const char *status, const char *headers) {
    char id[TEXT_LEN], to[TEXT_LEN], from[TEXT_LEN], out[2048];
    copy_text(id, (const uint8_t *)frame + 5, strcspn(frame + 5, " "));
    value_of(frame, "To-Path: ", to);
    value_of(frame, "From-Path: ", from);
    const int len = snprintf(out, sizeof(out), "MSRP %s %s\r\nTo-Path: %s\r\nFrom-Path: %s\r\n%s-------%s$\r\n", id,
                             status, from, to, headers, id);
    CHECK(len > 0 && len < (int)sizeof(out) && send(fd, out, (size_t)len, 0) == len);
}

static void behind_new(party *self, libmsrp_engine *engine, const libmsrp_relay_login *relays, size_t count) {
    libmsrp_session_options options = party_options();
    libmsrp_session_callbacks callbacks = party_callbacks();
    callbacks.on_relay = on_relay;
    options.relays = relays;
    options.relay_count = count;
    memset(self, 0, sizeof(*self));
    memset(&said, 0, sizeof(said));
    self->engine = engine;
    CHECK_OK(libmsrp_session_new(engine, &options, &callbacks, self, &self->session));
}

static libmsrp_relay_login login_at(char *uri, size_t size, uint16_t port) {
    libmsrp_relay_login login = LIBMSRP_RELAY_LOGIN_INIT;
    snprintf(uri, size, "msrp://127.0.0.1:%u;tcp", (unsigned)port);
    login.uri.ptr = (const uint8_t *)uri;
    login.uri.len = strlen(uri);
    login.username = LIBMSRP_SLICE("alice");
    login.password = LIBMSRP_SLICE("secret");
    login.insecure_plain_auth = 1;
    login.accept_unproved = 1;
    return login;
}

static void a_path_and_a_refusal(void) {
    static const char CHALLENGE[] = "WWW-Authenticate: Digest realm=\"relay\", nonce=\"abc\", qop=\"auth\"\r\n";
    char uri[TEXT_LEN], token[TEXT_LEN], headers[1024], frame[4096];
    uint16_t port = 0;
    const int listener = listening(&port);
    libmsrp_relay_login login = login_at(uri, sizeof(uri), port);
    login.expires_ms = 600000;
    libmsrp_engine *engine = new_engine();
    libmsrp_text *text = NULL;
    party alice;
    behind_new(&alice, engine, &login, 1);

    /* Before the login there is nothing to say. */
    CHECK_INVALID(libmsrp_session_create_offer(engine, alice.session, &text));
    CHECK(strstr(libmsrp_last_error(), "authenticate") != NULL);
    CHECK_OK(libmsrp_session_relay_path(engine, alice.session, &text));
    CHECK(libmsrp_text_len(text) == 0);
    libmsrp_text_free(text);

    /* Refused, and tried again. */
    CHECK_OK(libmsrp_session_authenticate(engine, alice.session, DEADLINE_MS, NULL));
    CHECK_RESULT(libmsrp_session_authenticate(engine, alice.session, DEADLINE_MS, NULL), LIBMSRP_ERR_BUSY);
    const int relay = accept(listener, NULL, NULL);
    CHECK(relay >= 0);
    read_frame(relay, frame, sizeof(frame));
    CHECK(strstr(frame, " AUTH\r\n") != NULL && strstr(frame, "Authorization") == NULL);
    CHECK(strstr(frame, "Expires: 600\r\n") != NULL);
    respond(relay, frame, "403 Forbidden", "");
    RUN_UNTIL(engine, said.count == 1);
    CHECK(said.result == LIBMSRP_ERR_AUTH && said.text[0] != '\0' && said.path[0] == '\0');

    CHECK_OK(libmsrp_session_authenticate(engine, alice.session, DEADLINE_MS, NULL));
    read_frame(relay, frame, sizeof(frame));
    respond(relay, frame, "401 Unauthorized", CHALLENGE);
    read_frame(relay, frame, sizeof(frame));
    CHECK(strstr(frame, "username=\"alice\"") != NULL && strstr(frame, "secret") == NULL);
    snprintf(token, sizeof(token), "msrp://127.0.0.1:%u/token;tcp", (unsigned)port);
    snprintf(headers, sizeof(headers), "Use-Path: %s\r\nExpires: 600\r\n", token);
    respond(relay, frame, "200 OK", headers);
    RUN_UNTIL(engine, said.count == 2);
    CHECK(said.result == LIBMSRP_OK && said.text[0] == '\0' && strcmp(said.path, token) == 0);
    CHECK(said.lifetime_ms > 0 && said.lifetime_ms <= 600000 && said.offer_due == 0);
    CHECK_OK(libmsrp_session_relay_path(engine, alice.session, &text));
    CHECK(strcmp(libmsrp_text_ptr(text), token) == 0);
    libmsrp_text_free(text);
    CHECK_OK(libmsrp_session_create_offer(engine, alice.session, &text));
    snprintf(headers, sizeof(headers), "a=path:%s msrp://127.0.0.1:", token);
    CHECK(strstr(libmsrp_text_ptr(text), headers) != NULL);
    libmsrp_text_free(text);

    /* The session ends with the connection to the relay. */
    CHECK(close(relay) == 0 && close(listener) == 0);
    RUN_UNTIL(engine, alice.closed_count == 1);
    CHECK(alice.close_reason == LIBMSRP_CLOSE_REASON_CONNECTION_LOST);
    CHECK_GONE(libmsrp_session_authenticate(engine, alice.session, DEADLINE_MS, NULL));
    CHECK_GONE(libmsrp_session_relay_path(engine, alice.session, &text));
    CHECK_OK(libmsrp_engine_free(engine));
    COVERS("R-024", "R-030", "R-032", "R-038");
}

/* What an earlier login came to is told with its number, and one that is given up is told of no more. */
static void outcomes_are_those_of_their_login(void) {
    char uri[TEXT_LEN], frame[4096], late[4096];
    uint16_t port = 0;
    const int listener = listening(&port);
    libmsrp_relay_login login = login_at(uri, sizeof(uri), port);
    libmsrp_engine *engine = new_engine();
    uint64_t first = 0, second = 0, third = 0;
    party alice;
    behind_new(&alice, engine, &login, 1);
    CHECK_OK(libmsrp_session_authenticate(engine, alice.session, DEADLINE_MS, &first));
    CHECK(first != 0);
    const int relay = accept(listener, NULL, NULL);
    CHECK(relay >= 0);
    read_frame(relay, frame, sizeof(frame));
    respond(relay, frame, "403 Forbidden", "");
    /* Refused, and nobody has been told. */
    libmsrp_result result;
    do {
        result = libmsrp_session_authenticate(engine, alice.session, DEADLINE_MS, &second);
    } while (result == LIBMSRP_ERR_BUSY);
    CHECK_OK(result);
    CHECK(second != 0 && second != first);
    read_frame(relay, late, sizeof(late));
    RUN_UNTIL(engine, said.count == 1);
    CHECK(said.login == first && said.result == LIBMSRP_ERR_AUTH);

    /* Of another number nothing is given up. */
    CHECK_OK(libmsrp_session_cancel_login(engine, alice.session, first));
    CHECK_RESULT(libmsrp_session_authenticate(engine, alice.session, DEADLINE_MS, NULL), LIBMSRP_ERR_BUSY);
    CHECK_OK(libmsrp_session_cancel_login(engine, alice.session, second));
    CHECK_OK(libmsrp_session_authenticate(engine, alice.session, DEADLINE_MS, &third));
    respond(relay, late, "200 OK", "");
    const int another = accept(listener, NULL, NULL);
    CHECK(another >= 0);
    read_frame(another, frame, sizeof(frame));
    respond(another, frame, "403 Forbidden", "");
    RUN_UNTIL(engine, said.count == 2);
    CHECK(said.login == third && said.result == LIBMSRP_ERR_AUTH);
    CHECK_OK(libmsrp_engine_free(engine));
    CHECK(close(relay) == 0 && close(another) == 0 && close(listener) == 0);
}

static void options(void) {
    char uri[TEXT_LEN];
    libmsrp_engine *engine = new_engine();
    libmsrp_session session = 0;
    libmsrp_relay_login logins[9];
    for (size_t at = 0; at < 9; at++) {
        logins[at] = login_at(uri, sizeof(uri), 2855);
        if (at > 0) {
            /* Without TLS is for the one that is connected to. */
            logins[at].uri = LIBMSRP_SLICE("msrps://relay.example.com:2855;tcp");
            logins[at].insecure_plain_auth = 0;
        }
    }
    libmsrp_session_options options = party_options();
    options.relays = logins;
    options.relay_count = 8;
    CHECK_OK(libmsrp_session_new(engine, &options, NULL, NULL, &session));
    options.relay_count = 9;
    CHECK_INVALID(libmsrp_session_new(engine, &options, NULL, NULL, &session));
    options.relay_count = 2;
    options.relays = NULL;
    CHECK_INVALID(libmsrp_session_new(engine, &options, NULL, NULL, &session));
    options.relays = logins;
    logins[1].password.len = 0;
    CHECK_INVALID(libmsrp_session_new(engine, &options, NULL, NULL, &session));
    CHECK(strstr(libmsrp_last_error(), "relays[1]") != NULL);
    logins[1].ha1 = LIBMSRP_SLICE("0123456789abcdef0123456789abcdef");
    CHECK_INVALID(libmsrp_session_new(engine, &options, NULL, NULL, &session));
    logins[1].realm = LIBMSRP_SLICE("relay");
    CHECK_OK(libmsrp_session_new(engine, &options, NULL, NULL, &session));
    logins[0].insecure_plain_auth = 0;
    CHECK_RESULT(libmsrp_session_new(engine, &options, NULL, NULL, &session), LIBMSRP_ERR_INVALID_URI);
    logins[0].struct_size = 3;
    CHECK_INVALID(libmsrp_session_new(engine, &options, NULL, NULL, &session));
    logins[0].struct_size = 9;
    CHECK_INVALID(libmsrp_session_new(engine, &options, NULL, NULL, &session));

    libmsrp_session_options plain = party_options();
    CHECK_OK(libmsrp_session_new(engine, &plain, NULL, NULL, &session));
    CHECK_INVALID(libmsrp_session_authenticate(engine, session, DEADLINE_MS, NULL));
    CHECK_INVALID(libmsrp_session_authenticate(NULL, session, DEADLINE_MS, NULL));
    CHECK_INVALID(libmsrp_session_cancel_login(engine, session, 1));
    CHECK_INVALID(libmsrp_session_cancel_login(NULL, session, 1));
    CHECK_INVALID(libmsrp_session_relay_path(engine, session, NULL));
    CHECK_OK(libmsrp_engine_free(engine));
    COVERS("R-021");
}

int main(void) {
    a_path_and_a_refusal();
    outcomes_are_those_of_their_login();
    options();
    return passed("login");
}
