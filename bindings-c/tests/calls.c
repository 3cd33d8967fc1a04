/*
 * Random orders of calls: every function of the library, with handles that live, have ended, are none or are another's,
 * with wrong arguments among the right ones, from up to four threads and from inside the callbacks, over up to three
 * engines in both ways of dispatch.
 *
 * What has to hold: no crash, no deadlock, every result is one that the header names for that function, callbacks come
 * one at a time and never after on_closed, on_closed and on_engine_closed come once, and whatever the library took
 * over (user data, lent buffers, streams) it gives back once.
 *
 * LIBMSRP_CALLS_SEED: the seed of the first order, to see one again (as far as threads allow).
 * LIBMSRP_CALLS_SECONDS: go on for so long; default: a few orders.
 */

#include "calls.h"

#include <pthread.h>

enum { ENGINES = 3, THREADS = 4, POOL = 24, ORDERS = 8, CALLS = 2500, CLOSED_SLOTS = 1 << 14 };

/* One place for an engine, and what is known of it. */
typedef struct slot {
    pthread_rwlock_t lock; /* shared: it is used; exclusive: it is made or freed */
    libmsrp_engine *engine;
    int dispatch;
    uint64_t sessions[POOL], transfers[POOL], messages[POOL], listeners[POOL], relays[POOL];
    int busy; /* a callback runs */
    int freeing;
    int has_thread;
    pthread_t thread; /* with LIBMSRP_DISPATCH_THREAD */
    long made, closed, engine_closed;
} slot;

static slot slots[ENGINES];
static uint64_t order_seed;
static long calls_left, calls_made, callbacks_run;
static long called[FUNCTIONS], succeeded[FUNCTIONS];

/* Sessions that had their on_closed in this order of calls. */
static uint64_t closed_sessions[CLOSED_SLOTS];
static pthread_mutex_t closed_mutex = PTHREAD_MUTEX_INITIALIZER;

/* The last SDP that was made, for whoever needs one. */
static char shared_sdp[4096];
static pthread_mutex_t sdp_mutex = PTHREAD_MUTEX_INITIALIZER;

/* How deep this thread is in callbacks of each engine. */
static __thread int inside[ENGINES];
static __thread uint64_t thread_random;

static long increase(long *counter) {
    return __atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST);
}

static uint64_t any_of(uint64_t *pool, uint64_t random) {
    return __atomic_load_n(&pool[random % POOL], __ATOMIC_RELAXED);
}

static void remember(uint64_t *pool, uint64_t handle, uint64_t random) {
    if (handle != 0) {
        __atomic_store_n(&pool[random % POOL], handle, __ATOMIC_RELAXED);
    }
}

/* True the first time. */
static int closes_first(libmsrp_session session) {
    int first = 0;
    pthread_mutex_lock(&closed_mutex);
    for (size_t at = (size_t)(session * UINT64_C(0x9e3779b97f4a7c15) >> 40);; at++) {
        uint64_t *place = &closed_sessions[at % CLOSED_SLOTS];
        if (*place == session) {
            break;
        }
        if (*place == 0) {
            *place = session;
            first = 1;
            break;
        }
    }
    pthread_mutex_unlock(&closed_mutex);
    return first;
}

static int is_closed(libmsrp_session session) {
    int found = 0;
    pthread_mutex_lock(&closed_mutex);
    for (size_t at = (size_t)(session * UINT64_C(0x9e3779b97f4a7c15) >> 40);; at++) {
        const uint64_t here = closed_sessions[at % CLOSED_SLOTS];
        if (here == session || here == 0) {
            found = here == session;
            break;
        }
    }
    pthread_mutex_unlock(&closed_mutex);
    return found;
}

static void random_calls(slot *own, libmsrp_session session, libmsrp_message message, libmsrp_transfer transfer,
                         const uint8_t *data, size_t len);
static void count(int which, libmsrp_result result);
static int index_of(const char *name);

