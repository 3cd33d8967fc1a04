/*
 * Two sessions of one program that talk to each other over loopback, and what their callbacks saw.
 */
#ifndef PAIR_H
#define PAIR_H

#include "check.h"

enum { MAX_SEEN = 64, TEXT_LEN = 256 };

typedef struct seen_message {
    libmsrp_message handle;
    char message_id[TEXT_LEN];
    char content_type[TEXT_LEN];
    char text[TEXT_LEN]; /* the first octets */
    size_t len;
    uint32_t sum; /* of all octets */
    uint64_t total;
    int begun, ended;
    libmsrp_end end;
    uint16_t status;
} seen_message;

typedef struct party {
    libmsrp_engine *engine;
    libmsrp_session session;
    libmsrp_body_verdict verdict; /* what the body callbacks return */
    int message_count;
    seen_message messages[MAX_SEEN];
    int is_open, closed_count, released_count, writable_count;
    libmsrp_close_reason close_reason;
    libmsrp_result close_result;
    int progress_count, accepted_count, acknowledged_count, delivered_count, failed_count;
    int report_count;
    uint16_t report_status;
    libmsrp_transfer last_delivered, last_failed, last_unconfirmed;
    int unconfirmed_count;
    libmsrp_result unconfirmed_result;
    uint64_t report_start, report_end, report_total;
    libmsrp_result failed_result;
    uint16_t failed_status;
    uint64_t progress_bytes;
    void (*hook)(struct party *self); /* called in on_message and on_message_begin */
} party;

static inline uint32_t sum_of(uint32_t sum, const uint8_t *data, size_t len) {
    for (size_t at = 0; at < len; at++) {
        sum = sum * 31 + data[at];
    }
    return sum;
}

static inline void copy_text(char *to, const uint8_t *data, size_t len) {
    if (len > TEXT_LEN - 1) {
        len = TEXT_LEN - 1;
    }
    memcpy(to, data, len);
    to[len] = '\0';
}

static inline seen_message *message_of(party *self, libmsrp_message handle) {
    for (int at = self->message_count - 1; at >= 0; at--) {
        if (self->messages[at].handle == handle) {
            return &self->messages[at];
        }
    }
    return NULL;
}

static inline seen_message *message_begins(party *self, libmsrp_message handle, const libmsrp_message_info *info) {
    CHECK(self->closed_count == 0);
    CHECK(self->message_count < MAX_SEEN);
    CHECK(info->struct_size >= sizeof(*info));
    seen_message *message = &self->messages[self->message_count++];
    message->handle = handle;
    message->begun = 1;
    message->total = info->total_bytes;
    copy_text(message->message_id, info->message_id.ptr, info->message_id.len);
    copy_text(message->content_type, info->content_type.ptr, info->content_type.len);
    return message;
}

static inline void message_grows(seen_message *message, const uint8_t *data, size_t len) {
    if (message->len == 0) {
        copy_text(message->text, data, len);
    }
    message->len += len;
    message->sum = sum_of(message->sum, data, len);
}

static void party_state(libmsrp_engine *engine, libmsrp_session session, libmsrp_state state, void *user) {
    party *self = (party *)user;
    CHECK(engine == self->engine && self->closed_count == 0 && self->released_count == 0);
    CHECK(self->session == 0 || session == self->session);
    self->is_open = state == LIBMSRP_STATE_OPEN;
}

static void party_message_begin(libmsrp_engine *engine, libmsrp_session session, libmsrp_message handle,
                                const libmsrp_message_info *info, void *user) {
    party *self = (party *)user;
    CHECK(engine == self->engine && session == self->session);
    message_begins(self, handle, info);
    if (self->hook) {
        self->hook(self);
    }
}

static libmsrp_body_verdict party_body(libmsrp_engine *engine, libmsrp_session session, libmsrp_message handle,
                                       uint64_t offset, const uint8_t *data, size_t len, void *user) {
    party *self = (party *)user;
    CHECK(engine == self->engine && session == self->session && len > 0);
    seen_message *message = message_of(self, handle);
    CHECK(message != NULL && !message->ended && offset == message->len);
    message_grows(message, data, len);
    return self->verdict;
}

