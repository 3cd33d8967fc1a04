/* The library leaves no copies of secrets in memory that it has given back. */

#include "pair.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { DIGITS = 64, BLOCK = 1 << 16 };

/* What is looked for, so masked that it is not found here. */
static const uint8_t MASK = 0xa5;
static uint8_t wanted[DIGITS];

static void forget(void *octets, size_t len) {
    volatile uint8_t *at = (volatile uint8_t *)octets;
    while (len-- > 0) {
        *at++ = 0;
    }
}

/* How often it stands in `len` octets. What is freed may be overwritten at its begin, so the second half counts. */
static size_t count_in(const uint8_t *octets, size_t len) {
    const size_t half = DIGITS / 2;
    size_t count = 0;
    for (size_t at = 0; at + half <= len; at++) {
        size_t same = 0;
        while (same < half && (octets[at + same] ^ MASK) == wanted[half + same]) {
            same++;
        }
        count += same == half;
    }
    return count;
}

/* How often it stands in the memory of this process that can be written. */
static size_t copies(void) {
    static uint8_t block[BLOCK + DIGITS / 2 - 1];
    char line[512];
    size_t count = 0;
    const int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    FILE *maps = fopen("/proc/self/maps", "re");
    CHECK(memory >= 0 && maps != NULL);
    while (fgets(line, sizeof(line), maps) != NULL) {
        unsigned long long from, to;
        char mode[5];
        CHECK(sscanf(line, "%llx-%llx %4s", &from, &to, mode) == 3);
        /* What is larger are the tables of sanitizers. */
        if (mode[0] != 'r' || mode[1] != 'w' || to - from > (1ull << 30)) {
            continue;
        }
        for (unsigned long long at = from; at < to; at += BLOCK) {
            const unsigned long long left = to - at;
            const size_t len = left < sizeof(block) ? (size_t)left : sizeof(block);
            const ssize_t got = pread(memory, block, len, (off_t)at);
            if (got > 0) {
                count += count_in(block, (size_t)got);
            }
            forget(block, sizeof(block));
        }
    }
    CHECK(fclose(maps) == 0 && close(memory) == 0);
    return count;
}

static libmsrp_text *digits_of_alice(void) {
    libmsrp_text *ha1 = NULL;
    CHECK_OK(libmsrp_ha1(LIBMSRP_SLICE("alice"), LIBMSRP_SLICE("realm"), LIBMSRP_SLICE("secret"),
                         LIBMSRP_SLICE("SHA-256"), &ha1));
    CHECK(libmsrp_text_len(ha1) == DIGITS);
    return ha1;
}

static libmsrp_relay_login login_with(libmsrp_text *ha1) {
    libmsrp_relay_login login = LIBMSRP_RELAY_LOGIN_INIT;
    login.uri = LIBMSRP_SLICE("msrps://relay.example.com:2855;tcp");
    login.username = LIBMSRP_SLICE("alice");
    login.realm = LIBMSRP_SLICE("realm");
    login.ha1.ptr = (const uint8_t *)libmsrp_text_ptr(ha1);
    login.ha1.len = DIGITS;
    return login;
}

int main(void) {
    libmsrp_text *ha1 = digits_of_alice();
    for (size_t at = 0; at < DIGITS; at++) {
        wanted[at] = (uint8_t)libmsrp_text_ptr(ha1)[at] ^ MASK;
    }
    CHECK(copies() == 1);
    libmsrp_text_free(ha1);
    CHECK(copies() == 0);

    /* Of a login, good or not. */
    libmsrp_engine *engine = new_engine();
    libmsrp_session session = 0;
    libmsrp_session_options options = party_options();
    ha1 = digits_of_alice();
    libmsrp_relay_login login = login_with(ha1);
    options.relays = &login;
    options.relay_count = 1;
    CHECK_OK(libmsrp_session_new(engine, &options, NULL, NULL, &session));
    CHECK(copies() == 1);
    login.realm.len = 0;
    CHECK_INVALID(libmsrp_session_new(engine, &options, NULL, NULL, &session));
    login.password = login.ha1;
    CHECK_INVALID(libmsrp_session_new(engine, &options, NULL, NULL, &session));
    login.ha1.len = 0;
    login.expires_ms = -1;
    CHECK_INVALID(libmsrp_session_new(engine, &options, NULL, NULL, &session));
    CHECK(copies() == 1);

    /* Of an answer that nobody waits for. */
    CHECK_GONE(libmsrp_relay_secret_done(engine, 1, 1, LIBMSRP_TEXT(libmsrp_text_ptr(ha1))));
    libmsrp_text_free(ha1);
    CHECK(copies() == 0);
    CHECK_OK(libmsrp_engine_free(engine));
    return passed("secrets");
}