/* Begins a callback of an engine: nobody else is in one, and it is the right thread. */
static slot *enter(void *owner) {
    slot *self = (slot *)owner;
    CHECK(__atomic_exchange_n(&self->busy, 1, __ATOMIC_ACQUIRE) == 0);
    increase(&callbacks_run);
    if (self->dispatch == LIBMSRP_DISPATCH_THREAD && !__atomic_load_n(&self->freeing, __ATOMIC_ACQUIRE)) {
        if (!self->has_thread) {
            self->thread = pthread_self();
            self->has_thread = 1;
        }
        CHECK(pthread_equal(self->thread, pthread_self()));
    }
    if (thread_random == 0) {
        thread_random = order_seed ^ (uint64_t)(uintptr_t)pthread_self();
    }
    inside[self - slots]++;
    return self;
}

static void leave(slot *self) {
    inside[self - slots]--;
    CHECK(__atomic_exchange_n(&self->busy, 0, __ATOMIC_RELEASE) == 1);
}

static slot *enter_session(libmsrp_engine *engine, libmsrp_session session, void *user) {
    object *its = (object *)user;
    CHECK(its->mark == OBJECT_MARK);
    slot *self = enter(its->owner);
    /* The engine may say something before libmsrp_engine_new() has returned to those who made it. */
    CHECK(engine != NULL && session != 0 && !is_closed(session));
    CHECK(__atomic_load_n(&self->engine_closed, __ATOMIC_SEQ_CST) == 0);
    remember(self->sessions, session, next_random(&thread_random));
    return self;
}

static void on_state(libmsrp_engine *engine, libmsrp_session session, libmsrp_state state, void *user) {
    slot *self = enter_session(engine, session, user);
    CHECK(state >= LIBMSRP_STATE_NEW && state <= LIBMSRP_STATE_CLOSED);
    random_calls(self, session, 0, 0, NULL, 0);
    leave(self);
}

static void on_message_begin(libmsrp_engine *engine, libmsrp_session session, libmsrp_message message,
                             const libmsrp_message_info *info, void *user) {
    slot *self = enter_session(engine, session, user);
    CHECK(info->message_id.len > 0);
    remember(self->messages, message, next_random(&thread_random));
    random_calls(self, session, message, 0, NULL, 0);
    leave(self);
}

static libmsrp_body_verdict some_verdict(void) {
    static const int verdicts[] = {LIBMSRP_BODY_CONSUMED, LIBMSRP_BODY_CONSUMED, LIBMSRP_BODY_CONSUMED,
                                   LIBMSRP_BODY_LATER};
    return (libmsrp_body_verdict)verdicts[next_random(&thread_random) % 4];
}

static libmsrp_body_verdict on_body(libmsrp_engine *engine, libmsrp_session session, libmsrp_message message,
                                    uint64_t offset, const uint8_t *data, size_t len, void *user) {
    slot *self = enter_session(engine, session, user);
    (void)offset;
    CHECK(len > 0);
    random_calls(self, session, message, 0, data, len);
    leave(self);
    return some_verdict();
}

static void on_message_end(libmsrp_engine *engine, libmsrp_session session, libmsrp_message message,
                           const libmsrp_message_end *end, void *user) {
    slot *self = enter_session(engine, session, user);
    CHECK(end->end >= LIBMSRP_END_COMPLETE && end->end <= LIBMSRP_END_SESSION_CLOSED);
    random_calls(self, session, message, 0, NULL, 0);
    leave(self);
}

static libmsrp_body_verdict on_message(libmsrp_engine *engine, libmsrp_session session, libmsrp_message message,
                                       const libmsrp_message_info *info, const uint8_t *data, size_t len,
                                       void *user) {
    slot *self = enter_session(engine, session, user);
    CHECK(info->message_id.len > 0);
    remember(self->messages, message, next_random(&thread_random));
    random_calls(self, session, message, 0, data, len);
    leave(self);
    return some_verdict();
}

static void on_report(libmsrp_engine *engine, libmsrp_session session, libmsrp_transfer transfer,
                      const libmsrp_report *report, void *user) {
    slot *self = enter_session(engine, session, user);
    CHECK(report->status >= 100 && report->status <= 999);
    random_calls(self, session, 0, transfer, NULL, 0);
    leave(self);
}

