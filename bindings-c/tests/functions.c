/*
 * Every function of the header is in the table of calls.h and does what the header says of it after the end of what it
 * works on, and in a forked child; every function of the host is in the header's table of places.
 */

#include "calls.h"

#include <sys/wait.h>
#include <unistd.h>

/* The table and the header name the same functions. */
static void complete(void) {
    for (int at = 0; at < promise_count; at++) {
        int found = 0;
        for (int other = 0; other < FUNCTIONS; other++) {
            found += functions[other].promised == &promises[at];
        }
        if (found != 1) {
            fprintf(stderr, "%s stands %d times in the table of calls.h\n", promises[at].name, found);
            exit(1);
        }
    }
    CHECK(promise_count == FUNCTIONS);
    for (int at = 0; at < FUNCTIONS; at++) {
        /* What every function says that takes an engine. */
        const promise *its = functions[at].promised;
        CHECK(functions[at].on == ON_NOTHING || !its->can_fail ||
              strcmp(functions[at].name, "libmsrp_engine_free") == 0 ||
              is_promised(its, LIBMSRP_ERR_INVALID_ARGUMENT));
        CHECK(functions[at].on == ON_NOTHING || is_promised(its, LIBMSRP_ERR_FORKED));
        CHECK(functions[at].on <= ON_ENGINE || is_promised(its, LIBMSRP_ERR_GONE));
        CHECK(!its->can_fail || is_promised(its, LIBMSRP_ERR_INTERNAL));
    }
}

/* Every callback and function type of the header stands in its table of places. */
static void places(void) {
    const char *table = strstr(header_text, "WHERE THE HOST'S FUNCTIONS RUN");
    const char *end = strstr(header_text, "INSIDE CALLBACKS");
    int found = 0;
    CHECK(table != NULL && end != NULL && table < end);
    for (const char *at = end; (at = strstr(at, "(*")) != NULL; at++) {
        char name[64];
        int len = 0;
        for (const char *from = at + 2; isalnum((unsigned char)*from) || *from == '_'; from++) {
            CHECK(len < (int)sizeof(name) - 1);
            name[len++] = *from;
        }
        name[len] = '\0';
        /* Types have the name of their function in them: libmsrp_free_fn. */
        const char *word = strncmp(name, "libmsrp_", 8) == 0 ? name + 8 : name;
        if (strcmp(word, "engine_closed_fn") == 0) {
            word = "on_engine_closed";
        } else if (strcmp(word, "release_fn") == 0) {
            word = "on_release";
        }
        const char *row = table;
        while (row < end && !is_word(row, word)) {
            row++;
        }
        if (row >= end) {
            fprintf(stderr, "%s is not in the header's table of places\n", word);
            exit(1);
        }
        found++;
    }
    CHECK(found >= 14);
}

static int64_t never_read(libmsrp_engine *engine, libmsrp_transfer transfer, uint8_t *buffer, size_t capacity,
                          void *user) {
    (void)engine, (void)transfer, (void)buffer, (void)capacity, (void)user;
    return LIBMSRP_STREAM_DEFERRED;
}

static libmsrp_message seen_message;
static int closed_count, open_count, engine_closed_count;

static libmsrp_body_verdict on_message(libmsrp_engine *engine, libmsrp_session session, libmsrp_message message,
                                       const libmsrp_message_info *info, const uint8_t *data, size_t len,
                                       void *user) {
    (void)engine, (void)session, (void)info, (void)data, (void)len, (void)user;
    seen_message = message;
    return LIBMSRP_BODY_LATER;
}

static void on_state(libmsrp_engine *engine, libmsrp_session session, libmsrp_state state, void *user) {
    (void)engine, (void)session, (void)user;
    open_count += state == LIBMSRP_STATE_OPEN;
}

static void on_closed(libmsrp_engine *engine, libmsrp_session session, const libmsrp_close_info *info, void *user) {
    (void)engine, (void)session, (void)info, (void)user;
    closed_count++;
}

