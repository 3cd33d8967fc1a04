/* What a session does for a known kind of peer: presets, and options of its own beside them. */

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pair.h"

static const char REMOTE[] = "msrp://127.0.0.1:2855/RemoteSession01;tcp";

/* Connects to the session, names it under another address, and gives the status of the answer. */
static int status_under_another_address(const libmsrp_session_options *options) {
    libmsrp_engine *engine = new_engine();
    libmsrp_text *path = NULL;
    party host;
    party_new(&host, engine, 1, options);
    CHECK_OK(libmsrp_session_local_path(engine, host.session, &path));
    CHECK_OK(libmsrp_session_set_remote_path(engine, host.session, LIBMSRP_TEXT(REMOTE), 0, NULL, 0));

    const char *port = strrchr(libmsrp_text_ptr(path), ':');
    const char *id = strrchr(libmsrp_text_ptr(path), '/');
    CHECK(port != NULL && id != NULL);
    struct sockaddr_in address;
    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)strtoul(port + 1, NULL, 10));
    int peer = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(peer >= 0 && connect(peer, (const struct sockaddr *)&address, sizeof(address)) == 0);

    char octets[1024];
    int len = snprintf(octets, sizeof(octets),
                       "MSRP hello001 SEND\r\nTo-Path: msrp://gateway.example:9%s\r\nFrom-Path: %s\r\n"
                       "Message-ID: m1\r\nByte-Range: 1-0/0\r\n-------hello001$\r\n",
                       id, REMOTE);
    CHECK(len > 0 && len < (int)sizeof(octets));
    CHECK(send(peer, octets, (size_t)len, 0) == len);
    size_t got = 0;
    while (got < 18) {
        ssize_t more = recv(peer, octets + got, sizeof(octets) - 1 - got, 0);
        CHECK(more > 0);
        got += (size_t)more;
    }
    octets[got] = '\0';
    CHECK(strncmp(octets, "MSRP hello001 ", 14) == 0);
    int status = (int)strtol(octets + 14, NULL, 10);
    if (status == 200) {
        RUN_UNTIL(engine, host.is_open);
    }
    close(peer);
    libmsrp_text_free(path);
    CHECK_OK(libmsrp_engine_free(engine));
    CHECK(host.released_count == 1);
    return status;
}

static void sessions_by_their_id(void) {
    libmsrp_session_options options = party_options();
    CHECK(status_under_another_address(&options) == 481);
    options.profile = LIBMSRP_PROFILE_FREESWITCH;
    CHECK(status_under_another_address(&options) == 200);
    options.profile = LIBMSRP_PROFILE_SESSMATCH;
    CHECK(status_under_another_address(&options) == 200);
    /* An option that is given counts more than the profile. */
    options.session_match = LIBMSRP_SESSION_MATCH_URI;
    CHECK(status_under_another_address(&options) == 481);
    options = party_options();
    options.session_match = LIBMSRP_SESSION_MATCH_SESSION_ID;
    CHECK(status_under_another_address(&options) == 200);
    /* As a host gives it that was built with the header before these members. */
    options.struct_size = offsetof(libmsrp_session_options, profile);
    CHECK(status_under_another_address(&options) == 481);
}

/* Whatever the peer is taken for, two of these sessions understand each other. */
static void every_profile_carries_messages(void) {
    static party alice, bob;
    static uint8_t body[100000];
    memset(body, '-', sizeof(body));
    for (size_t at = 0; at + 40 < sizeof(body); at += 40) {
        memcpy(body + at, "text\r\n", 6);
    }
    for (int profile = LIBMSRP_PROFILE_STRICT; profile <= LIBMSRP_PROFILE_SESSMATCH; profile++) {
        libmsrp_engine *engine = new_engine();
        libmsrp_session_options options = party_options();
        libmsrp_transfer transfer;
        options.profile = (libmsrp_profile)profile;
        options.pacing = LIBMSRP_PACING_ONE;
        options.dash_split = LIBMSRP_DASH_SPLIT_ON;
        party_new(&alice, engine, 0, &options);
        party_new(&bob, engine, 0, &options);
        pair_negotiate(&alice, &bob);
        CHECK_OK(libmsrp_send_take(engine, alice.session, NULL, body, sizeof(body), NULL, NULL, &transfer));
        RUN_UNTIL(engine, alice.acknowledged_count == 1 && bob.message_count == 1 && bob.messages[0].ended);
        CHECK(bob.messages[0].len == sizeof(body) && bob.messages[0].sum == sum_of(0, body, sizeof(body)));
        CHECK_OK(libmsrp_engine_free(engine));
    }
}

int main(void) {
    sessions_by_their_id();
    every_profile_carries_messages();
    return passed("peers");
}