static void on_transfer(libmsrp_engine *engine, libmsrp_session session, libmsrp_transfer transfer,
                        const libmsrp_transfer_info *info, void *user) {
    slot *self = enter_session(engine, session, user);
    CHECK((info->event == LIBMSRP_TRANSFER_EVENT_FAILED || info->event == LIBMSRP_TRANSFER_EVENT_UNCONFIRMED) ==
          (info->result != LIBMSRP_OK));
    random_calls(self, session, 0, transfer, NULL, 0);
    leave(self);
}

static libmsrp_request_verdict on_request(libmsrp_engine *engine, libmsrp_session session, libmsrp_request request,
                                          const libmsrp_request_info *info, const uint8_t *data, size_t len,
                                          void *user) {
    slot *self = enter_session(engine, session, user);
    CHECK(info->method.len > 0 && len <= 10240);
    remember(self->messages, request, next_random(&thread_random));
    random_calls(self, session, request, 0, data, len);
    if (next_random(&thread_random) % 2 == 0) {
        const libmsrp_result result = libmsrp_request_respond(engine, request, 200, NULL, 0, NULL, 0);
        CHECK(result == LIBMSRP_OK || result == LIBMSRP_ERR_GONE);
        count(index_of("libmsrp_request_respond"), result);
    }
    leave(self);
    return (libmsrp_request_verdict)(next_random(&thread_random) % 2);
}

static void on_response(libmsrp_engine *engine, libmsrp_session session, libmsrp_transfer transfer,
                        const libmsrp_response *response, void *user) {
    slot *self = enter_session(engine, session, user);
    CHECK(response->status >= 100 && response->status <= 999);
    random_calls(self, session, 0, transfer, NULL, 0);
    leave(self);
}

static void on_writable(libmsrp_engine *engine, libmsrp_session session, void *user) {
    slot *self = enter_session(engine, session, user);
    random_calls(self, session, 0, 0, NULL, 0);
    leave(self);
}

static void on_closed(libmsrp_engine *engine, libmsrp_session session, const libmsrp_close_info *info, void *user) {
    slot *self = enter_session(engine, session, user);
    CHECK(closes_first(session));
    CHECK((info->result == LIBMSRP_OK) == (info->text.len == 0));
    increase(&self->closed);
    random_calls(self, session, 0, 0, NULL, 0);
    leave(self);
}

static void on_release(void *user) {
    object *its = (object *)user;
    CHECK(its->mark == OBJECT_MARK);
    slot *self = enter(its->owner);
    object_end(user);
    random_calls(self, 0, 0, 0, NULL, 0);
    leave(self);
}

static void on_engine_closed(libmsrp_engine *engine, void *user) {
    slot *self = enter(user);
    CHECK(engine != NULL && increase(&self->engine_closed) == 1);
    random_calls(self, 0, 0, 0, NULL, 0);
    leave(self);
}

static void on_engine_release(void *user) {
    slot *self = enter(user);
    CHECK(self->engine_closed == 1);
    random_calls(self, 0, 0, 0, NULL, 0);
    leave(self);
}

static void on_log(libmsrp_log_level level, const uint8_t *text, size_t len, void *user) {
    object *its = (object *)user;
    CHECK(its->mark == OBJECT_MARK && level > LIBMSRP_LOG_LEVEL_OFF && text != NULL && len > 0);
    slot *self = enter(its->owner);
    random_calls(self, 0, 0, 0, NULL, 0);
    leave(self);
}

static int64_t on_read(libmsrp_engine *engine, libmsrp_transfer transfer, uint8_t *buffer, size_t capacity,
                       void *user) {
    object *its = (object *)user;
    CHECK(its->mark == OBJECT_MARK && engine != NULL && capacity > 0);
    slot *self = enter(its->owner);
    int64_t answer = (int64_t)(next_random(&thread_random) % capacity) + 1;
    remember(self->transfers, transfer, next_random(&thread_random));
    switch (next_random(&thread_random) % 12) {
    case 0:
        answer = 0;
        break;
    case 1:
    case 2:
    case 3:
        answer = LIBMSRP_STREAM_DEFERRED;
        break;
    case 4:
        answer = LIBMSRP_STREAM_FAIL;
        break;
    case 5:
        answer = next_random(&thread_random) % 8 != 0 ? 1 : (int64_t)capacity + 1;
        break;
    }
    if (answer > 0 && answer <= (int64_t)capacity) {
        memset(buffer, 's', (size_t)answer);
    }
    random_calls(self, 0, 0, transfer, NULL, 0);
    leave(self);
    return answer;
}

