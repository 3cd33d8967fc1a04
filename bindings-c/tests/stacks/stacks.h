/*
 * What is the same for every SIP stack: sections go through its SDP objects and its text and come back equal, and sessions
 * that were negotiated that way exchange messages. sofia.c and libre.c say how the stack does its part.
 */
#ifndef STACKS_H
#define STACKS_H

#include "../pair.h"
#include "../tls_material.h"

enum { MAX_STREAMS = 4, SDP_LEN = 16 * 1024 };

/* The stack's part. Sections are m= lines in their order; NULL stands for audio, or in an answer for a refusal. */
typedef struct stack {
    const char *name;
    /* Whether its c= lines take names. */
    int takes_names;
    /* The stack's text of an offer. */
    void (*offer)(const libmsrp_sdp *const *ours, size_t count, char *text);
    /* The stack's text of an answer to this offer. */
    void (*answer)(const char *offer, const libmsrp_sdp *const *ours, size_t count, char *text);
    /* Reads an offer, or an answer to that offer. Sections of other media, and refused ones, become NULL. */
    size_t (*read)(const char *text, const char *offer, libmsrp_sdp **theirs);
} stack;

/* What a session is like. */
typedef struct kind {
    const char *name;
    libmsrp_session_options options;
} kind;

static libmsrp_tls *self_signed(void) {
    libmsrp_tls *tls = NULL;
    CHECK_OK(libmsrp_tls_new(&tls));
    CHECK_OK(libmsrp_tls_set_identity(tls, LIBMSRP_PEM_TEXT, LIBMSRP_TEXT(PARTY_PEM), LIBMSRP_TEXT(PARTY_KEY)));
    CHECK_OK(libmsrp_tls_set_verify(tls, LIBMSRP_VERIFY_FINGERPRINT, NULL, 0));
    return tls;
}

static int is_direction(libmsrp_slice name) {
    return equals(name, "sendrecv") || equals(name, "sendonly") || equals(name, "recvonly") || equals(name, "inactive");
}

