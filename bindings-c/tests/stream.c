/* Messages that are pulled from a function of the host. */

#include "pair.h"

static party alice, bob;

enum { DEFER = -1000, FAIL, OVERRUN };

/* What the source answers, question by question: so many octets, 0 for the end, or one of the names above. */
typedef struct source {
    const int64_t *script;
    int asked;
    libmsrp_transfer transfer;
    uint64_t given;
    uint32_t sum;
    size_t last_capacity;
    int released;
} source;

static int64_t read_source(libmsrp_engine *engine, libmsrp_transfer transfer, uint8_t *buffer, size_t capacity,
                           void *user) {
    source *self = (source *)user;
    CHECK(engine == alice.engine && capacity > 0 && self->released == 0);
    CHECK(self->transfer == 0 || transfer == self->transfer);
    self->last_capacity = capacity;
    int64_t answer = self->script[self->asked++];
    switch (answer) {
    case DEFER:
        return LIBMSRP_STREAM_DEFERRED;
    case FAIL:
        return LIBMSRP_STREAM_FAIL;
    case OVERRUN:
        return (int64_t)capacity + 1;
    default:
        if (answer > (int64_t)capacity) {
            answer = (int64_t)capacity;
        }
        for (int64_t at = 0; at < answer; at++) {
            buffer[at] = (uint8_t)(self->given + (uint64_t)at);
        }
        self->sum = sum_of(self->sum, buffer, (size_t)answer);
        self->given += (uint64_t)answer;
        return answer;
    }
}

static void release_source(void *user) {
    ((source *)user)->released++;
}

static void stream(source *self, const int64_t *script, uint64_t total) {
    libmsrp_send_options options = LIBMSRP_SEND_OPTIONS_INIT;
    memset(self, 0, sizeof(*self));
    self->script = script;
    options.success_report = 1;
    CHECK_OK(libmsrp_send_stream(alice.engine, alice.session, &options, total, read_source, self, release_source,
                                 &self->transfer));
    CHECK(self->transfer != 0);
}

static void check_delivered(const source *self, int index) {
    RUN_UNTIL(alice.engine, alice.last_delivered == self->transfer && self->released == 1);
    CHECK(bob.messages[index].ended && bob.messages[index].end == LIBMSRP_END_COMPLETE);
    CHECK(bob.messages[index].len == self->given && bob.messages[index].sum == self->sum);
    CHECK_GONE(libmsrp_stream_resume(alice.engine, self->transfer));
}

static void lengths(void) {
    const int64_t some[] = {1000, 5, 20000, 3, 0}, one[] = {1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20};
    const int64_t nothing[] = {0}, exact[] = {1 << 20, 1 << 20}, half[] = {400, 0};
    source self;
    libmsrp_engine *engine = new_engine();
    pair_open(&alice, &bob, engine, 0);

    stream(&self, some, LIBMSRP_LENGTH_UNKNOWN);
    check_delivered(&self, 0);
    CHECK(self.given == 21008 && self.asked == 5);
    CHECK(bob.messages[0].total == LIBMSRP_LENGTH_UNKNOWN || bob.messages[0].total == self.given);
    CHECK(alice.accepted_count == 1);

    /* Of a known length: it is never asked for more, nor for the end. */
    stream(&self, one, 300000);
    check_delivered(&self, 1);
    CHECK(self.given == 300000 && bob.messages[1].total == 300000);
    stream(&self, exact, 10);
    check_delivered(&self, 2);
    CHECK(self.given == 10 && self.asked == 1 && self.last_capacity == 10);

    /* Empty, known and not. */
    stream(&self, nothing, 0);
    check_delivered(&self, 3);
    CHECK(self.asked == 0);
    stream(&self, nothing, LIBMSRP_LENGTH_UNKNOWN);
    check_delivered(&self, 4);
    CHECK(self.asked == 1);

    /* Fewer octets than announced. */
    stream(&self, half, 1000);
    RUN_UNTIL(engine, alice.failed_count == 1 && self.released == 1);
    CHECK(alice.last_failed == self.transfer && alice.failed_result == LIBMSRP_ERR_INVALID_ARGUMENT);
    pair_end(&alice, &bob);
}