static libmsrp_session_callbacks callbacks_of(int whole_messages) {
    libmsrp_session_callbacks callbacks = LIBMSRP_SESSION_CALLBACKS_INIT;
    callbacks.on_state = on_state;
    callbacks.on_message_begin = on_message_begin;
    callbacks.on_body = on_body;
    callbacks.on_message_end = on_message_end;
    callbacks.on_message = whole_messages ? on_message : NULL;
    callbacks.on_report = on_report;
    callbacks.on_transfer = on_transfer;
    callbacks.on_request = whole_messages ? on_request : NULL;
    callbacks.on_response = on_response;
    callbacks.on_writable = on_writable;
    callbacks.on_closed = on_closed;
    callbacks.on_release = on_release;
    return callbacks;
}

static libmsrp_session_callbacks all_callbacks, part_callbacks;

static void count(int which, libmsrp_result result) {
    increase(&calls_made);
    increase(&called[which]);
    if (result == LIBMSRP_OK) {
        increase(&succeeded[which]);
    }
}

static int index_of(const char *name) {
    for (int at = 0; at < FUNCTIONS; at++) {
        if (strcmp(functions[at].name, name) == 0) {
            return at;
        }
    }
    CHECK(!"no such function");
    return 0;
}

static libmsrp_result call(int which, caller *with) {
    const libmsrp_result result = call_function(&functions[which], with);
    count(which, result);
    return result;
}

static int any_function(caller *with) {
    static int total;
    int sum = 0;
    if (total == 0) {
        for (int at = 0; at < FUNCTIONS; at++) {
            sum += functions[at].weight;
        }
        total = sum;
    }
    int left = (int)below(with, (uint64_t)total);
    for (int at = 0;; at++) {
        left -= functions[at].weight;
        if (left < 0) {
            return at;
        }
    }
}

/* Makes an engine in an empty slot, which the caller has to itself. */
static void make_engine(slot *self, uint64_t random) {
    libmsrp_engine_options options = LIBMSRP_ENGINE_OPTIONS_INIT;
    libmsrp_limits limits = LIBMSRP_LIMITS_INIT;
    libmsrp_engine *engine = NULL;
    memset(self->sessions, 0, sizeof(self->sessions));
    memset(self->transfers, 0, sizeof(self->transfers));
    memset(self->messages, 0, sizeof(self->messages));
    memset(self->listeners, 0, sizeof(self->listeners));
    memset(self->relays, 0, sizeof(self->relays));
    self->busy = self->freeing = self->has_thread = 0;
    self->made = self->closed = self->engine_closed = 0;
    self->dispatch = (random & 1) != 0 ? LIBMSRP_DISPATCH_THREAD : LIBMSRP_DISPATCH_HOST;
    options.worker_threads = 1 + (uint32_t)(random >> 1 & 1);
    options.dispatch = (libmsrp_dispatch)self->dispatch;
    options.on_engine_closed = on_engine_closed;
    options.on_release = on_engine_release;
    options.user = self;
    if ((random >> 2 & 3) == 0) {
        limits.transfers = 2;
        limits.send_window_bytes = 20000;
        limits.small_message_bytes = 10000;
        limits.receive_window_bytes = 20000;
        options.limits = &limits;
    }
    CHECK_OK(libmsrp_engine_new(&options, &engine));
    __atomic_store_n(&self->engine, engine, __ATOMIC_RELEASE);
}

/* Frees the engine of a slot that the caller has to itself. */
static void free_engine(slot *self) {
    __atomic_store_n(&self->freeing, 1, __ATOMIC_RELEASE);
    CHECK_OK(libmsrp_engine_free(self->engine));
    self->engine = NULL;
    /* Everything was told, once. */
    CHECK(self->engine_closed == 1 && self->busy == 0);
    if (self->closed != self->made) {
        fprintf(stderr, "%ld sessions were made, %ld were closed\n", self->made, self->closed);
        exit(1);
    }
}