static void on_engine_closed(libmsrp_engine *engine, void *user) {
    (void)engine, (void)user;
    engine_closed_count++;
}

/* Two open sessions, with a message, a stream and a listener: `sides` are their callers. */
static void setup(caller sides[2]) {
    static libmsrp_session_callbacks callbacks;
    libmsrp_engine_options options = LIBMSRP_ENGINE_OPTIONS_INIT;
    libmsrp_engine *engine = NULL;
    libmsrp_text *offer = NULL, *answer = NULL;
    callbacks.struct_size = sizeof(callbacks);
    callbacks.on_state = on_state;
    callbacks.on_message = on_message;
    callbacks.on_closed = on_closed;
    callbacks.on_release = object_end;
    seen_message = 0;
    closed_count = open_count = engine_closed_count = 0;
    options.on_engine_closed = on_engine_closed;
    CHECK_OK(libmsrp_engine_new(&options, &engine));
    memset(sides, 0, 2 * sizeof(*sides));
    for (int at = 0; at < 2; at++) {
        sides[at].engine = engine;
        sides[at].calls = &callbacks;
        sides[at].read_fn = never_read;
        CHECK_OK(call_listener_new(&sides[at]));
        CHECK_OK(call_session_new(&sides[at]));
        sides[at].session = sides[at].new_session;
        sides[at].listener = sides[at].new_listener;
    }
    CHECK_OK(libmsrp_session_create_offer(engine, sides[0].session, &offer));
    CHECK_OK(libmsrp_session_create_answer(engine, sides[1].session, LIBMSRP_TEXT(libmsrp_text_ptr(offer)),
                                           LIBMSRP_FIRST_MEDIA, &answer));
    CHECK_OK(libmsrp_session_set_remote(engine, sides[0].session, LIBMSRP_TEXT(libmsrp_text_ptr(answer)),
                                        LIBMSRP_FIRST_MEDIA));
    CHECK_OK(libmsrp_session_open(engine, sides[0].session, DEADLINE_MS));
    CHECK_OK(libmsrp_session_open(engine, sides[1].session, DEADLINE_MS));
    CHECK_OK(libmsrp_send(engine, sides[0].session, NULL, LIBMSRP_TEXT("hello"), &sides[0].transfer));
    RUN_UNTIL(engine, seen_message != 0 && open_count == 2);
    CHECK_OK(libmsrp_send_stream(engine, sides[0].session, NULL, LIBMSRP_LENGTH_UNKNOWN, never_read, object_new(NULL),
                                 object_end, &sides[0].transfer));
    CHECK_OK(libmsrp_message_retain(engine, seen_message));
    for (int at = 0; at < 2; at++) {
        sides[at].message = seen_message;
        sides[at].transfer = sides[0].transfer;
        /* The other's, which answers it. */
        sides[at].sdp = strdup(libmsrp_text_ptr(offer));
    }
    libmsrp_text_free(offer);
    libmsrp_text_free(answer);
}

/* Each function with right arguments, and what it says. */
static void all_say(caller *with, subject least, libmsrp_result expected) {
    for (int at = 0; at < FUNCTIONS; at++) {
        const function *which = &functions[at];
        if (which->on < least) {
            continue;
        }
        const libmsrp_result result = call_function(which, with);
        libmsrp_text_free(with->new_sdp);
        with->new_sdp = NULL;
        if (result != expected) {
            fprintf(stderr, "%s gave %s, expected %s; last error: %s\n", which->name, libmsrp_result_name(result),
                    libmsrp_result_name(expected), libmsrp_last_error());
            exit(1);
        }
        CHECK(strlen(libmsrp_last_error()) > 0);
    }
}