static int same(libmsrp_slice a, libmsrp_slice b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static libmsrp_header attribute_at(const libmsrp_sdp *sdp, size_t at) {
    libmsrp_header attribute;
    CHECK_OK(libmsrp_sdp_attribute(sdp, at, &attribute));
    return attribute;
}

/* The direction is written at different places, and sendrecv not by all. */
static libmsrp_slice direction_of(const libmsrp_sdp *sdp) {
    for (size_t at = 0; at < libmsrp_sdp_attribute_count(sdp); at++) {
        const libmsrp_header attribute = attribute_at(sdp, at);
        if (is_direction(attribute.name)) {
            return attribute.name;
        }
    }
    return LIBMSRP_SLICE("sendrecv");
}

/* The values of both m= and c= lines, and their attributes in their order. */
static void check_equal(const libmsrp_sdp *a, const libmsrp_sdp *b) {
    libmsrp_sdp_line line_a = LIBMSRP_SDP_LINE_INIT, line_b = LIBMSRP_SDP_LINE_INIT;
    size_t at_a = 0, at_b = 0;
    CHECK_OK(libmsrp_sdp_get_line(a, &line_a));
    CHECK_OK(libmsrp_sdp_get_line(b, &line_b));
    CHECK(line_a.port == line_b.port && same(line_a.protocol, line_b.protocol));
    CHECK(same(line_a.address, line_b.address) && same(line_a.address_type, line_b.address_type));
    CHECK(same(direction_of(a), direction_of(b)));
    for (;;) {
        while (at_a < libmsrp_sdp_attribute_count(a) && is_direction(attribute_at(a, at_a).name)) {
            at_a++;
        }
        while (at_b < libmsrp_sdp_attribute_count(b) && is_direction(attribute_at(b, at_b).name)) {
            at_b++;
        }
        if (at_a == libmsrp_sdp_attribute_count(a) || at_b == libmsrp_sdp_attribute_count(b)) {
            break;
        }
        const libmsrp_header left = attribute_at(a, at_a++), right = attribute_at(b, at_b++);
        if (!same(left.name, right.name) || !same(left.value, right.value)) {
            fprintf(stderr, "%s:%s became %s:%s\n", (const char *)left.name.ptr, (const char *)left.value.ptr,
                    (const char *)right.name.ptr, (const char *)right.value.ptr);
            CHECK(0);
        }
    }
    CHECK(at_a == libmsrp_sdp_attribute_count(a) && at_b == libmsrp_sdp_attribute_count(b));
}

static int has_attribute(const libmsrp_sdp *sdp, const char *name) {
    for (size_t at = 0; at < libmsrp_sdp_attribute_count(sdp); at++) {
        if (equals(attribute_at(sdp, at).name, name)) {
            return 1;
        }
    }
    return 0;
}

/* Our offer, value by value to the stack, by its text to where it is read, by it and by us. */
static void offers_come_back_equal(const stack *stack, const kind *kind) {
    libmsrp_engine *engine = new_engine();
    libmsrp_sdp *ours, *read[MAX_STREAMS], *parsed;
    libmsrp_text *whole;
    char text[SDP_LEN];
    party alice;
    party_new(&alice, engine, 1, &kind->options);
    CHECK_OK(libmsrp_session_local_sdp(engine, alice.session, &ours));
    CHECK(has_attribute(ours, "path") && has_attribute(ours, "accept-types") && has_attribute(ours, "setup"));
    CHECK(has_attribute(ours, "fingerprint") == (kind->options.tls != NULL));

    const libmsrp_sdp *one = ours;
    stack->offer(&one, 1, text);
    CHECK(stack->read(text, NULL, read) == 1);
    check_equal(ours, read[0]);
    CHECK_OK(libmsrp_sdp_parse(LIBMSRP_TEXT(text), LIBMSRP_FIRST_MEDIA, &parsed));
    check_equal(ours, parsed);
    libmsrp_sdp_free(read[0]);
    libmsrp_sdp_free(parsed);

    /* The whole SDP that we write ourselves. */
    CHECK_OK(libmsrp_session_create_offer(engine, alice.session, &whole));
    CHECK(stack->read(libmsrp_text_ptr(whole), NULL, read) == 1);
    check_equal(ours, read[0]);
    libmsrp_sdp_free(read[0]);
    libmsrp_text_free(whole);
    libmsrp_sdp_free(ours);
    party_end(&alice);
    CHECK_OK(libmsrp_engine_free(engine));
    COVERS("S-001", "S-020", "S-040", "S-061");
}

/* Where both were told of each other: a message in each direction that is open. */
static void talk(party *alice, party *bob) {
    libmsrp_engine *engine = alice->engine;
    CHECK_OK(libmsrp_session_open(engine, alice->session, DEADLINE_MS));
    CHECK_OK(libmsrp_session_open(engine, bob->session, DEADLINE_MS));
    RUN_UNTIL(engine, alice->is_open && bob->is_open);
    send_text(alice, "by objects of a SIP stack", 1);
    send_text(bob, "likewise", 1);
    RUN_UNTIL(engine, alice->delivered_count == 1 && bob->delivered_count == 1);
    CHECK(strcmp(bob->messages[0].text, "by objects of a SIP stack") == 0);
    pair_end(alice, bob);
}

/* Neither side sees a text: the stack writes and reads it. */
static void a_call_by_values(const stack *stack, const kind *kind) {
    libmsrp_engine *engine = new_engine();
    libmsrp_sdp *ours, *theirs[MAX_STREAMS];
    const libmsrp_sdp *one;
    char offer[SDP_LEN], answer[SDP_LEN];
    party alice, bob;
    party_new(&alice, engine, 1, &kind->options);
    party_new(&bob, engine, 1, &kind->options);

    CHECK_OK(libmsrp_session_local_sdp(engine, alice.session, &ours));
    one = ours;
    stack->offer(&one, 1, offer);
    libmsrp_sdp_free(ours);

    CHECK(stack->read(offer, NULL, theirs) == 1);
    CHECK_OK(libmsrp_session_set_remote_sdp(engine, bob.session, theirs[0]));
    libmsrp_sdp_free(theirs[0]);
    CHECK_OK(libmsrp_session_local_sdp(engine, bob.session, &ours));
    one = ours;
    stack->answer(offer, &one, 1, answer);

    CHECK(stack->read(answer, offer, theirs) == 1);
    check_equal(ours, theirs[0]);
    CHECK_OK(libmsrp_session_set_remote_sdp(engine, alice.session, theirs[0]));
    libmsrp_sdp_free(theirs[0]);
    libmsrp_sdp_free(ours);
    talk(&alice, &bob);
}

/* The stack's text is our input, and ours the stack's. */
static void a_call_by_texts(const stack *stack, const kind *kind) {
    libmsrp_engine *engine = new_engine();
    libmsrp_sdp *ours, *theirs[MAX_STREAMS];
    const libmsrp_sdp *one;
    libmsrp_text *answer;
    char offer[SDP_LEN];
    party alice, bob;
    party_new(&alice, engine, 1, &kind->options);
    party_new(&bob, engine, 1, &kind->options);
    CHECK_OK(libmsrp_session_local_sdp(engine, alice.session, &ours));
    one = ours;
    stack->offer(&one, 1, offer);
    libmsrp_sdp_free(ours);
    CHECK_OK(libmsrp_session_create_answer(engine, bob.session, LIBMSRP_TEXT(offer), LIBMSRP_FIRST_MEDIA, &answer));
    CHECK(stack->read(libmsrp_text_ptr(answer), offer, theirs) == 1);
    CHECK_OK(libmsrp_session_set_remote_sdp(engine, alice.session, theirs[0]));
    libmsrp_sdp_free(theirs[0]);
    libmsrp_text_free(answer);
    talk(&alice, &bob);
}

/* The stack's answer, read by us; the engine's m= block in it came value by value. */
static void an_answer_by_text(const stack *stack, const kind *kind) {
    libmsrp_engine *engine = new_engine();
    libmsrp_sdp *ours;
    const libmsrp_sdp *one;
    libmsrp_text *offer;
    char answer[SDP_LEN];
    party alice, bob;
    party_new(&alice, engine, 1, &kind->options);
    party_new(&bob, engine, 1, &kind->options);
    CHECK_OK(libmsrp_session_create_offer(engine, alice.session, &offer));
    CHECK_OK(libmsrp_session_set_remote(engine, bob.session, LIBMSRP_TEXT(libmsrp_text_ptr(offer)),
                                        LIBMSRP_FIRST_MEDIA));
    CHECK_OK(libmsrp_session_local_sdp(engine, bob.session, &ours));
    one = ours;
    stack->answer(libmsrp_text_ptr(offer), &one, 1, answer);
    libmsrp_sdp_free(ours);
    CHECK_OK(libmsrp_session_set_remote(engine, alice.session, LIBMSRP_TEXT(answer), LIBMSRP_FIRST_MEDIA));
    libmsrp_text_free(offer);
    talk(&alice, &bob);
}

/* Audio, a chat, a second one over TLS: the answer has as many lines, in their order, and audio is refused. */
static void several_lines(const stack *stack, const kind *plain, const kind *secure) {
    libmsrp_engine *engine = new_engine();
    const libmsrp_session_options *options[2] = {&plain->options, &secure->options};
    libmsrp_sdp *ours[2], *theirs[MAX_STREAMS] = {NULL, NULL, NULL, NULL};
    const libmsrp_sdp *lines[3] = {NULL, NULL, NULL};
    libmsrp_sdp_stream streams[2];
    libmsrp_text *answer, *refusal;
    char offer[SDP_LEN];
    party alice[2], bob[2];
    for (int at = 0; at < 2; at++) {
        party_new(&alice[at], engine, 1, options[at]);
        party_new(&bob[at], engine, 1, options[at]);
        CHECK_OK(libmsrp_session_local_sdp(engine, alice[at].session, &ours[at]));
        lines[at + 1] = ours[at];
        streams[at].session = bob[at].session;
        streams[at].index = (uint64_t)at + 1;
    }
    stack->offer(lines, 3, offer);
    CHECK(strstr(offer, "m=audio ") != NULL);

    CHECK_OK(libmsrp_sdp_refuse(LIBMSRP_TEXT(offer), LIBMSRP_FIRST_MEDIA, NULL, 0, &refusal));
    CHECK(stack->read(libmsrp_text_ptr(refusal), offer, theirs) == 3);
    CHECK(theirs[0] == NULL && theirs[1] == NULL && theirs[2] == NULL);
    libmsrp_text_free(refusal);

    CHECK_OK(libmsrp_sdp_answer(engine, LIBMSRP_TEXT(offer), streams, 2, NULL, 0, &answer));
    CHECK(stack->read(libmsrp_text_ptr(answer), offer, theirs) == 3);
    CHECK(theirs[0] == NULL && theirs[1] != NULL && theirs[2] != NULL);
    libmsrp_text_free(answer);
    for (int at = 0; at < 2; at++) {
        CHECK_OK(libmsrp_session_set_remote_sdp(engine, alice[at].session, theirs[at + 1]));
        CHECK_OK(libmsrp_session_open(engine, alice[at].session, DEADLINE_MS));
        CHECK_OK(libmsrp_session_open(engine, bob[at].session, DEADLINE_MS));
        libmsrp_sdp_free(ours[at]);
        libmsrp_sdp_free(theirs[at + 1]);
    }
    RUN_UNTIL(engine, alice[0].is_open && alice[1].is_open && bob[0].is_open && bob[1].is_open);
    for (int at = 0; at < 2; at++) {
        party_end(&alice[at]);
        party_end(&bob[at]);
    }
    CHECK_OK(libmsrp_engine_free(engine));
    COVERS("S-006", "S-130");
}

/* Everything that a section can say, made by hand. */
static libmsrp_sdp *section(const char *protocol, const char *address, const char *const *attributes) {
    libmsrp_sdp_line line = LIBMSRP_SDP_LINE_INIT;
    libmsrp_sdp *sdp;
    line.protocol = LIBMSRP_SLICE(protocol);
    line.address = LIBMSRP_SLICE(address);
    line.port = 7394;
    CHECK_OK(libmsrp_sdp_new(&line, &sdp));
    for (; *attributes; attributes++) {
        const char *colon = strchr(*attributes, ':');
        const size_t len = colon ? (size_t)(colon - *attributes) : strlen(*attributes);
        CHECK_OK(libmsrp_sdp_add_attribute(sdp, (const uint8_t *)*attributes, len, (const uint8_t *)(colon ? colon + 1 : ""),
                                           colon ? strlen(colon + 1) : 0));
    }
    return sdp;
}

static void all_attributes_come_back_equal(const stack *stack) {
    static const char *const relayed[] = {
        "accept-types:message/cpim text/plain text/html;level=1 image/*",
        "accept-wrapped-types:*",
        "max-size:99999999999",
        "path:msrps://relay.example.com:9000/jui787s2f;tcp msrps://[2001:db8::1]:7394/2s93i93idj7aaXq9;tcp",
        "setup:passive",
        "sendonly",
        "fingerprint:sha-256 6B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:"
        "19:08",
        "fingerprint:sha-1 6B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:DC:B8:5F:64",
        "msrp-cema",
        "label:7",
        "file-selector:name:\"My picture: 1.jpg\" type:image/jpeg size:4092",
        "chatroom",
        NULL,
    };
    static const char *const named[] = {
        "accept-types:*",
        "path:msrp://alice.example.com:7394/2s93i93idj7aaXq9;tcp",
        "setup:active",
        "inactive",
        NULL,
    };
    libmsrp_sdp *sections[2] = {
        section("TCP/TLS/MSRP", "2001:db8::1", relayed),
        section("TCP/MSRP", stack->takes_names ? "alice.example.com" : "192.0.2.1", named),
    };
    libmsrp_sdp *read[MAX_STREAMS];
    char text[SDP_LEN];
    stack->offer((const libmsrp_sdp *const *)sections, 2, text);
    CHECK(stack->read(text, NULL, read) == 2);
    for (int at = 0; at < 2; at++) {
        libmsrp_sdp *parsed;
        check_equal(sections[at], read[at]);
        CHECK_OK(libmsrp_sdp_parse(LIBMSRP_TEXT(text), at, &parsed));
        check_equal(sections[at], parsed);
        libmsrp_sdp_free(parsed);
        libmsrp_sdp_free(read[at]);
        libmsrp_sdp_free(sections[at]);
    }
    COVERS("S-149");
}

/* All of it, with this stack. */
static int agrees(const stack *stack) {
    kind kinds[4] = {{"plain", party_options()}, {"IPv6", party_options()}, {"TLS", party_options()},
                     {"everything", party_options()}};
    libmsrp_tls *tls = self_signed();
    kinds[1].options.host = LIBMSRP_SLICE("::1");
    kinds[2].options.tls = tls;
    kinds[3].options.tls = tls;
    kinds[3].options.max_size_bytes = 1000000;
    kinds[3].options.accept_types = LIBMSRP_SLICE("message/cpim text/plain");
    kinds[3].options.accept_wrapped_types = LIBMSRP_SLICE("image/* text/html;level=1");
    kinds[3].options.setup = LIBMSRP_SETUP_ACTIVE;
    for (int at = 0; at < 4; at++) {
        offers_come_back_equal(stack, &kinds[at]);
        a_call_by_values(stack, &kinds[at]);
        a_call_by_texts(stack, &kinds[at]);
        an_answer_by_text(stack, &kinds[at]);
    }
    several_lines(stack, &kinds[0], &kinds[2]);
    all_attributes_come_back_equal(stack);
    libmsrp_tls_free(tls);
    return passed(stack->name);
}

#endif