static void keep_sdp(caller *with) {
    if (with->new_sdp != NULL) {
        pthread_mutex_lock(&sdp_mutex);
        snprintf(shared_sdp, sizeof(shared_sdp), "%s", libmsrp_text_ptr(with->new_sdp));
        pthread_mutex_unlock(&sdp_mutex);
        libmsrp_text_free(with->new_sdp);
        with->new_sdp = NULL;
    }
}

/* One call on an engine that stays while it lasts. */
static void call_on(slot *self, caller *with, int which) {
    char sdp[sizeof(shared_sdp)];
    const int is_inside = inside[self - slots] > 0;
    with->engine = __atomic_load_n(&self->engine, __ATOMIC_ACQUIRE);
    if (which == index_of("libmsrp_engine_free") && !is_inside && with->engine != NULL) {
        /* Those that free engines have them to themselves. */
        return;
    }
    if (which == index_of("libmsrp_engine_shutdown") && below(with, 4) != 0) {
        /* Seldom, for little happens after it. */
        return;
    }
    if (below(with, 200) == 0) {
        with->engine = NULL;
    }
    pthread_mutex_lock(&sdp_mutex);
    memcpy(sdp, shared_sdp, sizeof(sdp));
    pthread_mutex_unlock(&sdp_mutex);
    with->sdp = sdp;
    with->owner = self;
    with->calls = below(with, 2) != 0 ? &all_callbacks : &part_callbacks;
    with->new_session = with->new_transfer = with->new_listener = with->new_relay = 0;
    const libmsrp_result result = call(which, with);
    if (which == index_of("libmsrp_engine_free") && with->engine != NULL) {
        CHECK(result == LIBMSRP_ERR_DEADLOCK);
    }
    if (with->new_session != 0) {
        increase(&self->made);
        remember(self->sessions, with->new_session, next_random(&with->random));
    }
    remember(self->transfers, with->new_transfer, next_random(&with->random));
    remember(self->listeners, with->new_listener, next_random(&with->random));
    remember(self->relays, with->new_relay, next_random(&with->random));
    keep_sdp(with);
}

/* Two sessions that are to be connected, of one engine or of two that stay while this lasts. */
static void make_pair(slot *one, slot *two, caller *with) {
    slot *const sides[] = {one, two};
    libmsrp_session sessions[2] = {0, 0};
    libmsrp_text *offer = NULL, *answer = NULL;
    with->wrong = 0;
    for (int at = 0; at < 2; at++) {
        with->engine = sides[at]->engine;
        with->owner = sides[at];
        with->listener = 0;
        with->calls = at == 0 ? &all_callbacks : &part_callbacks;
        if (call(index_of("libmsrp_session_new"), with) != LIBMSRP_OK) {
            return;
        }
        sessions[at] = with->new_session;
        increase(&sides[at]->made);
        remember(sides[at]->sessions, sessions[at], next_random(&with->random));
    }
    /* Any of these may find that another thread has ended the session. */
    if (libmsrp_session_create_offer(one->engine, sessions[0], &offer) == LIBMSRP_OK &&
        libmsrp_session_create_answer(two->engine, sessions[1], LIBMSRP_TEXT(libmsrp_text_ptr(offer)),
                                      LIBMSRP_FIRST_MEDIA, &answer) == LIBMSRP_OK) {
        (void)libmsrp_session_set_remote(one->engine, sessions[0], LIBMSRP_TEXT(libmsrp_text_ptr(answer)),
                                         LIBMSRP_FIRST_MEDIA);
        (void)libmsrp_session_open(one->engine, sessions[0], DEADLINE_MS);
        (void)libmsrp_session_open(two->engine, sessions[1], DEADLINE_MS);
    }
    libmsrp_text_free(offer);
    libmsrp_text_free(answer);
}

