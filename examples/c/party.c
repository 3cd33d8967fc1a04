/*
 * One party of an MSRP session: it answers an SDP offer, then chats and exchanges files with its peer, on a poll(2)
 * loop of its own. The SDP travels over stdin and stdout, where a SIP program would carry it in INVITE and 200 OK.
 *
 *   party [--ca FILE [--cert FILE --key FILE] | --fingerprint NAME] --send-file PATH --recv-file PATH --lines N
 *
 *   --ca, --cert, --key   PEM files; with them the session runs over TLS (and the offer has to say so). Without a
 *                         certificate the party is the side that connects
 *   --fingerprint NAME    TLS without a CA: a certificate for this name is made, and both SDPs say whose is right
 *   --send-file PATH      the file that is sent to the peer, as application/octet-stream
 *   --recv-file PATH      where the file goes that comes from the peer
 *   --lines N             chat lines that are sent, and that are expected
 *
 * stdin    the SDP offer, ended by a line with a single dot; later a line "BYE": end the session when all is done
 * stdout   "SDP <n>" and a line end, then n octets of SDP answer; then one line for whatever happens:
 *            chat> TEXT                          a line was sent
 *            chat< TEXT                          a line came
 *            delivered TEXT                      the peer reported that it has our line
 *            progress sent|received DONE TOTAL   octets of a file, at each whole percent
 *            file delivered OCTETS               the peer reported that it has our file
 *            file received PATH OCTETS SHA256    the peer's file is complete
 *            closed REASON                       the session is over
 * exit     0 when all lines and both files were exchanged and delivered and the session was closed after that;
 *          1 else, with the reason on stderr; 2 when the command line is wrong
 *
 * Build: cc -std=c11 party.c $(pkg-config --cflags --libs libmsrp)
 */
#include <libmsrp.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { LINE_LEN = 512, SDP_LEN = 64 * 1024, OPEN_TIMEOUT_MS = 30000, CLOSE_TIMEOUT_MS = 5000 };

static const char FILE_TYPE[] = "application/octet-stream";

/* A message that is coming in: a chat line, or the file. */
typedef struct incoming {
    libmsrp_message message;
    int is_file;
    char text[LINE_LEN];
    size_t text_len;
    struct incoming *next;
} incoming;

typedef struct party {
    /* the command line */
    const char *ca, *cert, *key, *name, *send_path, *recv_path;
    long lines;

    libmsrp_engine *engine;
    libmsrp_session session;
    incoming *open_messages;

    /* chat */
    long lines_sent, lines_delivered, lines_received;
    libmsrp_transfer line;
    char line_text[LINE_LEN];

    /* our file */
    libmsrp_transfer file;
    int file_delivered;
    int sent_percent;

    /* the peer's file */
    int recv_fd;
    uint64_t recv_bytes, recv_total;
    int recv_percent;
    pid_t digest_pid;
    int digest_fd; /* the output of sha256sum */
    char digest[LINE_LEN];
    size_t digest_len;
    int file_received;

    /* the end */
    char input[LINE_LEN];
    size_t input_len;
    int input_open, bye, closing, closed;
    const char *failure;
} party;

/* ---- small things --------------------------------------------------------------------------------------------- */

static void give_up(const char *what, const char *why) {
    fprintf(stderr, "party: %s: %s\n", what, why);
    exit(1);
}

/* For calls that cannot fail unless something is really wrong. */
static void must(libmsrp_result result, const char *what) {
    if (result != LIBMSRP_OK) {
        fprintf(stderr, "party: %s: %s (%s)\n", what, libmsrp_last_error(), libmsrp_result_name(result));
        exit(1);
    }
}

/* The first failure is the one that counts. */
static void fail(party *self, const char *what) {
    if (!self->failure) {
        self->failure = what;
    }
}

/* Whether all that was to be exchanged was exchanged, and the peer knows. */
static int all_done(const party *self) {
    return self->lines_delivered == self->lines && self->lines_received >= self->lines && self->file_delivered &&
           self->file_received;
}

static void show_progress(const char *direction, uint64_t done, uint64_t total, int *shown) {
    const int percent = total ? (int)(done * 100 / total) : 100;
    if (total != LIBMSRP_LENGTH_UNKNOWN && percent != *shown) {
        *shown = percent;
        printf("progress %s %" PRIu64 " %" PRIu64 "\n", direction, done, total);
    }
}

