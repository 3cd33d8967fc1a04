/* Requests of other methods than SEND and REPORT: sent, answered, refused, forgotten (RFC 4975 §12). */

#include "pair.h"

enum { MAX_BODY = 10240, MAX_WAITING = 16 };

/* What on_request does. */
typedef enum behaviour { ANSWER, ANSWER_LATER, KNOW_NOTHING, NONSENSE } behaviour;

static party alice, bob;

/* What the last request and the last response were. */
static struct {
    behaviour does;
    int request_count, response_count, refused_count;
    libmsrp_request requests[MAX_WAITING + 1];
    char method[TEXT_LEN], message_id[TEXT_LEN], content_type[TEXT_LEN], how[TEXT_LEN], text[TEXT_LEN];
    size_t len;
    uint32_t sum;
    size_t header_count;
    libmsrp_body *kept;
    libmsrp_transfer answered;
    uint16_t status;
    char comment[TEXT_LEN], mood[TEXT_LEN];
    size_t answer_headers;
} seen;

static libmsrp_header header_of(const char *name, const char *value) {
    libmsrp_header header;
    header.name = LIBMSRP_SLICE(name);
    header.value = LIBMSRP_SLICE(value);
    return header;
}

static libmsrp_result respond(libmsrp_request request, uint16_t status, const char *comment) {
    const libmsrp_header mood = header_of("X-Mood", "fine");
    return libmsrp_request_respond(bob.engine, request, status, LIBMSRP_TEXT(comment), &mood, 1);
}

static libmsrp_request_verdict on_request(libmsrp_engine *engine, libmsrp_session session, libmsrp_request request,
                                          const libmsrp_request_info *info, const uint8_t *data, size_t len,
                                          void *user) {
    party *self = (party *)user;
    CHECK(self == &bob && engine == self->engine && session == self->session && self->closed_count == 0);
    CHECK(info->struct_size >= sizeof(*info) && request != 0 && seen.request_count <= MAX_WAITING);
    seen.requests[seen.request_count++] = request;
    copy_text(seen.method, info->method.ptr, info->method.len);
    copy_text(seen.message_id, info->message_id.ptr, info->message_id.len);
    copy_text(seen.content_type, info->content_type.ptr, info->content_type.len);
    seen.header_count = info->header_count;
    for (size_t at = 0; at < info->header_count; at++) {
        if (equals(info->headers[at].name, "X-How")) {
            copy_text(seen.how, info->headers[at].value.ptr, info->headers[at].value.len);
        }
    }
    seen.len = len;
    seen.sum = sum_of(0, data, len);
    copy_text(seen.text, data, len);
    if (len > 0) {
        libmsrp_body_release(seen.kept);
        CHECK_OK(libmsrp_body_retain(engine, data, len, &seen.kept));
    }
    switch (seen.does) {
    case ANSWER:
        CHECK_OK(respond(request, 200, "Here"));
        CHECK_GONE(respond(request, 403, ""));
        return LIBMSRP_REQUEST_DONE;
    case ANSWER_LATER:
        return LIBMSRP_REQUEST_LATER;
    case NONSENSE:
        return (libmsrp_request_verdict)99;
    case KNOW_NOTHING:
        break;
    }
    return LIBMSRP_REQUEST_DONE;
}

static void on_response(libmsrp_engine *engine, libmsrp_session session, libmsrp_transfer transfer,
                        const libmsrp_response *response, void *user) {
    party *self = (party *)user;
    CHECK(engine == self->engine && session == self->session && response->struct_size >= sizeof(*response));
    seen.response_count++;
    seen.refused_count += response->status == 413;
    seen.answered = transfer;
    seen.status = response->status;
    seen.answer_headers = response->header_count;
    copy_text(seen.comment, response->comment.ptr, response->comment.len);
    for (size_t at = 0; at < response->header_count; at++) {
        if (equals(response->headers[at].name, "X-Mood")) {
            copy_text(seen.mood, response->headers[at].value.ptr, response->headers[at].value.len);
        }
    }
}

/* A session that answers these methods. */
static void side_new(party *self, libmsrp_engine *engine, const char *methods, int has_on_request) {
    libmsrp_session_options options = party_options();
    libmsrp_session_callbacks callbacks = party_callbacks();
    callbacks.on_message = party_message;
    callbacks.on_response = on_response;
    if (has_on_request) {
        callbacks.on_request = on_request;
    }
    if (self == &bob) {
        options.setup = LIBMSRP_SETUP_PASSIVE;
    }
    options.methods = LIBMSRP_SLICE(methods);
    memset(self, 0, sizeof(*self));
    self->engine = engine;
    CHECK_OK(libmsrp_session_new(engine, &options, &callbacks, self, &self->session));
}

