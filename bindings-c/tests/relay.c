/* A relay of this process: the host's functions decide, and peers speak to it by hand over plain sockets. */

#include "check.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TEXT = 4096 };

static struct {
    int later; /* the secret comes after on_credentials has returned */
    int secrets, users, hops, messages, closed, released;
    libmsrp_query secret_query;
    char user[64], address[64], message_id[64];
    uint16_t hop_port;
} the;

static void copy(char *to, libmsrp_slice text) {
    const size_t len = text.len < 63 ? text.len : 63;
    memcpy(to, text.ptr, len);
    to[len] = '\0';
}

static void give_secret(libmsrp_engine *engine, libmsrp_relay relay, libmsrp_query query) {
    libmsrp_text *ha1 = NULL;
    CHECK_OK(libmsrp_ha1(LIBMSRP_SLICE("alice"), LIBMSRP_SLICE("127.0.0.1"), LIBMSRP_SLICE("secret"),
                         LIBMSRP_SLICE("SHA-256"), &ha1));
    CHECK(libmsrp_text_len(ha1) == 64);
    libmsrp_text_free(ha1);
    CHECK_OK(libmsrp_ha1(LIBMSRP_SLICE("alice"), LIBMSRP_SLICE("127.0.0.1"), LIBMSRP_SLICE("secret"),
                         LIBMSRP_SLICE("MD5"), &ha1));
    CHECK_INVALID(libmsrp_relay_secret_done(engine, relay, query, LIBMSRP_TEXT("no digits")));
    CHECK_INVALID(libmsrp_relay_allow_done(engine, relay, query, 1));
    CHECK_OK(libmsrp_relay_secret_done(engine, relay, query, LIBMSRP_TEXT(libmsrp_text_ptr(ha1))));
    CHECK_GONE(libmsrp_relay_secret_done(engine, relay, query, LIBMSRP_TEXT("")));
    libmsrp_text_free(ha1);
}

static void on_credentials(libmsrp_engine *engine, libmsrp_relay relay, libmsrp_query query,
                           const libmsrp_relay_credentials *wanted, void *user) {
    CHECK(user == &the);
    copy(the.user, wanted->user);
    CHECK(wanted->realm.len == 9 && memcmp(wanted->realm.ptr, "127.0.0.1", 9) == 0);
    CHECK(wanted->algorithm.len == 3 && memcmp(wanted->algorithm.ptr, "MD5", 3) == 0);
    the.secrets++;
    if (strcmp(the.user, "alice") != 0) {
        CHECK_OK(libmsrp_relay_secret_done(engine, relay, query, NULL, 0));
    } else if (the.later) {
        the.secret_query = query;
    } else {
        give_secret(engine, relay, query);
    }
}

static void on_authorise(libmsrp_engine *engine, libmsrp_relay relay, libmsrp_query query,
                         const libmsrp_relay_authorisation *wanted, void *user) {
    CHECK(user == &the && wanted->expires_ms == 3600000);
    copy(the.address, wanted->address);
    the.users++;
    CHECK_OK(libmsrp_relay_allow_done(engine, relay, query, the.users != 1));
}

static void on_next_hop(libmsrp_engine *engine, libmsrp_relay relay, libmsrp_query query,
                        const libmsrp_relay_next_hop *wanted, void *user) {
    CHECK(user == &the && wanted->relay == 0 && wanted->secure == 0);
    the.hop_port = wanted->port;
    the.hops++;
    CHECK_OK(libmsrp_relay_allow_done(engine, relay, query, 0));
}

static void on_message(libmsrp_engine *engine, libmsrp_relay relay, libmsrp_query query,
                       const libmsrp_relay_message *message, void *user) {
    CHECK(user == &the && message->total == 5);
    copy(the.message_id, message->message_id);
    the.messages++;
    CHECK_INVALID(libmsrp_relay_message_done(engine, relay, query, 200));
    CHECK_OK(libmsrp_relay_message_done(engine, relay, query, strcmp(the.message_id, "bad") == 0 ? 415 : 0));
}

static void on_closed(libmsrp_engine *engine, libmsrp_relay relay, void *user) {
    libmsrp_relay_stats stats = LIBMSRP_RELAY_STATS_INIT;
    (void)libmsrp_relay_stats_get(engine, relay, &stats);
    CHECK(user == &the && the.released == 0);
    the.closed++;
}