/* ---- sending -------------------------------------------------------------------------------------------------- */

/* Sends the file and the next line, as far as the session takes them now; on_writable comes back here. */
static void send_what_is_due(party *self) {
    libmsrp_send_options options = LIBMSRP_SEND_OPTIONS_INIT;
    options.success_report = 1;
    if (!self->file) {
        options.content_type = LIBMSRP_SLICE(FILE_TYPE);
        const libmsrp_result result =
            libmsrp_send_file(self->engine, self->session, &options, LIBMSRP_TEXT(self->send_path), &self->file);
        if (result != LIBMSRP_ERR_AGAIN) {
            must(result, self->send_path);
        }
    }
    if (!self->line && self->lines_sent < self->lines) {
        options.content_type = LIBMSRP_SLICE("text/plain");
        snprintf(self->line_text, sizeof(self->line_text), "line %ld from C", self->lines_sent + 1);
        const libmsrp_result result =
            libmsrp_send(self->engine, self->session, &options, LIBMSRP_TEXT(self->line_text), &self->line);
        if (result == LIBMSRP_OK) {
            self->lines_sent++;
            printf("chat> %s\n", self->line_text);
        } else if (result != LIBMSRP_ERR_AGAIN) {
            must(result, "sending a line");
        }
    }
}

static void on_state(libmsrp_engine *engine, libmsrp_session session, libmsrp_state state, void *user) {
    (void)engine, (void)session;
    if (state == LIBMSRP_STATE_OPEN) {
        send_what_is_due((party *)user);
    }
}

static void on_writable(libmsrp_engine *engine, libmsrp_session session, void *user) {
    (void)engine, (void)session;
    send_what_is_due((party *)user);
}

static void on_transfer(libmsrp_engine *engine, libmsrp_session session, libmsrp_transfer transfer,
                        const libmsrp_transfer_info *info, void *user) {
    party *self = (party *)user;
    (void)session;
    switch (info->event) {
    case LIBMSRP_TRANSFER_EVENT_PROGRESS:
        if (transfer == self->file) {
            show_progress("sent", info->sent_bytes, info->total_bytes, &self->sent_percent);
        }
        break;
    case LIBMSRP_TRANSFER_EVENT_DELIVERED:
        if (transfer == self->file) {
            uint64_t sent = 0;
            must(libmsrp_transfer_progress(engine, transfer, &sent, NULL), "progress of the file");
            self->file_delivered = 1;
            printf("file delivered %" PRIu64 "\n", sent);
        } else if (transfer == self->line) {
            self->lines_delivered++;
            self->line = 0;
            printf("delivered %s\n", self->line_text);
            send_what_is_due(self);
        }
        break;
    case LIBMSRP_TRANSFER_EVENT_FAILED:
        fprintf(stderr, "party: a message failed: %.*s\n", (int)info->text.len, (const char *)info->text.ptr);
        fail(self, "a message was not delivered");
        break;
    default:
        break;
    }
}

/* ---- receiving ------------------------------------------------------------------------------------------------ */

static incoming *find_incoming(party *self, libmsrp_message message) {
    incoming *found = self->open_messages;
    while (found && found->message != message) {
        found = found->next;
    }
    return found;
}

/* There is no on_message here, so that short messages come like long ones: begin, body, end. */
static void on_message_begin(libmsrp_engine *engine, libmsrp_session session, libmsrp_message message,
                             const libmsrp_message_info *info, void *user) {
    party *self = (party *)user;
    incoming *begun = (incoming *)calloc(1, sizeof(*begun));
    (void)engine, (void)session;
    if (!begun) {
        give_up("incoming message", strerror(errno));
    }
    begun->message = message;
    begun->is_file =
        info->content_type.len == strlen(FILE_TYPE) && !memcmp(info->content_type.ptr, FILE_TYPE, strlen(FILE_TYPE));
    begun->next = self->open_messages;
    self->open_messages = begun;
    if (begun->is_file) {
        self->recv_total = info->total_bytes;
    }
}