/* Two open sessions, of which bob's answers PING and NICKNAME. */
static libmsrp_engine *meet(behaviour does) {
    libmsrp_engine *engine = new_engine();
    memset(&seen, 0, sizeof(seen));
    seen.does = does;
    side_new(&alice, engine, "", 1);
    side_new(&bob, engine, "PING  NICKNAME", 1);
    pair_negotiate(&alice, &bob);
    RUN_UNTIL(engine, alice.is_open && bob.is_open);
    return engine;
}

static void part(void) {
    libmsrp_body_release(seen.kept);
    pair_end(&alice, &bob);
}

static libmsrp_result try_ask(const char *method, const uint8_t *data, size_t len, libmsrp_transfer *transfer) {
    const libmsrp_header how = header_of("X-How", "are you");
    libmsrp_request_options options = LIBMSRP_REQUEST_OPTIONS_INIT;
    options.headers = &how;
    options.header_count = 1;
    return libmsrp_send_request(alice.engine, alice.session, LIBMSRP_TEXT(method), &options, data, len, transfer);
}

static libmsrp_transfer ask(const char *method) {
    libmsrp_transfer transfer = 0;
    CHECK_OK(try_ask(method, NULL, 0, &transfer));
    return transfer;
}

/* The response that comes to a request, and its outcome. */
static uint16_t status_of(libmsrp_transfer transfer) {
    RUN_UNTIL(alice.engine, seen.answered == transfer && alice.acknowledged_count + alice.failed_count > 0);
    if (alice.failed_count > 0) {
        CHECK(alice.last_failed == transfer && alice.failed_result == LIBMSRP_ERR_STATUS);
        CHECK(alice.failed_status == seen.status);
    }
    alice.acknowledged_count = alice.failed_count = 0;
    return seen.status;
}

static int has_header(libmsrp_request request, const char *name, const char *value) {
    libmsrp_text *text = NULL;
    CHECK_OK(libmsrp_request_header(bob.engine, request, LIBMSRP_TEXT(name), &text));
    const int is_it = value == NULL ? text == NULL : text != NULL && strcmp(libmsrp_text_ptr(text), value) == 0;
    libmsrp_text_free(text);
    return is_it;
}

/* With a body of each size, and without one. */
static void a_host_answers_what_it_knows(void) {
    static uint8_t octets[MAX_BODY + 1];
    static const size_t lens[] = {0, 1, 12, MAX_BODY};
    libmsrp_engine *engine = meet(ANSWER);
    libmsrp_transfer transfer = 0;
    for (size_t at = 0; at < sizeof(octets); at++) {
        octets[at] = (uint8_t)(at * 7);
    }
    for (size_t at = 0; at < sizeof(lens) / sizeof(lens[0]); at++) {
        CHECK_OK(try_ask("PING", octets, lens[at], &transfer));
        CHECK(status_of(transfer) == 200);
        CHECK(strcmp(seen.comment, "Here") == 0 && strcmp(seen.mood, "fine") == 0 && seen.answer_headers == 1);
        CHECK(strcmp(seen.method, "PING") == 0 && strcmp(seen.content_type, "text/plain") == 0);
        CHECK(strcmp(seen.how, "are you") == 0 && seen.header_count == 1 && seen.message_id[0] != '\0');
        CHECK(seen.len == lens[at] && seen.sum == sum_of(0, octets, lens[at]));
    }
    CHECK(libmsrp_body_len(seen.kept) == MAX_BODY);
    CHECK(memcmp(libmsrp_body_ptr(seen.kept), octets, MAX_BODY) == 0);
    CHECK(status_of(ask("NICKNAME")) == 200);
    CHECK(strcmp(seen.method, "NICKNAME") == 0 && seen.content_type[0] == '\0' && seen.len == 0);

    /* One octet more no request may have but SEND. */
    CHECK_RESULT(try_ask("PING", octets, MAX_BODY + 1, &transfer), LIBMSRP_ERR_TOO_LARGE);
    CHECK(strstr(libmsrp_last_error(), "10241") != NULL && strstr(libmsrp_last_error(), "10240") != NULL);
    CHECK_RESULT(try_ask("PING", octets, SIZE_MAX / 4, &transfer), LIBMSRP_ERR_TOO_LARGE);

    /* Messages are none of this. */
    send_text(&alice, "none of this", 0);
    RUN_UNTIL(engine, bob.message_count == 1 && alice.acknowledged_count == 1);
    CHECK(strcmp(bob.messages[0].text, "none of this") == 0 && seen.request_count == 5);
    part();
    COVERS("C-102");
}