/* One to three calls from inside a callback of `own`, on it or on another engine. */
static void random_calls(slot *own, libmsrp_session session, libmsrp_message message, libmsrp_transfer transfer,
                         const uint8_t *data, size_t len) {
    caller with;
    memset(&with, 0, sizeof(with));
    with.random = thread_random;
    with.wrong = 5;
    with.log_fn = on_log;
    with.read_fn = on_read;
    with.data = data;
    with.data_len = len;
    for (uint64_t left = below(&with, 4); left > 0; left--) {
        if (__atomic_sub_fetch(&calls_left, 1, __ATOMIC_RELAXED) < 0) {
            break;
        }
        slot *self = below(&with, 4) == 0 ? &slots[below(&with, ENGINES)] : own;
        const int is_inside = inside[self - slots] > 0;
        /* Not waited for: its lock may be held by one who waits for this callback. */
        if (!is_inside && pthread_rwlock_tryrdlock(&self->lock) != 0) {
            continue;
        }
        with.session = self == own && below(&with, 2) != 0 ? session : any_of(self->sessions, below(&with, POOL));
        with.message = self == own && below(&with, 2) != 0 ? message : any_of(self->messages, below(&with, POOL));
        with.transfer = self == own && below(&with, 2) != 0 ? transfer : any_of(self->transfers, below(&with, POOL));
        with.listener = any_of(self->listeners, below(&with, POOL));
        with.relay = any_of(self->relays, below(&with, POOL));
        if (is_inside || self->engine != NULL) {
            call_on(self, &with, any_function(&with));
        }
        if (!is_inside) {
            pthread_rwlock_unlock(&self->lock);
        }
    }
    libmsrp_body_release(with.new_body);
    thread_random = with.random;
}

static void *run_thread(void *user) {
    caller with;
    memset(&with, 0, sizeof(with));
    with.random = *(uint64_t *)user;
    with.log_fn = on_log;
    with.read_fn = on_read;
    thread_random = next_random(&with.random);
    while (__atomic_sub_fetch(&calls_left, 1, __ATOMIC_RELAXED) >= 0) {
        slot *self = &slots[below(&with, ENGINES)];
        if (below(&with, 400) == 0 && pthread_rwlock_trywrlock(&self->lock) == 0) {
            if (self->engine != NULL) {
                free_engine(self);
            }
            pthread_rwlock_unlock(&self->lock);
            continue;
        }
        pthread_rwlock_rdlock(&self->lock);
        if (self->engine == NULL) {
            pthread_rwlock_unlock(&self->lock);
            if (below(&with, 4) == 0 && pthread_rwlock_trywrlock(&self->lock) == 0) {
                if (self->engine == NULL) {
                    make_engine(self, next_random(&with.random));
                }
                pthread_rwlock_unlock(&self->lock);
            }
            continue;
        }
        if (below(&with, 40) == 0) {
            slot *other = &slots[below(&with, ENGINES)];
            if (other == self || pthread_rwlock_tryrdlock(&other->lock) == 0) {
                if (other->engine != NULL) {
                    make_pair(self, other, &with);
                }
                if (other != self) {
                    pthread_rwlock_unlock(&other->lock);
                }
            }
        }
        /* Handles of another engine now and then. */
        slot *from = below(&with, 20) == 0 ? &slots[below(&with, ENGINES)] : self;
        with.wrong = 5;
        with.session = any_of(from->sessions, below(&with, POOL));
        with.message = any_of(from->messages, below(&with, POOL));
        with.transfer = any_of(from->transfers, below(&with, POOL));
        with.listener = any_of(from->listeners, below(&with, POOL));
        with.relay = any_of(from->relays, below(&with, POOL));
        if (below(&with, 50) == 0) {
            with.session = with.message = with.transfer = with.listener = next_random(&with.random);
        }
        call_on(self, &with, any_function(&with));
        pthread_rwlock_unlock(&self->lock);
    }
    libmsrp_body_release(with.new_body);
    return NULL;
}