static libmsrp_body_verdict on_body(libmsrp_engine *engine, libmsrp_session session, libmsrp_message message,
                                    uint64_t offset, const uint8_t *data, size_t len, void *user) {
    party *self = (party *)user;
    incoming *growing = find_incoming(self, message);
    (void)engine, (void)session;
    if (growing && growing->is_file) {
        /* By offset: octets that the peer sends again replace the earlier ones. */
        if (pwrite(self->recv_fd, data, len, (off_t)offset) != (ssize_t)len) {
            give_up(self->recv_path, strerror(errno));
        }
        self->recv_bytes = offset + len;
        show_progress("received", self->recv_bytes, self->recv_total, &self->recv_percent);
    } else if (growing && offset < LINE_LEN) {
        const size_t room = LINE_LEN - (size_t)offset;
        memcpy(growing->text + offset, data, len < room ? len : room);
        growing->text_len = (size_t)offset + (len < room ? len : room);
    }
    return LIBMSRP_BODY_CONSUMED;
}

static void start_digest(party *self);

static void on_message_end(libmsrp_engine *engine, libmsrp_session session, libmsrp_message message,
                           const libmsrp_message_end *end, void *user) {
    party *self = (party *)user;
    incoming *ended = find_incoming(self, message);
    (void)engine, (void)session;
    if (!ended) {
        return;
    }
    if (end->end != LIBMSRP_END_COMPLETE) {
        fail(self, "a message of the peer came to nothing");
    } else if (ended->is_file) {
        start_digest(self);
    } else {
        /* One line of output, whatever the peer wrote. */
        for (size_t at = 0; at < ended->text_len; at++) {
            if ((unsigned char)ended->text[at] < ' ') {
                ended->text[at] = ' ';
            }
        }
        self->lines_received++;
        printf("chat< %.*s\n", (int)ended->text_len, ended->text);
    }
    incoming **link = &self->open_messages;
    while (*link != ended) {
        link = &(*link)->next;
    }
    *link = ended->next;
    free(ended);
}

/* Callbacks must not block, and a large file takes a while: sha256sum works beside the loop. */
static void start_digest(party *self) {
    int ends[2];
    posix_spawn_file_actions_t actions;
    char program[] = "sha256sum", option[] = "--";
    char *path = strdup(self->recv_path);
    char *const arguments[] = {program, option, path, NULL};
    if (!path || close(self->recv_fd) != 0 || pipe(ends) != 0) {
        give_up(self->recv_path, strerror(errno));
    }
    self->recv_fd = -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    const int error = posix_spawnp(&self->digest_pid, program, &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error) {
        give_up(program, strerror(error));
    }
    close(ends[1]);
    free(path);
    self->digest_fd = ends[0];
}

static void read_digest(party *self) {
    int status = 0;
    const ssize_t got =
        read(self->digest_fd, self->digest + self->digest_len, sizeof(self->digest) - 1 - self->digest_len);
    if (got > 0) {
        self->digest_len += (size_t)got;
        return;
    }
    if (got < 0 && errno == EINTR) {
        return;
    }
    close(self->digest_fd);
    self->digest_fd = -1;
    if (waitpid(self->digest_pid, &status, 0) < 0 || status != 0) {
        give_up("sha256sum", "it failed");
    }
    /* A backslash comes first where the file's name had to be escaped. */
    const char *digest = self->digest + (self->digest[0] == '\\');
    printf("file received %s %" PRIu64 " %.64s\n", self->recv_path, self->recv_bytes, digest);
    self->file_received = 1;
}

/* ---- the end -------------------------------------------------------------------------------------------------- */

static const char *reason_text(libmsrp_close_reason reason) {
    switch (reason) {
    case LIBMSRP_CLOSE_REASON_LOCAL:
        return "by us";
    case LIBMSRP_CLOSE_REASON_PEER_CLOSED:
        return "by the peer";
    case LIBMSRP_CLOSE_REASON_CONNECTION_LOST:
        return "connection lost";
    case LIBMSRP_CLOSE_REASON_WRITE_STALL:
        return "the network takes nothing";
    case LIBMSRP_CLOSE_REASON_PROTOCOL:
        return "the peer broke the protocol";
    case LIBMSRP_CLOSE_REASON_STATUS:
        return "the peer refused";
    case LIBMSRP_CLOSE_REASON_BIND_TIMEOUT:
        return "the peer did not come";
    case LIBMSRP_CLOSE_REASON_STREAM_ENDED:
        return "by SDP";
    }
    return "unknown";
}

