/* Broken and hostile SDP: each is refused with the number and the text that say why, and the session is what it was. */

#include "pair.h"

static party bob;

#define HEAD "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
#define LINE "m=message 7394 TCP/MSRP *\r\n"
#define PATH "a=path:msrp://127.0.0.1:7394/theirs;tcp\r\n"
#define TYPES "a=accept-types:*\r\n"
#define GOOD HEAD LINE PATH TYPES

typedef struct bad {
    const char *text;
    size_t len;
    libmsrp_result result;
    const char *says;
} bad;

#define BAD(text, says) {text, sizeof(text) - 1, LIBMSRP_ERR_INVALID_SDP, says}

static const bad cases[] = {
    BAD("", "no version line"),
    BAD("nonsense", "line 1"),
    BAD(HEAD LINE TYPES, "m-line 1: attribute path is missing"),
    BAD(HEAD LINE PATH, "m-line 1: attribute accept-types is missing"),
    BAD(HEAD LINE PATH PATH TYPES, "m-line 1: 2 path attributes"),
    BAD(HEAD LINE "a=path:sip:bob@example.com\r\n" TYPES, "m-line 1: attribute path"),
    BAD(HEAD LINE "a=path:msrp://127.0.0.1:7394/s;udp\r\n" TYPES, "transport \"udp\""),
    BAD(HEAD LINE "a=path:msrps://127.0.0.1:7394/s;tcp\r\n" TYPES, "protocol TCP/MSRP but the leftmost URI is an msrps"),
    BAD(HEAD "m=message 7394/2 TCP/MSRP *\r\n" PATH TYPES, "port count"),
    BAD(HEAD LINE PATH TYPES "a=fingerprint:sha-256 AB\r\n", "attribute fingerprint with sha-256"),
    BAD(HEAD LINE PATH "a=accept-types:*\0\r\n", "line 8 holds a NUL"),
    BAD(HEAD LINE PATH "a=accept-types:\r*\r\n", "line 8 holds a CR"),
    BAD("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=caf\xe9\r\n" LINE PATH TYPES, "line 3 is not UTF-8"),
    BAD(HEAD LINE PATH TYPES "a=label:\xc3", "line 9 is not UTF-8"),
};

static libmsrp_state state_of(libmsrp_engine *engine) {
    libmsrp_state state = LIBMSRP_STATE_CLOSED;
    CHECK_OK(libmsrp_session_state(engine, bob.session, &state));
    return state;
}

/* It is refused in each way to take it, and nothing has changed. */
static void refused(libmsrp_engine *engine, const bad *its) {
    libmsrp_text *text = NULL;
    const uint8_t *octets = (const uint8_t *)its->text;
    CHECK_RESULT(libmsrp_session_set_remote(engine, bob.session, octets, its->len, -1), its->result);
    if (strstr(libmsrp_last_error(), its->says) == NULL) {
        fprintf(stderr, "%s\n  does not say: %s\n", libmsrp_last_error(), its->says);
        exit(1);
    }
    CHECK_RESULT(libmsrp_session_create_answer(engine, bob.session, octets, its->len, -1, &text), its->result);
    CHECK(text == NULL && strstr(libmsrp_last_error(), its->says) != NULL);
    CHECK_RESULT(libmsrp_session_prepare_remote(engine, bob.session, octets, its->len, -1, NULL), its->result);
    CHECK(strstr(libmsrp_last_error(), "theirs") == NULL);
    /* Nobody is known whom we could connect to. */
    CHECK_INVALID(libmsrp_session_open(engine, bob.session, DEADLINE_MS));
    CHECK(state_of(engine) == LIBMSRP_STATE_NEW);
}

/* So much of what a good one may have. */
static bad repeated(const char *start, const char *part, size_t len, const char *says) {
    const size_t from = strlen(start), step = strlen(part);
    char *text = (char *)malloc(from + len + step);
    bad its = {text, from, LIBMSRP_ERR_LIMIT, says};
    CHECK(text != NULL);
    memcpy(text, start, from);
    while (its.len < from + len) {
        memcpy(text + its.len, part, step);
        its.len += step;
    }
    return its;
}

int main(void) {
    libmsrp_engine *engine = new_engine();
    libmsrp_text *answer = NULL;
    party_new(&bob, engine, 1, NULL);
    for (size_t at = 0; at < sizeof cases / sizeof cases[0]; at++) {
        refused(engine, &cases[at]);
    }
    const bad large[] = {
        repeated(GOOD, "a=x\r\n", 50000, "1024 attributes"),
        repeated(GOOD, "\r\n", 20000, "4096 lines"),
        repeated(GOOD, "m=audio 1 RTP/AVP 0\r\n", 21000, "m= lines"),
        repeated(GOOD "a=x:", "y", 1 << 20, "262144"),
        repeated(GOOD "a=x:", "\xff", 1 << 20, "262144"),
    };
    for (size_t at = 0; at < sizeof large / sizeof large[0]; at++) {
        refused(engine, &large[at]);
        free((void *)(uintptr_t)large[at].text);
    }
    CHECK_OK(libmsrp_session_create_answer(engine, bob.session, LIBMSRP_TEXT(GOOD), -1, &answer));
    CHECK(strstr(libmsrp_text_ptr(answer), "m=message ") != NULL);
    libmsrp_text_free(answer);
    CHECK_OK(libmsrp_engine_free(engine));
    COVERS("S-012", "S-014", "S-020", "S-030");
    return passed("bad_sdp");
}