static void on_release(void *user) {
    CHECK(user == &the && the.closed == 1);
    the.released++;
}

/* MD5 (RFC 1321), as hex digits. */
static void md5(const char *text, char hex[33]) {
    static const uint8_t turns[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
    /* floor(2^32 * |sin(n)|) */
    static const uint32_t sines[64] = {
        0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
        0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
        0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
        0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
        0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
        0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
        0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
        0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};
    uint32_t sum[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    const size_t len = strlen(text), blocks = (len + 8) / 64 + 1;
    uint8_t *data = (uint8_t *)calloc(blocks, 64);
    CHECK(data != NULL);
    memcpy(data, text, len);
    data[len] = 0x80;
    for (int at = 0; at < 8; at++) {
        data[blocks * 64 - 8 + (size_t)at] = (uint8_t)((uint64_t)len * 8 >> 8 * at);
    }
    for (size_t block = 0; block < blocks; block++) {
        uint32_t word[16], a = sum[0], b = sum[1], c = sum[2], d = sum[3];
        for (int at = 0; at < 16; at++) {
            const uint8_t *from = data + block * 64 + (size_t)at * 4;
            word[at] = (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
        }
        for (int step = 0; step < 64; step++) {
            uint32_t f;
            int which;
            switch (step / 16) {
            case 0:
                f = (b & c) | (~b & d), which = step;
                break;
            case 1:
                f = (d & b) | (~d & c), which = (5 * step + 1) % 16;
                break;
            case 2:
                f = b ^ c ^ d, which = (3 * step + 5) % 16;
                break;
            default:
                f = c ^ (b | ~d), which = 7 * step % 16;
            }
            const uint32_t mixed = a + f + sines[step] + word[which];
            const int turn = turns[step / 16][step % 4];
            a = d, d = c, c = b;
            b += mixed << turn | mixed >> (32 - turn);
        }
        sum[0] += a, sum[1] += b, sum[2] += c, sum[3] += d;
    }
    free(data);
    for (int at = 0; at < 16; at++) {
        snprintf(hex + (size_t)at * 2, 3, "%02x", (unsigned)(sum[at / 4] >> 8 * (at % 4) & 0xff));
    }
}

typedef struct peer {
    libmsrp_engine *engine;
    int fd, count;
    char own[64], relay[64], token[128];
    char input[TEXT]; /* what was read and not taken yet */
    char frame[TEXT]; /* the last one */
} peer;

static void peer_connect(peer *self, libmsrp_engine *engine, uint16_t port, const char *user) {
    struct sockaddr_in to;
    memset(self, 0, sizeof(*self));
    memset(&to, 0, sizeof(to));
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    self->engine = engine;
    self->fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(self->fd >= 0 && connect(self->fd, (struct sockaddr *)&to, sizeof(to)) == 0);
    snprintf(self->own, sizeof(self->own), "msrp://127.0.0.1:9/%s;tcp", user);
    snprintf(self->relay, sizeof(self->relay), "msrp://127.0.0.1:%u;tcp", (unsigned)port);
}

static void say(peer *self, const char *text) {
    CHECK(send(self->fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

/* Takes the next frame out of what was read; 0 if it is not whole. */
static int take(peer *self) {
    char end[64], id[32];
    const size_t had = strlen(self->input);
    const ssize_t got = recv(self->fd, self->input + had, sizeof(self->input) - 1 - had, MSG_DONTWAIT);
    self->input[had + (got > 0 ? (size_t)got : 0)] = '\0';
    if (sscanf(self->input, "MSRP %31s", id) != 1) {
        return 0;
    }
    snprintf(end, sizeof(end), "-------%s", id);
    char *found = strstr(self->input, end);
    char *line = found == NULL ? NULL : strstr(found, "\r\n");
    if (line == NULL) {
        return 0;
    }
    const size_t len = (size_t)(line + 2 - self->input);
    memcpy(self->frame, self->input, len);
    self->frame[len] = '\0';
    memmove(self->input, self->input + len, strlen(self->input + len) + 1);
    return 1;
}

/* Waits for the next frame, and runs the engine's callbacks meanwhile. */
static void next_frame(peer *self) {
    while (!take(self)) {
        struct pollfd watched[2];
        memset(watched, 0, sizeof(watched));
        watched[0].fd = fd_of(self->engine);
        watched[1].fd = self->fd;
        watched[0].events = watched[1].events = POLLIN;
        CHECK(poll(watched, 2, DEADLINE_MS) > 0);
        CHECK_OK(libmsrp_engine_process(self->engine, 0));
    }
}

static int is_status(const peer *self, const char *status) {
    const char *at = strchr(self->frame + 5, ' ');
    return at != NULL && strncmp(at + 1, status, strlen(status)) == 0;
}

static void value_of(const peer *self, const char *name, const char *end, char *value, size_t size) {
    const char *at = strstr(self->frame, name);
    CHECK(at != NULL);
    at += strlen(name);
    const size_t len = strcspn(at, end);
    CHECK(len < size);
    memcpy(value, at, len);
    value[len] = '\0';
}

static void request(peer *self, const char *method, const char *to, const char *lines) {
    char text[TEXT];
    const int number = self->count++;
    snprintf(text, sizeof(text), "MSRP tid%05d %s\r\nTo-Path: %s\r\nFrom-Path: %s\r\n%s-------tid%05d$\r\n", number,
             method, to, self->own, lines, number);
    say(self, text);
}

static void log_in(peer *self, const char *user) {
    char nonce[128], opaque[128] = "", text[512], ha1[33], ha2[33], response[33], line[1024];
    request(self, "AUTH", self->relay, "");
    next_frame(self);
    CHECK(is_status(self, "401"));
    value_of(self, "nonce=\"", "\"", nonce, sizeof(nonce));
    if (strstr(self->frame, "opaque=\"") != NULL) {
        char value[96];
        value_of(self, "opaque=\"", "\"", value, sizeof(value));
        snprintf(opaque, sizeof(opaque), ", opaque=\"%s\"", value);
    }
    snprintf(text, sizeof(text), "%s:127.0.0.1:secret", user);
    md5(text, ha1);
    snprintf(text, sizeof(text), "AUTH:%s", self->relay);
    md5(text, ha2);
    snprintf(text, sizeof(text), "%s:%s:00000001:cnonce:auth:%s", ha1, nonce, ha2);
    md5(text, response);
    snprintf(line, sizeof(line),
             "Authorization: Digest username=\"%s\", realm=\"127.0.0.1\", nonce=\"%s\", uri=\"%s\", qop=auth, "
             "nc=00000001, cnonce=\"cnonce\", response=\"%s\"%s\r\n",
             user, nonce, self->relay, response, opaque);
    request(self, "AUTH", self->relay, line);
}

static void send_text(peer *self, const char *to, const char *id) {
    char path[512], lines[256];
    snprintf(path, sizeof(path), "%s %s", self->token, to);
    snprintf(lines, sizeof(lines),
             "Message-ID: %s\r\nByte-Range: 1-5/5\r\nContent-Type: text/plain\r\n\r\nhello\r\n", id);
    request(self, "SEND", path, lines);
}

static void answer(peer *self) {
    char id[32], to[512], from[512], text[2048];
    CHECK(sscanf(self->frame, "MSRP %31s", id) == 1);
    value_of(self, "From-Path: ", "\r", to, sizeof(to));
    value_of(self, "To-Path: ", "\r", from, sizeof(from));
    snprintf(text, sizeof(text), "MSRP %s 200 OK\r\nTo-Path: %s\r\nFrom-Path: %s\r\n-------%s$\r\n", id, to, from, id);
    say(self, text);
}

int main(void) {
    char hex[33], path[512];
    md5("Mufasa:testrealm@host.com:Circle Of Life", hex);
    CHECK(strcmp(hex, "939e7578ed9e3c518a452acee763bce9") == 0);

    libmsrp_engine *engine = NULL;
    libmsrp_relay relay = 0;
    libmsrp_listener listener = 0;
    uint16_t port = 0;
    libmsrp_relay_options options = LIBMSRP_RELAY_OPTIONS_INIT;
    libmsrp_relay_callbacks callbacks = LIBMSRP_RELAY_CALLBACKS_INIT;
    libmsrp_relay_listener_options listening = LIBMSRP_RELAY_LISTENER_OPTIONS_INIT;
    CHECK_OK(libmsrp_engine_new(NULL, &engine));
    options.hosts = LIBMSRP_SLICE("127.0.0.1");
    options.networks = LIBMSRP_SLICE("127.0.0.0/8");
    options.numeric_hosts = options.insecure_plain_auth = 1;
    CHECK_INVALID(libmsrp_relay_new(engine, &options, &callbacks, &the, &relay));
    callbacks.on_credentials = on_credentials;
    callbacks.on_authorise = on_authorise;
    callbacks.on_next_hop = on_next_hop;
    callbacks.on_message = on_message;
    callbacks.on_closed = on_closed;
    callbacks.on_release = on_release;
    options.lifetime_ms = 1;
    CHECK_INVALID(libmsrp_relay_new(engine, &options, &callbacks, &the, &relay));
    options.lifetime_ms = 0;
    CHECK_OK(libmsrp_relay_new(engine, &options, &callbacks, &the, &relay));
    listening.host = LIBMSRP_SLICE("127.0.0.1");
    CHECK_INVALID(libmsrp_relay_listen(engine, relay, &listening, &listener));
    listening.plain = 1;
    CHECK_OK(libmsrp_relay_listen(engine, relay, &listening, &listener));
    CHECK_OK(libmsrp_listener_port(engine, listener, &port));

    static peer alice, bob, carol;
    /* The first that is authorised is not. */
    peer_connect(&carol, engine, port, "carol");
    log_in(&carol, "alice");
    next_frame(&carol);
    CHECK(is_status(&carol, "403") && the.users == 1 && strcmp(the.address, "127.0.0.1") == 0);
    log_in(&carol, "mallory");
    next_frame(&carol);
    CHECK(is_status(&carol, "401"));
    close(carol.fd);

    peer_connect(&alice, engine, port, "alice");
    log_in(&alice, "alice");
    next_frame(&alice);
    CHECK(is_status(&alice, "200"));
    value_of(&alice, "Use-Path: ", "\r", alice.token, sizeof(alice.token));
    the.later = 1;
    peer_connect(&bob, engine, port, "bob");
    log_in(&bob, "alice");
    RUN_UNTIL(engine, the.secret_query != 0);
    give_secret(engine, relay, the.secret_query);
    next_frame(&bob);
    CHECK(is_status(&bob, "200") && the.secrets == 4);
    value_of(&bob, "Use-Path: ", "\r", bob.token, sizeof(bob.token));

    snprintf(path, sizeof(path), "%s %s", bob.token, bob.own);
    send_text(&alice, path, "good");
    next_frame(&alice);
    CHECK(is_status(&alice, "200"));
    next_frame(&bob);
    CHECK(is_status(&bob, "SEND") && strstr(bob.frame, "\r\n\r\nhello\r\n") != NULL);
    answer(&bob);
    send_text(&alice, path, "bad");
    next_frame(&alice);
    CHECK(is_status(&alice, "415") && the.messages == 2);
    send_text(&alice, "msrp://127.0.0.1:9/x;tcp", "away");
    next_frame(&alice);
    CHECK(is_status(&alice, "200"));
    next_frame(&alice);
    CHECK(is_status(&alice, "REPORT") && strstr(alice.frame, "Status: 000 403") != NULL);
    CHECK(the.hops == 1 && the.hop_port == 9);

    libmsrp_relay_stats stats = LIBMSRP_RELAY_STATS_INIT;
    CHECK_OK(libmsrp_relay_stats_get(engine, relay, &stats));
    CHECK(stats.tokens == 2 && stats.auth_granted == 2 && stats.auth_wrong == 1 && stats.accepted == 3);
    size_t revoked = 0;
    CHECK_OK(libmsrp_relay_revoke(engine, relay, LIBMSRP_TEXT("alice"), &revoked));
    CHECK(revoked == 2);

    CHECK_OK(libmsrp_relay_close(engine, relay, 0));
    RUN_UNTIL(engine, the.released == 1);
    CHECK_GONE(libmsrp_relay_stats_get(engine, relay, &stats));
    close(alice.fd);
    close(bob.fd);

    /* One that is there when the engine is freed ends with it. */
    the.closed = the.released = 0;
    CHECK_OK(libmsrp_relay_new(engine, &options, &callbacks, &the, &relay));
    CHECK_OK(libmsrp_engine_free(engine));
    CHECK(the.closed == 1 && the.released == 1);
    COVERS("R-100", "R-101", "R-102");
    return passed("relay");
}