static void deferred(void) {
    const int64_t script[] = {3000, DEFER, 3000, DEFER, DEFER, 10, DEFER, 0};
    source self;
    libmsrp_engine *engine = new_engine();
    pair_open(&alice, &bob, engine, 0);
    stream(&self, script, LIBMSRP_LENGTH_UNKNOWN);
    RUN_UNTIL(engine, self.asked == 2 && bob.message_count == 1 && bob.messages[0].len >= 2048);
    /* Nobody asks until it is resumed, whatever else happens. */
    send_text(&alice, "meanwhile", 1);
    RUN_UNTIL(engine, alice.delivered_count == 1);
    CHECK(self.asked == 2);
    CHECK_OK(libmsrp_stream_resume(engine, self.transfer));
    CHECK(self.asked == 2); /* never inside a call */
    RUN_UNTIL(engine, self.asked == 4);
    CHECK_OK(libmsrp_stream_resume(engine, self.transfer));
    RUN_UNTIL(engine, self.asked == 5);
    CHECK_OK(libmsrp_stream_resume(engine, self.transfer));
    RUN_UNTIL(engine, self.asked == 7);
    /* Ten octets make no chunk by themselves, but with a flush they do; the last one waits for what follows. */
    CHECK_OK(libmsrp_stream_flush(engine, self.transfer));
    RUN_UNTIL(engine, bob.messages[0].len == 6009);
    CHECK(!bob.messages[0].ended);
    CHECK_OK(libmsrp_stream_resume(engine, self.transfer));
    check_delivered(&self, 0);
    pair_end(&alice, &bob);
}

static void failures(void) {
    const int64_t fails[] = {5000, FAIL}, overruns[] = {5000, OVERRUN}, endless[] = {5000, DEFER};
    source self, other;
    libmsrp_engine *engine = new_engine();
    pair_open(&alice, &bob, engine, 0);
    stream(&self, fails, LIBMSRP_LENGTH_UNKNOWN);
    RUN_UNTIL(engine, alice.failed_count == 1 && self.released == 1);
    CHECK(alice.failed_result == LIBMSRP_ERR_ABORTED && alice.last_failed == self.transfer);
    stream(&self, overruns, LIBMSRP_LENGTH_UNKNOWN);
    RUN_UNTIL(engine, alice.failed_count == 2 && self.released == 1);

    stream(&self, endless, LIBMSRP_LENGTH_UNKNOWN);
    RUN_UNTIL(engine, self.asked == 2);
    CHECK_OK(libmsrp_transfer_abort(engine, self.transfer));
    RUN_UNTIL(engine, alice.failed_count == 3 && self.released == 1);
    CHECK_GONE(libmsrp_stream_resume(engine, self.transfer));
    CHECK_GONE(libmsrp_stream_flush(engine, self.transfer));

    /* Not taken over when it is refused. */
    libmsrp_transfer transfer = 0;
    memset(&other, 0, sizeof(other));
    CHECK_GONE(libmsrp_send_stream(engine, 1, NULL, 10, read_source, &other, release_source, &transfer));

    CHECK(other.released == 0);
    pair_end(&alice, &bob);
}

/* Under way when the session ends, and when the engine ends. */
static void ends_under_way(void) {
    const int64_t endless[] = {5000, DEFER};
    source self;
    libmsrp_engine *engine = new_engine();
    pair_open(&alice, &bob, engine, 0);
    stream(&self, endless, LIBMSRP_LENGTH_UNKNOWN);
    RUN_UNTIL(engine, self.asked == 2 && bob.message_count == 1 && bob.messages[0].len > 0);
    CHECK_OK(libmsrp_session_abort(engine, alice.session));
    RUN_UNTIL(engine, alice.closed_count == 1 && self.released == 1 && bob.messages[0].ended);
    CHECK(bob.messages[0].end == LIBMSRP_END_ABORTED || bob.messages[0].end == LIBMSRP_END_SESSION_CLOSED);
    party_end(&bob);

    party_new(&alice, engine, 0, NULL);
    party_new(&bob, engine, 0, NULL);
    pair_negotiate(&alice, &bob);
    RUN_UNTIL(engine, alice.is_open);
    stream(&self, endless, LIBMSRP_LENGTH_UNKNOWN);
    CHECK_OK(libmsrp_engine_free(engine));
    CHECK(self.released == 1);
}

int main(void) {
    lengths();
    deferred();
    failures();
    ends_under_way();
    return passed("stream");
}