static void party_message_end(libmsrp_engine *engine, libmsrp_session session, libmsrp_message handle,
                              const libmsrp_message_end *end, void *user) {
    party *self = (party *)user;
    CHECK(engine == self->engine && session == self->session);
    seen_message *message = message_of(self, handle);
    CHECK(message != NULL && !message->ended);
    message->ended = 1;
    message->end = end->end;
    message->status = end->status;
    if (end->end == LIBMSRP_END_COMPLETE) {
        CHECK(end->total_bytes == message->len);
    }
}

static libmsrp_body_verdict party_message(libmsrp_engine *engine, libmsrp_session session, libmsrp_message handle,
                                          const libmsrp_message_info *info, const uint8_t *data, size_t len,
                                          void *user) {
    party *self = (party *)user;
    CHECK(engine == self->engine && session == self->session);
    seen_message *message = message_begins(self, handle, info);
    message_grows(message, data, len);
    message->ended = 1;
    message->end = LIBMSRP_END_COMPLETE;
    if (self->hook) {
        self->hook(self);
    }
    return self->verdict;
}

static void party_report(libmsrp_engine *engine, libmsrp_session session, libmsrp_transfer transfer,
                         const libmsrp_report *report, void *user) {
    party *self = (party *)user;
    CHECK(engine == self->engine && session == self->session && transfer != 0);
    self->report_count++;
    self->report_status = report->status;
    self->report_start = report->range_start;
    self->report_end = report->range_end;
    self->report_total = report->total_bytes;
}

static void party_transfer(libmsrp_engine *engine, libmsrp_session session, libmsrp_transfer transfer,
                           const libmsrp_transfer_info *info, void *user) {
    party *self = (party *)user;
    CHECK(engine == self->engine && session == self->session && self->closed_count == 0);
    switch (info->event) {
    case LIBMSRP_TRANSFER_EVENT_PROGRESS:
        self->progress_count++;
        self->progress_bytes = info->sent_bytes;
        break;
    case LIBMSRP_TRANSFER_EVENT_ACCEPTED:
        self->accepted_count++;
        break;
    case LIBMSRP_TRANSFER_EVENT_ACKNOWLEDGED:
        self->acknowledged_count++;
        break;
    case LIBMSRP_TRANSFER_EVENT_DELIVERED:
        self->delivered_count++;
        self->last_delivered = transfer;
        break;
    case LIBMSRP_TRANSFER_EVENT_FAILED:
        self->failed_count++;
        self->last_failed = transfer;
        self->failed_result = info->result;
        self->failed_status = info->status;
        CHECK(info->result != LIBMSRP_OK && info->text.len > 0);
        break;
    case LIBMSRP_TRANSFER_EVENT_UNCONFIRMED:
        self->unconfirmed_count++;
        self->last_unconfirmed = transfer;
        self->unconfirmed_result = info->result;
        CHECK(info->result != LIBMSRP_OK && info->text.len > 0);
        break;
    }
}

static void party_writable(libmsrp_engine *engine, libmsrp_session session, void *user) {
    party *self = (party *)user;
    CHECK(engine == self->engine && session == self->session);
    self->writable_count++;
}

static void party_closed(libmsrp_engine *engine, libmsrp_session session, const libmsrp_close_info *info,
                         void *user) {
    party *self = (party *)user;
    CHECK(engine == self->engine && session == self->session);
    CHECK(self->closed_count == 0 && self->released_count == 0);
    CHECK((info->result == LIBMSRP_OK) == (info->text.len == 0));
    self->closed_count++;
    self->is_open = 0;
    self->close_reason = info->reason;
    self->close_result = info->result;
}

static void party_release(void *user) {
    party *self = (party *)user;
    self->released_count++;
}