static void on_closed(libmsrp_engine *engine, libmsrp_session session, const libmsrp_close_info *info, void *user) {
    party *self = (party *)user;
    (void)engine, (void)session;
    self->closed = 1;
    printf("closed %s\n", reason_text(info->reason));
    if (info->reason != LIBMSRP_CLOSE_REASON_LOCAL && info->reason != LIBMSRP_CLOSE_REASON_PEER_CLOSED) {
        fprintf(stderr, "party: %.*s\n", (int)info->text.len, (const char *)info->text.ptr);
    }
}

static void read_input(party *self) {
    const ssize_t got =
        read(STDIN_FILENO, self->input + self->input_len, sizeof(self->input) - 1 - self->input_len);
    if (got <= 0) {
        self->input_open = got < 0 && errno == EINTR;
        return;
    }
    self->input_len += (size_t)got;
    self->input[self->input_len] = '\0';
    char *line = self->input, *end;
    while ((end = strchr(line, '\n')) != NULL) {
        *end = '\0';
        self->bye |= strcmp(line, "BYE") == 0;
        line = end + 1;
    }
    self->input_len = strlen(line);
    memmove(self->input, line, self->input_len + 1);
    if (self->input_len == sizeof(self->input) - 1) {
        self->input_len = 0; /* no command of ours */
    }
}

/* ---- setting up ----------------------------------------------------------------------------------------------- */

static void read_command_line(party *self, int count, char **words) {
    for (int at = 1; at < count; at += 2) {
        const char *value = at + 1 < count ? words[at + 1] : NULL;
        const char **place = NULL;
        if (!strcmp(words[at], "--ca")) {
            place = &self->ca;
        } else if (!strcmp(words[at], "--cert")) {
            place = &self->cert;
        } else if (!strcmp(words[at], "--key")) {
            place = &self->key;
        } else if (!strcmp(words[at], "--fingerprint")) {
            place = &self->name;
        } else if (!strcmp(words[at], "--send-file")) {
            place = &self->send_path;
        } else if (!strcmp(words[at], "--recv-file")) {
            place = &self->recv_path;
        } else if (!strcmp(words[at], "--lines") && value) {
            char *end = NULL;
            self->lines = strtol(value, &end, 10);
            if (*value && !*end && self->lines >= 0) {
                continue;
            }
        }
        if (!place || !value) {
            fprintf(stderr, "party: wrong argument: %s\n", words[at]);
            exit(2);
        }
        *place = value;
    }
    const int own = (self->cert != NULL) + (self->key != NULL);
    const int tls_fits = self->ca ? own != 1 && !self->name : own == 0;
    if (!self->send_path || !self->recv_path || self->lines < 0 || !tls_fits) {
        fprintf(stderr, "usage: party [--ca FILE [--cert FILE --key FILE] | --fingerprint NAME] --send-file PATH "
                        "--recv-file PATH --lines N\n");
        exit(2);
    }
}

/* Reads the offer up to the line with the dot; octet by octet, so that nothing behind it is lost. */
static size_t read_offer(char *offer, size_t capacity) {
    size_t len = 0, line = 0; /* where the last line begins */
    while (len < capacity) {
        const ssize_t got = read(STDIN_FILENO, offer + len, 1);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            give_up("offer", "stdin ended before the line with the dot");
        }
        len++;
        if (offer[len - 1] == '\n') {
            const size_t line_len = len - line;
            if (offer[line] == '.' && (line_len == 2 || (line_len == 3 && offer[line + 1] == '\r'))) {
                return line;
            }
            line = len;
        }
    }
    give_up("offer", "too long");
    return 0;
}