/* The options, and a handle that waits for its answer. */
static void answered_later(void) {
    libmsrp_engine *engine = meet(ANSWER_LATER);
    libmsrp_request_options options = LIBMSRP_REQUEST_OPTIONS_INIT;
    libmsrp_text *id = NULL, *value = NULL;
    libmsrp_transfer transfer = 0;
    options.content_type = LIBMSRP_SLICE("text/html");
    options.message_id = LIBMSRP_SLICE("our-own-id");
    options.message_id_out = &id;
    CHECK_OK(libmsrp_send_request(engine, alice.session, LIBMSRP_TEXT("PING"), &options, LIBMSRP_TEXT("<p>"), &transfer));
    CHECK(strcmp(libmsrp_text_ptr(id), "our-own-id") == 0);
    libmsrp_text_free(id);
    RUN_UNTIL(engine, seen.request_count == 1);
    const libmsrp_request request = seen.requests[0];
    CHECK(strcmp(seen.text, "<p>") == 0 && seen.header_count == 0);
    CHECK(has_header(request, "message-id", "our-own-id") && has_header(request, "CONTENT-TYPE", "text/html"));
    CHECK(has_header(request, "X-How", NULL) && has_header(request, "", NULL));

    /* An answer that cannot be is none. */
    char *long_text = (char *)calloc(1, 20000);
    CHECK(long_text != NULL);
    memset(long_text, 'x', 19999);
    const libmsrp_header bad = header_of("To-Path", "x"), large = header_of("X-Long", long_text);
    CHECK_INVALID(respond(request, 99, ""));
    CHECK_INVALID(respond(request, 1000, ""));
    CHECK_INVALID(libmsrp_request_respond(engine, request, 200, NULL, 0, &bad, 1));
    CHECK_INVALID(libmsrp_request_respond(engine, request, 200, NULL, 0, NULL, 1));
    CHECK_RESULT(libmsrp_request_respond(engine, request, 200, NULL, 0, &large, 1), LIBMSRP_ERR_TOO_LARGE);
    CHECK(seen.response_count == 0);
    CHECK_OK(libmsrp_request_respond(engine, request, 403, NULL, 0, NULL, 0));
    CHECK(status_of(transfer) == 403);
    CHECK(seen.comment[0] != '\0' && seen.answer_headers == 0);

    /* Once. */
    CHECK_GONE(respond(request, 200, ""));
    CHECK_GONE(libmsrp_request_header(engine, request, LIBMSRP_TEXT("message-id"), &value));
    CHECK(value == NULL);

    /* The end of the session answers for the host. */
    ask("PING");
    RUN_UNTIL(engine, seen.request_count == 2);
    free(long_text);
    party_end(&bob);
    CHECK_GONE(respond(seen.requests[1], 200, ""));
    party_end(&alice);
    libmsrp_body_release(seen.kept);
    CHECK_OK(libmsrp_engine_free(engine));
}

/* A method that nobody named, one that on_request does not know, and a session without on_request. */
static void what_nobody_knows_is_501(void) {
    libmsrp_engine *engine = meet(KNOW_NOTHING);
    CHECK(status_of(ask("PONG")) == 501 && seen.request_count == 0);
    CHECK(status_of(ask("PING")) == 501 && seen.request_count == 1);
    CHECK_GONE(respond(seen.requests[0], 200, ""));
    seen.does = NONSENSE;
    CHECK(status_of(ask("PING")) == 501 && seen.request_count == 2);
    send_text(&alice, "it goes on", 0);
    RUN_UNTIL(engine, bob.message_count == 1);
    part();

    engine = new_engine();
    memset(&seen, 0, sizeof(seen));
    side_new(&alice, engine, "", 1);
    side_new(&bob, engine, "PING", 0);
    pair_negotiate(&alice, &bob);
    RUN_UNTIL(engine, alice.is_open && bob.is_open);
    CHECK(status_of(ask("PING")) == 501);
    part();
    COVERS("C-145", "C-248");
}

/* As many as may wait wait; the next is refused, and they are answered all the same. */
static void so_many_may_wait(void) {
    libmsrp_engine *engine = meet(ANSWER_LATER);
    for (int at = 0; at < MAX_WAITING; at++) {
        ask("PING");
    }
    RUN_UNTIL(engine, seen.request_count == MAX_WAITING);
    CHECK(seen.response_count == 0);
    CHECK(status_of(ask("PING")) == 413);
    /* In any order. */
    for (int at = 0; at < MAX_WAITING; at++) {
        CHECK_OK(respond(seen.requests[(at * 5 + 3) % MAX_WAITING], 200, ""));
    }
    RUN_UNTIL(engine, seen.response_count == MAX_WAITING + 1 && alice.acknowledged_count == MAX_WAITING);
    CHECK(seen.refused_count == 1 && alice.failed_count == 0);
    alice.acknowledged_count = 0;
    seen.does = KNOW_NOTHING;
    CHECK(seen.request_count == MAX_WAITING && status_of(ask("PING")) == 501);
    part();
}