/* All callbacks but on_message: every message comes in parts. */
static inline libmsrp_session_callbacks party_callbacks(void) {
    libmsrp_session_callbacks callbacks = LIBMSRP_SESSION_CALLBACKS_INIT;
    callbacks.on_state = party_state;
    callbacks.on_message_begin = party_message_begin;
    callbacks.on_body = party_body;
    callbacks.on_message_end = party_message_end;
    callbacks.on_report = party_report;
    callbacks.on_transfer = party_transfer;
    callbacks.on_writable = party_writable;
    callbacks.on_closed = party_closed;
    callbacks.on_release = party_release;
    return callbacks;
}

static inline libmsrp_engine *new_engine(void) {
    libmsrp_engine *engine = NULL;
    CHECK_OK(libmsrp_engine_new(NULL, &engine));
    return engine;
}

/* Options of the sessions here: they take anything. */
static inline libmsrp_session_options party_options(void) {
    libmsrp_session_options options = LIBMSRP_SESSION_OPTIONS_INIT;
    options.accept_types = LIBMSRP_SLICE("*");
    return options;
}

/* A session with all callbacks, or all but on_message. */
static inline void party_new(party *self, libmsrp_engine *engine, int whole_messages,
                             const libmsrp_session_options *options) {
    libmsrp_session_options defaults = party_options();
    libmsrp_session_callbacks callbacks = party_callbacks();
    if (whole_messages) {
        callbacks.on_message = party_message;
    }
    memset(self, 0, sizeof(*self));
    self->engine = engine;
    CHECK_OK(libmsrp_session_new(engine, options ? options : &defaults, &callbacks, self, &self->session));
    CHECK(self->session != 0);
}

/* Offer, answer and opening, without waiting for it. The two may be of different engines. */
static inline void pair_negotiate(party *a, party *b) {
    libmsrp_text *offer = NULL, *answer = NULL;
    CHECK_OK(libmsrp_session_create_offer(a->engine, a->session, &offer));
    CHECK_OK(libmsrp_session_create_answer(b->engine, b->session, LIBMSRP_TEXT(libmsrp_text_ptr(offer)),
                                           LIBMSRP_FIRST_MEDIA, &answer));
    CHECK_OK(libmsrp_session_set_remote(a->engine, a->session, LIBMSRP_TEXT(libmsrp_text_ptr(answer)),
                                        LIBMSRP_FIRST_MEDIA));
    libmsrp_text_free(offer);
    libmsrp_text_free(answer);
    CHECK_OK(libmsrp_session_open(a->engine, a->session, DEADLINE_MS));
    CHECK_OK(libmsrp_session_open(b->engine, b->session, DEADLINE_MS));
}

/* Two open sessions of one engine. */
static inline void pair_open(party *a, party *b, libmsrp_engine *engine, int whole_messages) {
    party_new(a, engine, whole_messages, NULL);
    party_new(b, engine, whole_messages, NULL);
    pair_negotiate(a, b);
    RUN_UNTIL(engine, a->is_open && b->is_open);
}

static inline libmsrp_transfer send_text(party *self, const char *text, int success_report) {
    libmsrp_send_options options = LIBMSRP_SEND_OPTIONS_INIT;
    libmsrp_transfer transfer = 0;
    options.success_report = success_report;
    CHECK_OK(libmsrp_send(self->engine, self->session, &options, LIBMSRP_TEXT(text), &transfer));
    CHECK(transfer != 0);
    return transfer;
}

/* Ends one session at once, if its peer has not ended it already, and waits for that. */
static inline void party_end(party *self) {
    const libmsrp_result result = libmsrp_session_abort(self->engine, self->session);
    CHECK(result == LIBMSRP_OK || result == LIBMSRP_ERR_GONE);
    RUN_UNTIL(self->engine, self->released_count == 1);
    CHECK(self->closed_count == 1);
}

/* Closes both and waits for the end of both; ends the engine. */
static inline void pair_end(party *a, party *b) {
    libmsrp_engine *engine = a->engine;
    CHECK_OK(libmsrp_session_close(engine, a->session, DEADLINE_MS));
    RUN_UNTIL(engine, a->closed_count == 1);
    party_end(b);
    CHECK(a->released_count == 1 && b->released_count == 1);
    CHECK_OK(libmsrp_engine_free(engine));
    CHECK(a->released_count == 1 && b->released_count == 1);
}

#endif
