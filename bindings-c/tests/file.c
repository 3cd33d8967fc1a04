/* Large messages: files both ways at once, lent buffers, and transfers that are aborted. */

#include "pair.h"

#include <unistd.h>

enum { FILE_LEN = 1500000, LOAN_LEN = 300000, COPY_LEN = 100000 };

static party alice, bob;

static uint8_t *pattern(size_t len, uint32_t seed) {
    uint8_t *octets = (uint8_t *)malloc(len ? len : 1);
    CHECK(octets != NULL);
    for (size_t at = 0; at < len; at++) {
        seed = seed * 1664525 + 1013904223;
        octets[at] = (uint8_t)(seed >> 24);
    }
    return octets;
}

static void write_file(char *path, const uint8_t *octets, size_t len) {
    strcpy(path, "/tmp/libmsrp-test-XXXXXX");
    const int fd = mkstemp(path);
    CHECK(fd >= 0);
    CHECK(write(fd, octets, len) == (ssize_t)len);
    CHECK(close(fd) == 0);
}

static libmsrp_transfer send_path(party *self, const char *path) {
    libmsrp_send_options options = LIBMSRP_SEND_OPTIONS_INIT;
    libmsrp_transfer transfer = 0;
    options.success_report = 1;
    CHECK_OK(libmsrp_send_file(self->engine, self->session, &options, LIBMSRP_TEXT(path), &transfer));
    return transfer;
}

static void files_both_ways(void) {
    char paths[2][TEXT_LEN];
    uint8_t *contents[2] = {pattern(FILE_LEN, 1), pattern(FILE_LEN, 2)};
    libmsrp_engine *engine = new_engine();
    pair_open(&alice, &bob, engine, 0);
    for (int at = 0; at < 2; at++) {
        write_file(paths[at], contents[at], FILE_LEN);
    }
    const libmsrp_transfer from_alice = send_path(&alice, paths[0]);
    send_path(&bob, paths[1]);
    RUN_UNTIL(engine, alice.delivered_count == 1 && bob.delivered_count == 1);
    const seen_message *at_bob = &bob.messages[0], *at_alice = &alice.messages[0];
    CHECK(at_bob->len == FILE_LEN && at_bob->sum == sum_of(0, contents[0], FILE_LEN));
    CHECK(at_alice->len == FILE_LEN && at_alice->sum == sum_of(0, contents[1], FILE_LEN));
    CHECK(at_bob->total == FILE_LEN && at_bob->end == LIBMSRP_END_COMPLETE);
    CHECK(strcmp(at_bob->content_type, "application/octet-stream") == 0);
    CHECK(alice.progress_count > 0 && alice.progress_bytes == FILE_LEN);
    CHECK(alice.accepted_count == 1 && alice.acknowledged_count == 1);
    uint64_t sent = 0, total = 0;
    CHECK_OK(libmsrp_transfer_progress(engine, from_alice, &sent, &total));
    CHECK(sent == FILE_LEN && total == FILE_LEN);
    CHECK_OK(libmsrp_transfer_progress(engine, from_alice, NULL, NULL));

    libmsrp_transfer transfer = 0;
    CHECK_INVALID(libmsrp_send_file(engine, alice.session, NULL, LIBMSRP_TEXT("/nowhere/at/all"), &transfer));
    CHECK_INVALID(libmsrp_send_file(engine, alice.session, NULL, LIBMSRP_TEXT("/tmp"), &transfer));
    CHECK_INVALID(libmsrp_send_file(engine, alice.session, NULL, LIBMSRP_TEXT(""), &transfer));
    pair_end(&alice, &bob);
    for (int at = 0; at < 2; at++) {
        unlink(paths[at]);
        free(contents[at]);
    }
}

typedef struct loan {
    const uint8_t *data;
    size_t len;
    int freed;
} loan;

static void end_loan(const uint8_t *data, size_t len, void *user) {
    loan *self = (loan *)user;
    CHECK(data == self->data && len == self->len);
    self->freed++;
}