/* One order of calls: from nothing to nothing. */
static void run_order(uint64_t seed) {
    caller with;
    pthread_t threads[THREADS];
    uint64_t seeds[THREADS];
    memset(&with, 0, sizeof(with));
    with.random = order_seed = seed;
    memset(closed_sessions, 0, sizeof(closed_sessions));
    shared_sdp[0] = '\0';
    calls_left = CALLS;
    thread_random = next_random(&with.random);
    const int count_of_threads = 1 + (int)below(&with, THREADS);
    const int count_of_engines = 1 + (int)below(&with, ENGINES);
    for (int at = 0; at < count_of_engines; at++) {
        make_engine(&slots[at], next_random(&with.random));
    }
    for (int at = 0; at < count_of_threads; at++) {
        seeds[at] = next_random(&with.random);
        CHECK(pthread_create(&threads[at], NULL, run_thread, &seeds[at]) == 0);
    }
    for (int at = 0; at < count_of_threads; at++) {
        CHECK(pthread_join(threads[at], NULL) == 0);
    }
    for (int at = 0; at < ENGINES; at++) {
        slot *self = &slots[at];
        /* The callback thread of another engine may still be in a call. */
        pthread_rwlock_wrlock(&self->lock);
        if (self->engine != NULL) {
            if (self->dispatch == LIBMSRP_DISPATCH_HOST && below(&with, 2) != 0) {
                CHECK_OK(libmsrp_engine_shutdown(self->engine, (int64_t)below(&with, 30)));
                RUN_UNTIL(self->engine, self->engine_closed == 1);
                CHECK(self->closed == self->made);
            }
            free_engine(self);
        }
        pthread_rwlock_unlock(&self->lock);
    }
    if (objects_alive != 0) {
        fprintf(stderr, "%ld of what the library took over did not come back\n", objects_alive);
        exit(1);
    }
}

/* Says so when an order of calls does not come to its end. */
static pthread_mutex_t watch_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t watch_changed = PTHREAD_COND_INITIALIZER;
static long orders_done;
static int all_done;

static void *watch(void *user) {
    long seen = -1;
    (void)user;
    pthread_mutex_lock(&watch_mutex);
    while (!all_done) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += DEADLINE_MS / 1000;
        seen = orders_done;
        while (!all_done && seen == orders_done) {
            if (pthread_cond_timedwait(&watch_changed, &watch_mutex, &until) != 0) {
                fprintf(stderr, "calls: seed %#llx does not end\n", (unsigned long long)order_seed);
                abort();
            }
        }
    }
    pthread_mutex_unlock(&watch_mutex);
    return NULL;
}

static void say_seed(void) {
    if (!all_done) {
        fprintf(stderr, "calls: failed with LIBMSRP_CALLS_SEED=%#llx\n", (unsigned long long)order_seed);
    }
}

int main(void) {
    pthread_t watcher;
    struct timespec now;
    const char *seed_text = getenv("LIBMSRP_CALLS_SEED"), *seconds_text = getenv("LIBMSRP_CALLS_SECONDS");
    functions_find();
    all_callbacks = callbacks_of(1);
    part_callbacks = callbacks_of(0);
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t seed = seed_text != NULL ? strtoull(seed_text, NULL, 0) : (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec;
    const time_t end = now.tv_sec + (seconds_text != NULL ? atol(seconds_text) : 0);
    for (int at = 0; at < ENGINES; at++) {
        CHECK(pthread_rwlock_init(&slots[at].lock, NULL) == 0);
    }
    atexit(say_seed);
    CHECK(pthread_create(&watcher, NULL, watch, NULL) == 0);
    while (orders_done < ORDERS || now.tv_sec < end) {
        run_order(seed);
        seed = next_random(&seed);
        pthread_mutex_lock(&watch_mutex);
        orders_done++;
        pthread_cond_signal(&watch_changed);
        pthread_mutex_unlock(&watch_mutex);
        clock_gettime(CLOCK_REALTIME, &now);
    }
    pthread_mutex_lock(&watch_mutex);
    all_done = 1;
    pthread_cond_signal(&watch_changed);
    pthread_mutex_unlock(&watch_mutex);
    CHECK(pthread_join(watcher, NULL) == 0);
    contract_free();
    for (int at = 0; at < FUNCTIONS; at++) {
        printf("%8ld called %8ld succeeded  %s\n", called[at], succeeded[at], functions[at].name);
    }
    printf("%ld orders, %ld calls, %ld callbacks\n", orders_done, calls_made, callbacks_run);
    return passed("calls");
}