static void after_the_end(void) {
    caller sides[2];
    caller late;
    setup(sides);
    libmsrp_engine *engine = sides[0].engine;
    /* A listener and a session are closed, and with it the transfers and the messages; a retained one has headers. */
    for (int at = 0; at < 2; at++) {
        CHECK_OK(libmsrp_listener_close(engine, sides[at].listener));
        CHECK_OK(libmsrp_session_abort(engine, sides[at].session));
    }
    RUN_UNTIL(engine, closed_count == 2);
    RUN_UNTIL(engine, objects_alive == 0);
    late = sides[1];
    CHECK_GONE(libmsrp_message_consume(engine, seen_message, 5));
    CHECK_GONE(libmsrp_message_reject(engine, seen_message, 413, NULL, 0));
    CHECK_GONE(libmsrp_message_report(engine, seen_message, 200, NULL, 0));
    CHECK_OK(call_message_header(&late));
    CHECK_OK(libmsrp_message_retain(engine, seen_message));
    CHECK_OK(libmsrp_message_release(engine, seen_message));
    CHECK_OK(libmsrp_message_release(engine, seen_message));
    all_say(&late, ON_SESSION, LIBMSRP_ERR_GONE);
    /* Handles that never were. */
    late.session = late.message = late.transfer = late.listener = late.query = 0;
    all_say(&late, ON_SESSION, LIBMSRP_ERR_GONE);
    late.session = late.message = late.transfer = late.listener = late.query = UINT64_MAX;
    all_say(&late, ON_SESSION, LIBMSRP_ERR_GONE);

    /* After the shutdown nothing can be made, and the rest still works. */
    CHECK_OK(libmsrp_engine_shutdown(engine, 0));
    RUN_UNTIL(engine, engine_closed_count == 1);
    all_say(&late, ON_SESSION, LIBMSRP_ERR_GONE);
    CHECK_GONE(call_session_new(&late));
    CHECK_GONE(call_listener_new(&late));
    CHECK_OK(call_engine_shutdown(&late));
    CHECK_OK(call_engine_fd(&late));
    CHECK_OK(call_engine_wakeup(&late));
    CHECK_OK(call_engine_stats(&late));
    CHECK_OK(call_engine_set_log(&late));
    CHECK_OK(call_engine_responses(&late));
    CHECK_OK(call_engine_process(&late));
    CHECK(engine_closed_count == 1 && closed_count == 2);
    CHECK(!has_work(engine));
    CHECK_OK(libmsrp_engine_free(engine));
    CHECK(objects_alive == 0 && engine_closed_count == 1);
    for (int at = 0; at < 2; at++) {
        free((void *)(uintptr_t)sides[at].sdp);
    }
}

static void forked(void) {
    caller sides[2];
    setup(sides);
    const long objects_before = objects_alive;
    fflush(NULL);
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        all_say(&sides[0], ON_ENGINE, LIBMSRP_ERR_FORKED);
        CHECK(strstr(libmsrp_last_error(), "fork") != NULL);
        CHECK(objects_alive == objects_before && closed_count == 0 && engine_closed_count == 0);
        /* What belongs to no engine works. */
        for (int at = 0; at < FUNCTIONS; at++) {
            if (functions[at].on == ON_NOTHING) {
                CHECK_OK(call_function(&functions[at], &sides[0]));
            }
        }
        /* Not by exit: a leak check here would take the parent's memory for lost, whose threads are not here. */
        execlp("true", "true", (char *)NULL);
        _exit(1);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK_OK(libmsrp_message_consume(sides[0].engine, seen_message, 5));
    CHECK_OK(libmsrp_engine_free(sides[0].engine));
    CHECK(objects_alive == 0 && closed_count == 2 && engine_closed_count == 1);
    for (int at = 0; at < 2; at++) {
        free((void *)(uintptr_t)sides[at].sdp);
    }
}

int main(void) {
    functions_find();
    complete();
    places();
    after_the_end();
    forked();
    contract_free();
    return passed("functions");
}