/* The sender has given up before the host answers. */
static void too_late(void) {
    libmsrp_engine_options options = LIBMSRP_ENGINE_OPTIONS_INIT;
    libmsrp_limits limits = LIBMSRP_LIMITS_INIT;
    libmsrp_engine *engine = new_engine(), *hasty = NULL;
    libmsrp_result result = LIBMSRP_OK;
    int is_asked = 0;
    limits.transaction_ms = 500;
    options.limits = &limits;
    CHECK_OK(libmsrp_engine_new(&options, &hasty));
    memset(&seen, 0, sizeof(seen));
    seen.does = ANSWER_LATER;
    side_new(&alice, engine, "", 1);
    side_new(&bob, hasty, "PING", 1);
    pair_negotiate(&alice, &bob);
    while (!alice.is_open || !bob.is_open || seen.request_count == 0) {
        struct pollfd watched[2];
        watched[0].fd = fd_of(engine);
        watched[1].fd = fd_of(hasty);
        watched[0].events = watched[1].events = POLLIN;
        CHECK(poll(watched, 2, DEADLINE_MS) > 0);
        CHECK_OK(libmsrp_engine_process(engine, 0));
        CHECK_OK(libmsrp_engine_process(hasty, 0));
        if (alice.is_open && bob.is_open && !is_asked) {
            is_asked = 1;
            ask("PING");
        }
    }
    for (int waited = 0; result == LIBMSRP_OK && waited < DEADLINE_MS; waited += 10) {
        libmsrp_text *id = NULL;
        result = libmsrp_request_header(hasty, seen.requests[0], LIBMSRP_TEXT("Message-ID"), &id);
        libmsrp_text_free(id);
        CHECK(poll(NULL, 0, 10) == 0);
    }
    CHECK_RESULT(result, LIBMSRP_ERR_GONE);
    CHECK_GONE(respond(seen.requests[0], 200, ""));
    CHECK(strstr(libmsrp_last_error(), "given up") != NULL && seen.response_count == 0);
    CHECK_OK(libmsrp_engine_free(hasty));
    CHECK_OK(libmsrp_engine_free(engine));
    CHECK(bob.closed_count == 1 && alice.closed_count == 1);
}

static void what_cannot_be_is_refused(void) {
    static const char *const methods[] = {"SEND", "REPORT", "AUTH", "ping", "FILE_OFFSET", "P1", "\xc3\x84"};
    libmsrp_engine *engine = meet(ANSWER);
    libmsrp_transfer transfer = 0;
    for (size_t at = 0; at < sizeof(methods) / sizeof(methods[0]); at++) {
        libmsrp_session_options options = party_options();
        libmsrp_session session = 0;
        CHECK_INVALID(try_ask(methods[at], NULL, 0, &transfer));
        CHECK(strstr(libmsrp_last_error(), "method") != NULL);
        options.methods = LIBMSRP_SLICE(methods[at]);
        CHECK_INVALID(libmsrp_session_new(engine, &options, NULL, NULL, &session));
        CHECK(strstr(libmsrp_last_error(), "method") != NULL && session == 0);
    }
    CHECK_INVALID(try_ask("", NULL, 0, &transfer));
    CHECK_INVALID(try_ask("PING PING", NULL, 0, &transfer));
    libmsrp_request_options options = LIBMSRP_REQUEST_OPTIONS_INIT;
    const libmsrp_header range = header_of("Byte-Range", "1-2/3");
    options.headers = &range;
    options.header_count = 1;
    CHECK_INVALID(libmsrp_send_request(engine, alice.session, LIBMSRP_TEXT("PING"), &options, NULL, 0, &transfer));

    /* Nobody is there yet. */
    party nobody;
    party_new(&nobody, engine, 1, NULL);
    CHECK_INVALID(libmsrp_send_request(engine, nobody.session, LIBMSRP_TEXT("PING"), NULL, NULL, 0, &transfer));
    party_end(&nobody);
    CHECK_GONE(libmsrp_send_request(engine, nobody.session, LIBMSRP_TEXT("PING"), NULL, NULL, 0, &transfer));
    CHECK(transfer == 0 && seen.request_count == 0);
    part();
}

int main(void) {
    a_host_answers_what_it_knows();
    answered_later();
    what_nobody_knows_is_501();
    so_many_may_wait();
    too_late();
    what_cannot_be_is_refused();
    return passed("requests");
}
