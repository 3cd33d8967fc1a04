/* Seeing what happens: traces, the log of the wire, counters. */

#include "pair.h"

#include <sys/stat.h>
#include <unistd.h>

static party alice, bob;

static struct {
    int wire_count, sends, answers, warnings;
    char all[64 * 1024];
    size_t len;
} seen;

static void on_log(libmsrp_log_level level, const uint8_t *text, size_t len, void *user) {
    (void)user;
    char line[8192];
    snprintf(line, sizeof(line), "%.*s\n", (int)len, (const char *)text);
    seen.wire_count += level == LIBMSRP_LOG_LEVEL_TRACE;
    seen.warnings += level == LIBMSRP_LOG_LEVEL_WARN;
    seen.sends += strstr(line, " > SEND tid=") != NULL;
    seen.answers += strstr(line, " < 200 tid=") != NULL;
    const size_t line_len = strlen(line);
    if (seen.len + line_len < sizeof(seen.all)) {
        memcpy(seen.all + seen.len, line, line_len + 1);
        seen.len += line_len;
    }
}

static void path_of(char *path, size_t len, const char *name) {
    const char *folder = getenv("TMPDIR");
    snprintf(path, len, "%s/msrp-%ld-%s.pcapng", folder != NULL ? folder : "/tmp", (long)getpid(), name);
    unlink(path);
}

static uint64_t seen_responses(libmsrp_engine *engine) {
    libmsrp_stats stats = LIBMSRP_STATS_INIT;
    CHECK_OK(libmsrp_engine_stats(engine, &stats));
    return stats.received.responses;
}

static void chat(libmsrp_engine *engine) {
    pair_open(&alice, &bob, engine, 1);
    send_text(&alice, "a word of bob's secret", 1);
    RUN_UNTIL(engine, alice.delivered_count == 1 && bob.message_count == 1);
    /* The last word about it, too. */
    RUN_UNTIL(engine, seen_responses(engine) == 2);
}

static void traces(void) {
    char path[512];
    struct stat file;
    libmsrp_engine *engine = new_engine();
    libmsrp_trace_options options = LIBMSRP_TRACE_OPTIONS_INIT;
    libmsrp_stats stats = LIBMSRP_STATS_INIT;
    path_of(path, sizeof(path), "trace");

    CHECK_INVALID(libmsrp_engine_set_trace(NULL, &options));
    CHECK_INVALID(libmsrp_engine_set_trace(engine, &options));
    options.path = LIBMSRP_SLICE(path);
    options.secrets = 2;
    CHECK_INVALID(libmsrp_engine_set_trace(engine, &options));
    options.secrets = 0;
    options.max_bytes = 1;
    CHECK_INVALID(libmsrp_engine_set_trace(engine, &options));
    options.max_bytes = 0;
    CHECK(stat(path, &file) != 0);

    CHECK_OK(libmsrp_engine_set_trace(engine, &options));
    chat(engine);
    CHECK_OK(libmsrp_engine_set_trace(engine, NULL));
    CHECK_OK(libmsrp_engine_stats(engine, &stats));
    /* The binding SEND, the message, their responses, the REPORT. */
    CHECK(stats.trace_written == 5 && stats.trace_dropped == 0);
    CHECK(stat(path, &file) == 0 && (file.st_mode & 0777) == 0600 && file.st_size > 1000);
    /* What is there is not written over. */
    CHECK_INVALID(libmsrp_engine_set_trace(engine, &options));
    CHECK(strstr(libmsrp_last_error(), path) != NULL);
    unlink(path);
    pair_end(&alice, &bob);
}

static void wire_log(void) {
    libmsrp_engine *engine = new_engine();
    memset(&seen, 0, sizeof(seen));
    CHECK_OK(libmsrp_engine_set_log(engine, LIBMSRP_LOG_LEVEL_TRACE, on_log, NULL, NULL));
    chat(engine);
    RUN_UNTIL(engine, seen.answers == 2 && seen.wire_count == 10);
    /* Each of five is seen by both ends. */
    CHECK(seen.wire_count == 10 && seen.sends == 2 && seen.warnings == 0);
    CHECK(strstr(seen.all, "dialled") != NULL && strstr(seen.all, "accepted from") != NULL);
    CHECK(strstr(seen.all, "secret") == NULL && strstr(seen.all, "msrp://") == NULL);
    pair_end(&alice, &bob);
}

static void counters(void) {
    libmsrp_engine *engine = new_engine();
    libmsrp_stats stats = LIBMSRP_STATS_INIT;
    uint64_t count = 99;
    chat(engine);
    CHECK_OK(libmsrp_engine_stats(engine, &stats));
    CHECK(stats.sent.send == 2 && stats.sent.report == 1 && stats.sent.responses == 2);
    CHECK(stats.sent.complete == 5 && stats.sent.more == 0 && stats.sent.abort == 0);
    CHECK(stats.received.send == 2 && stats.received.report == 1 && stats.received.responses == 2);
    CHECK(stats.timeouts == 0 && stats.duplicate_chunks == 0 && stats.gaps == 0);
    CHECK(stats.transaction_us.buckets[10] == 2 && stats.message_us.buckets[10] == 1);
    CHECK(stats.queue_us.buckets[10] == 1 && stats.pause_us.buckets[10] == 0);
    CHECK(stats.transaction_us.bounds[0] == 1000 && stats.transaction_us.bounds[9] == 30000000);
    CHECK(stats.chunk_sent_bytes.bounds[0] == 64 && stats.chunk_sent_bytes.buckets[0] == 1);
    CHECK(stats.chunk_sent_bytes.sum == strlen("a word of bob's secret"));
    CHECK(stats.chunk_received_bytes.sum == stats.chunk_sent_bytes.sum);

    CHECK_OK(libmsrp_engine_responses(engine, 1, 200, &count));
    CHECK(count == 2);
    CHECK_OK(libmsrp_engine_responses(engine, 0, 481, &count));
    CHECK(count == 0);
    CHECK_INVALID(libmsrp_engine_responses(engine, 0, 99, &count));
    CHECK_INVALID(libmsrp_engine_responses(engine, 0, 1000, &count));
    CHECK_INVALID(libmsrp_engine_responses(engine, 0, 200, NULL));
    CHECK_INVALID(libmsrp_engine_responses(NULL, 0, 200, &count));
    pair_end(&alice, &bob);
}

int main(void) {
    traces();
    wire_log();
    counters();
    return passed("observe");
}