static void make_session(party *self) {
    libmsrp_session_callbacks callbacks = LIBMSRP_SESSION_CALLBACKS_INIT;
    callbacks.on_state = on_state;
    callbacks.on_writable = on_writable;
    callbacks.on_transfer = on_transfer;
    callbacks.on_message_begin = on_message_begin;
    callbacks.on_body = on_body;
    callbacks.on_message_end = on_message_end;
    callbacks.on_closed = on_closed;

    libmsrp_session_options options = LIBMSRP_SESSION_OPTIONS_INIT;
    libmsrp_tls *tls = NULL;
    options.accept_types = LIBMSRP_SLICE("text/plain application/octet-stream");
    if (self->ca) {
        must(libmsrp_tls_new(&tls), "TLS");
        must(libmsrp_tls_add_ca(tls, LIBMSRP_PEM_FILE, LIBMSRP_TEXT(self->ca)), "--ca");
        if (self->cert) {
            must(libmsrp_tls_set_identity(tls, LIBMSRP_PEM_FILE, LIBMSRP_TEXT(self->cert), LIBMSRP_TEXT(self->key)),
                 "--cert, --key");
        }
        options.tls = tls;
    } else if (self->name) {
        must(libmsrp_tls_new(&tls), "TLS");
        must(libmsrp_tls_self_signed(tls, LIBMSRP_TEXT(self->name), 0), "--fingerprint");
        must(libmsrp_tls_set_verify(tls, LIBMSRP_VERIFY_FINGERPRINT, NULL, 0), "--fingerprint");
        options.tls = tls;
    }
    must(libmsrp_engine_new(NULL, &self->engine), "engine");
    must(libmsrp_session_new(self->engine, &options, &callbacks, self, &self->session), "session");
    libmsrp_tls_free(tls);
}

static void negotiate(party *self) {
    static char offer[SDP_LEN];
    const size_t offer_len = read_offer(offer, sizeof(offer));
    libmsrp_text *answer = NULL;
    must(libmsrp_session_create_answer(self->engine, self->session, (const uint8_t *)offer, offer_len,
                                       LIBMSRP_FIRST_MEDIA, &answer),
         "answering the offer");
    /* Opened before the peer can have the answer: whichever side connects, we are ready. */
    must(libmsrp_session_open(self->engine, self->session, OPEN_TIMEOUT_MS), "opening the session");
    printf("SDP %zu\n%s", libmsrp_text_len(answer), libmsrp_text_ptr(answer));
    fflush(stdout);
    libmsrp_text_free(answer);
}

/* ---- the loop ------------------------------------------------------------------------------------------------- */

static void run(party *self) {
    int32_t engine_fd = -1;
    must(libmsrp_engine_fd(self->engine, &engine_fd), "engine's descriptor");
    /* A digest that was begun is waited for, also when the peer has gone. */
    while (!self->closed || self->digest_fd >= 0) {
        struct pollfd watched[3] = {
            {engine_fd, POLLIN, 0},
            {self->input_open ? STDIN_FILENO : -1, POLLIN, 0},
            {self->digest_fd, POLLIN, 0},
        };
        if (poll(watched, 3, -1) < 0 && errno != EINTR) {
            give_up("poll", strerror(errno));
        }
        if (watched[0].revents) {
            must(libmsrp_engine_process(self->engine, 0), "running the callbacks");
        }
        if (watched[1].revents) {
            read_input(self);
        }
        if (watched[2].revents) {
            read_digest(self);
        }
        if (self->failure || (self->bye && all_done(self))) {
            if (!self->closing && !self->closed) {
                self->closing = 1;
                const libmsrp_result result =
                    libmsrp_session_close(self->engine, self->session, self->failure ? 0 : CLOSE_TIMEOUT_MS);
                if (result != LIBMSRP_ERR_GONE) {
                    must(result, "closing the session");
                }
            }
        }
    }
}

int main(int count, char **words) {
    static party self;
    self.lines = -1;
    self.digest_fd = -1;
    self.input_open = 1;
    self.sent_percent = self.recv_percent = -1;
    read_command_line(&self, count, words);
    setvbuf(stdout, NULL, _IOLBF, 0);
    self.recv_fd = open(self.recv_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (self.recv_fd < 0) {
        give_up(self.recv_path, strerror(errno));
    }

    make_session(&self);
    negotiate(&self);
    run(&self);
    must(libmsrp_engine_free(self.engine), "ending the engine");
    while (self.open_messages) {
        incoming *next = self.open_messages->next;
        free(self.open_messages);
        self.open_messages = next;
    }

    if (!self.failure && !all_done(&self)) {
        self.failure = "the session ended before everything was exchanged and delivered";
    }
    if (self.failure) {
        fprintf(stderr, "party: %s\n", self.failure);
        return 1;
    }
    return 0;
}
