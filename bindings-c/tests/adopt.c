/* Sockets that the host has connected, and options of listeners. */

#include "pair.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int tcp(void) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0);
    return fd;
}

static struct sockaddr_in loopback(uint16_t port) {
    struct sockaddr_in address;
    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/* A listening socket; gives its port. */
static int listening(uint16_t *port) {
    struct sockaddr_in address = loopback(0);
    socklen_t len = sizeof(address);
    const int fd = tcp();
    CHECK(bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 8) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static int connected_to(uint16_t port) {
    const struct sockaddr_in address = loopback(port);
    const int fd = tcp();
    CHECK(connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0);
    return fd;
}

/* A connection: who connected, and who accepted. */
static void connection(int ends[2]) {
    uint16_t port = 0;
    const int listener = listening(&port);
    ends[0] = connected_to(port);
    ends[1] = accept(listener, NULL, NULL);
    CHECK(ends[1] >= 0 && close(listener) == 0);
}

static int is_open(int fd) {
    return fcntl(fd, F_GETFD) >= 0;
}

/* A session that knows its peer by paths. */
static void know(party *self, const party *peer, int active) {
    libmsrp_text *path = NULL;
    CHECK_OK(libmsrp_session_local_path(peer->engine, peer->session, &path));
    CHECK_OK(libmsrp_session_set_remote_path(self->engine, self->session, LIBMSRP_TEXT(libmsrp_text_ptr(path)),
                                             active, NULL, 0));
    libmsrp_text_free(path);
}

static void both_ends(void) {
    libmsrp_engine *engine = new_engine();
    party alice, bob;
    int ends[2];
    party_new(&alice, engine, 1, NULL);
    party_new(&bob, engine, 1, NULL);
    know(&alice, &bob, 1);
    know(&bob, &alice, 0);
    connection(ends);
    CHECK_OK(libmsrp_session_adopt(engine, alice.session, ends[0], NULL, 0, 0, 0));
    CHECK_OK(libmsrp_session_adopt(engine, bob.session, ends[1], NULL, 0, 1, 0));
    CHECK_OK(libmsrp_session_open(engine, alice.session, DEADLINE_MS));
    CHECK_OK(libmsrp_session_open(engine, bob.session, DEADLINE_MS));
    RUN_UNTIL(engine, alice.is_open && bob.is_open);
    send_text(&alice, "over a socket of the host", 0);
    RUN_UNTIL(engine, bob.message_count == 1);
    connection(ends);
    CHECK_RESULT(libmsrp_session_adopt(engine, bob.session, ends[1], NULL, 0, 1, 0), LIBMSRP_ERR_BUSY);
    CHECK(is_open(ends[1]) && close(ends[0]) == 0 && close(ends[1]) == 0);
    party_end(&alice);
    party_end(&bob);
    CHECK_OK(libmsrp_engine_free(engine));
}

static void refused(void) {
    libmsrp_engine *engine = new_engine();
    party alice;
    uint16_t port = 0;
    int ends[2];
    party_new(&alice, engine, 1, NULL);
    const int listener = listening(&port), datagrams = socket(AF_INET, SOCK_DGRAM, 0), fresh = tcp();
    const int wrong[] = {listener, datagrams, fresh};
    for (size_t at = 0; at < sizeof(wrong) / sizeof(wrong[0]); at++) {
        CHECK_INVALID(libmsrp_session_adopt(engine, alice.session, wrong[at], NULL, 0, 1, 0));
        CHECK(is_open(wrong[at]) && (fcntl(wrong[at], F_GETFL) & O_NONBLOCK) == 0);
        CHECK(close(wrong[at]) == 0);
    }
    CHECK_INVALID(libmsrp_session_adopt(engine, alice.session, fresh, NULL, 0, 1, 0));
    CHECK(strstr(libmsrp_last_error(), "is not open") != NULL);
    CHECK_INVALID(libmsrp_session_adopt(engine, alice.session, -1, NULL, 0, 1, 0));
    connection(ends);
    CHECK_INVALID(libmsrp_session_adopt(engine, alice.session, ends[1], NULL, 1, 1, 0));
    CHECK_INVALID(libmsrp_session_adopt(engine, alice.session, ends[1], NULL, 0, 1, 1));
    CHECK_GONE(libmsrp_session_adopt(engine, alice.session + 1, ends[1], NULL, 0, 1, 0));
    CHECK_GONE(libmsrp_listener_adopt(engine, 1, ends[1], NULL, 0));
    CHECK(is_open(ends[1]) && (fcntl(ends[1], F_GETFL) & O_NONBLOCK) == 0);
    CHECK((fcntl(ends[1], F_GETFD) & FD_CLOEXEC) == 0);
    /* The limit is told from a number that is not open. */
    struct rlimit limit, none;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    none = limit;
    none.rlim_cur = 4;
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    CHECK_RESULT(libmsrp_session_adopt(engine, alice.session, ends[1], NULL, 0, 1, 0), LIBMSRP_ERR_LIMIT);
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK(is_open(ends[1]) && (fcntl(ends[1], F_GETFL) & O_NONBLOCK) == 0);
    char octet = 0;
    CHECK(write(ends[0], "x", 1) == 1 && read(ends[1], &octet, 1) == 1 && octet == 'x');
    CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
    party_end(&alice);
    CHECK_OK(libmsrp_engine_free(engine));
}

/* A child of fork keeps its descriptor. */
static void forked(void) {
    libmsrp_engine *engine = new_engine();
    libmsrp_listener listener = 0;
    party alice;
    int ends[2], status = 0;
    party_new(&alice, engine, 1, NULL);
    CHECK_OK(libmsrp_listener_new(engine, LIBMSRP_TEXT("127.0.0.1"), 0, NULL, &listener));
    connection(ends);
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        CHECK_RESULT(libmsrp_session_adopt(engine, alice.session, ends[1], NULL, 0, 1, 0), LIBMSRP_ERR_FORKED);
        CHECK_RESULT(libmsrp_listener_adopt(engine, listener, ends[1], NULL, 0), LIBMSRP_ERR_FORKED);
        CHECK_RESULT(libmsrp_resolve_done(engine, 1, LIBMSRP_TEXT("127.0.0.1")), LIBMSRP_ERR_FORKED);
        CHECK_RESULT(libmsrp_resolve_failed(engine, 1, NULL, 0), LIBMSRP_ERR_FORKED);
        CHECK_RESULT(libmsrp_dial_done(engine, 1, 1), LIBMSRP_ERR_FORKED);
        CHECK(is_open(ends[1]) && (fcntl(ends[1], F_GETFL) & O_NONBLOCK) == 0);
        /* Not by exit: the memory of the parent's threads would count as lost. */
        execlp("true", "true", (char *)NULL);
        _exit(1);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_OK(libmsrp_listener_adopt(engine, listener, ends[1], NULL, 0));
    CHECK(close(ends[0]) == 0);
    party_end(&alice);
    CHECK_OK(libmsrp_engine_free(engine));
}

/* A host with an accept loop of its own, and ports out of a range. */
static void listeners(void) {
    libmsrp_engine *engine = new_engine();
    libmsrp_listener_options options = LIBMSRP_LISTENER_OPTIONS_INIT;
    libmsrp_session_options session = party_options();
    libmsrp_listener listener = 0, second = 0;
    party alice, bob;
    uint16_t port = 0, bound = 0;
    const int taken = listening(&port);
    CHECK_INVALID(libmsrp_listener_open(engine, &options, &listener));
    options.host = LIBMSRP_SLICE("127.0.0.1");
    options.first_port = options.last_port = port;
    CHECK_RESULT(libmsrp_listener_open(engine, &options, &listener), LIBMSRP_ERR_CONNECT);
    CHECK(strstr(libmsrp_last_error(), "are taken") != NULL);
    CHECK(close(taken) == 0);
    options.dscp = 46;
    options.tcp_keepalive_ms = 60000;
    CHECK_OK(libmsrp_listener_open(engine, &options, &listener));
    CHECK_OK(libmsrp_listener_port(engine, listener, &bound));
    CHECK(bound == port);
    options.dscp = 64;
    CHECK_INVALID(libmsrp_listener_open(engine, &options, &second));
    options.dscp = 0;
    options.first_port = 0;
    CHECK_INVALID(libmsrp_listener_open(engine, &options, &second));
    options.last_port = 0;
    options.interface_name = LIBMSRP_SLICE("nowhere0");
    CHECK_RESULT(libmsrp_listener_open(engine, &options, &second), LIBMSRP_ERR_CONNECT);
    CHECK(strstr(libmsrp_last_error(), "nowhere0") != NULL);

    party_new(&alice, engine, 1, NULL);
    session.listener = listener;
    party_new(&bob, engine, 1, &session);
    know(&alice, &bob, 1);
    know(&bob, &alice, 0);
    int ends[2];
    connection(ends);
    CHECK_OK(libmsrp_session_adopt(engine, alice.session, ends[0], NULL, 0, 0, 0));
    CHECK_OK(libmsrp_listener_adopt(engine, listener, ends[1], NULL, 0));
    RUN_UNTIL(engine, alice.is_open && bob.is_open);
    party_end(&alice);
    party_end(&bob);
    CHECK_OK(libmsrp_engine_free(engine));
}

int main(void) {
    both_ends();
    refused();
    forked();
    listeners();
    return passed("adopt");
}