/* Octets are lent until free_fn, which runs once for each, only if the message was admitted. */
static void loans(void) {
    uint8_t *octets = pattern(LOAN_LEN, 3);
    libmsrp_engine *engine = new_engine();
    pair_open(&alice, &bob, engine, 0);
    const size_t lens[] = {LOAN_LEN, 70000, 65536, 20000, 5, 0};
    enum { LOANS = sizeof(lens) / sizeof(lens[0]) };
    loan all[LOANS];
    libmsrp_transfer transfer = 0;
    for (int at = 0; at < LOANS; at++) {
        all[at].data = octets;
        all[at].len = lens[at];
        all[at].freed = 0;
        CHECK_OK(libmsrp_send_take(engine, alice.session, NULL, octets, lens[at], end_loan, &all[at], &transfer));
    }
    int freed = 0;
    RUN_UNTIL(engine, (freed = all[0].freed + all[1].freed + all[2].freed + all[3].freed + all[4].freed +
                               all[5].freed) == LOANS &&
                          alice.acknowledged_count == LOANS);
    for (int at = 0; at < LOANS; at++) {
        CHECK(all[at].freed == 1);
        int found = 0;
        for (int message = 0; message < bob.message_count; message++) {
            found += bob.messages[message].len == lens[at] &&
                     bob.messages[message].sum == sum_of(0, octets, lens[at]);
        }
        CHECK(found == 1);
    }

    /* Refused: nothing was taken. */
    loan refused = {octets, 10, 0};
    libmsrp_send_options options = LIBMSRP_SEND_OPTIONS_INIT;
    options.message_id = LIBMSRP_SLICE("not an ident");
    CHECK_INVALID(libmsrp_send_take(engine, alice.session, &options, octets, 10, end_loan, &refused, &transfer));
    CHECK_GONE(libmsrp_send_take(engine, alice.session + 12345, NULL, octets, 10, end_loan, &refused, &transfer));

    /* Still lent when the engine ends. */
    loan last = {octets, LOAN_LEN, 0};
    CHECK_OK(libmsrp_session_pause(engine, bob.session));
    CHECK_OK(libmsrp_send_take(engine, alice.session, NULL, octets, LOAN_LEN, end_loan, &last, &transfer));
    CHECK_OK(libmsrp_send_take(engine, alice.session, NULL, octets, 10, NULL, NULL, &transfer));
    CHECK_OK(libmsrp_engine_free(engine));
    CHECK(last.freed == 1 && refused.freed == 0);
    free(octets);
}

static void a_copy_of_the_host_s_octets(void) {
    uint8_t *octets = pattern(COPY_LEN, 4);
    const uint32_t sum = sum_of(0, octets, COPY_LEN);
    libmsrp_engine *engine = new_engine();
    libmsrp_transfer transfer = 0;
    pair_open(&alice, &bob, engine, 0);
    CHECK_OK(libmsrp_send(engine, alice.session, NULL, octets, COPY_LEN, &transfer));
    memset(octets, 0, COPY_LEN);
    free(octets);
    RUN_UNTIL(engine, alice.acknowledged_count == 1 && bob.message_count == 1 && bob.messages[0].ended);
    CHECK(bob.messages[0].len == COPY_LEN && bob.messages[0].sum == sum);
    pair_end(&alice, &bob);
}

static void aborted_by_the_sender(void) {
    uint8_t *octets = pattern(4 * FILE_LEN, 5);
    libmsrp_engine *engine = new_engine();
    libmsrp_transfer transfer = 0;
    pair_open(&alice, &bob, engine, 0);
    bob.verdict = LIBMSRP_BODY_LATER;
    CHECK_OK(libmsrp_send_take(engine, alice.session, NULL, octets, 4 * FILE_LEN, NULL, NULL, &transfer));
    RUN_UNTIL(engine, bob.message_count == 1 && bob.messages[0].len > 0);
    CHECK_OK(libmsrp_transfer_abort(engine, transfer));
    RUN_UNTIL(engine, alice.failed_count == 1);
    CHECK(alice.failed_result == LIBMSRP_ERR_ABORTED && alice.last_failed == transfer);
    size_t consumed = 0;
    while (!bob.messages[0].ended) {
        if (bob.messages[0].len > consumed) {
            CHECK_OK(libmsrp_message_consume(engine, bob.messages[0].handle, bob.messages[0].len - consumed));
            consumed = bob.messages[0].len;
        }
        run_once(engine, __FILE__, __LINE__, "the end of the aborted message");
    }
    CHECK(bob.messages[0].end == LIBMSRP_END_ABORTED);
    COVERS("C-155");
    pair_end(&alice, &bob);
    free(octets); /* lent until then */
}

static void reject_begun(party *self) {
    const libmsrp_message message = self->messages[0].handle;
    CHECK_INVALID(libmsrp_message_reject(self->engine, message, 99, NULL, 0));
    CHECK_INVALID(libmsrp_message_reject(self->engine, message, 200, NULL, 0));
    CHECK_INVALID(libmsrp_message_reject(self->engine, message, 413, (const uint8_t *)"\xff", 1));
    /* A comment cannot end its line. */
    CHECK_OK(libmsrp_message_reject(self->engine, message, 413, LIBMSRP_TEXT("two\r\nlines")));
}

static void rejected_by_the_receiver(void) {
    uint8_t *octets = pattern(4 * FILE_LEN, 6);
    libmsrp_engine *engine = new_engine();
    libmsrp_transfer transfer = 0;
    pair_open(&alice, &bob, engine, 0);
    bob.hook = reject_begun;
    CHECK_OK(libmsrp_send_take(engine, alice.session, NULL, octets, 4 * FILE_LEN, NULL, NULL, &transfer));
    RUN_UNTIL(engine, alice.failed_count == 1 && bob.messages[0].ended);
    CHECK(bob.messages[0].end == LIBMSRP_END_REJECTED && bob.messages[0].status == 413);
    CHECK(alice.failed_result == LIBMSRP_ERR_STATUS && alice.failed_status == 413);
    COVERS("C-164", "C-241");
    pair_end(&alice, &bob);
    free(octets); /* lent until then */
}

int main(void) {
    files_both_ways();
    loans();
    a_copy_of_the_host_s_octets();
    aborted_by_the_sender();
    rejected_by_the_receiver();
    return passed("file");
}
