/* The SDP objects of libre. */

#include "stacks.h"

#include "../../../examples/c/libre_sdp.h"

/* A call with these medias, in this order: audio for what is NULL. */
static struct sdp_session *call(const libmsrp_sdp *const *ours, size_t count, struct sdp_media **medias) {
    struct sdp_session *sdp;
    struct sa address;
    CHECK(sa_set_str(&address, "127.0.0.1", 0) == 0);
    CHECK(sdp_session_alloc(&sdp, &address) == 0);
    for (size_t at = 0; at < count; at++) {
        if (ours[at] == NULL) {
            CHECK(sdp_media_add(&medias[at], sdp, sdp_media_audio, 49170, sdp_proto_rtpavp) == 0);
            CHECK(sdp_format_add(NULL, medias[at], false, "0", "PCMU", 8000, 1, NULL, NULL, NULL, false, NULL) == 0);
        } else {
            libmsrp_sdp_line line = LIBMSRP_SDP_LINE_INIT;
            CHECK_OK(libmsrp_sdp_get_line(ours[at], &line));
            CHECK(msrp_libre_add(&medias[at], sdp, (const char *)line.protocol.ptr) == 0);
            CHECK(msrp_to_libre(medias[at], ours[at]) == 0);
        }
    }
    return sdp;
}

static void encode(struct sdp_session *sdp, bool is_offer, char *text) {
    struct mbuf *octets;
    CHECK(sdp_encode(&octets, sdp, is_offer) == 0);
    CHECK(octets->end < SDP_LEN);
    memcpy(text, octets->buf, octets->end);
    text[octets->end] = '\0';
    mem_deref(octets);
    mem_deref(sdp);
}

static void decode(struct sdp_session *sdp, const char *text, bool is_offer) {
    struct mbuf *octets = mbuf_alloc(strlen(text));
    CHECK(octets != NULL && mbuf_write_str(octets, text) == 0);
    octets->pos = 0;
    CHECK(sdp_decode(sdp, octets, is_offer) == 0);
    mem_deref(octets);
}

static void offer(const libmsrp_sdp *const *ours, size_t count, char *text) {
    struct sdp_media *medias[MAX_STREAMS];
    encode(call(ours, count, medias), true, text);
}

static void answer(const char *offer, const libmsrp_sdp *const *ours, size_t count, char *text) {
    struct sdp_media *medias[MAX_STREAMS];
    struct sdp_session *sdp = call(ours, count, medias);
    decode(sdp, offer, true);
    encode(sdp, false, text);
}

/* The protocols of the m= lines of a text; audio is NULL. */
static size_t protocols_of(const char *text, char protocols[MAX_STREAMS][32]) {
    size_t count = 0;
    for (const char *line = strstr(text, "m="); line; line = strstr(line + 1, "\nm=")) {
        CHECK(count < MAX_STREAMS);
        if (sscanf(line + (*line == '\n'), "m=message %*u %31s", protocols[count]) != 1) {
            protocols[count][0] = '\0';
        }
        count++;
    }
    return count;
}

static size_t read_sdp(const char *text, const char *offer, libmsrp_sdp **theirs) {
    char protocols[MAX_STREAMS][32];
    struct sdp_media *medias[MAX_STREAMS];
    struct sdp_session *sdp;
    const size_t count = protocols_of(offer ? offer : text, protocols);
    const libmsrp_sdp *none[MAX_STREAMS] = {NULL, NULL, NULL, NULL};
    sdp = call(none, 0, medias);
    for (size_t at = 0; at < count; at++) {
        if (protocols[at][0]) {
            CHECK(msrp_libre_add(&medias[at], sdp, protocols[at]) == 0);
        } else {
            CHECK(sdp_media_add(&medias[at], sdp, sdp_media_audio, 49170, sdp_proto_rtpavp) == 0);
        }
    }
    if (offer) {
        struct mbuf *ours;
        CHECK(sdp_encode(&ours, sdp, true) == 0);
        mem_deref(ours);
    }
    decode(sdp, text, offer == NULL);
    for (size_t at = 0; at < count; at++) {
        theirs[at] = NULL;
        if (protocols[at][0] && sdp_media_rport(medias[at]) != 0) {
            CHECK_OK(msrp_from_libre(sdp, medias[at], &theirs[at]));
        }
    }
    mem_deref(sdp);
    return count;
}

int main(void) {
    const stack libre = {"libre", 0, offer, answer, read_sdp};
    int status;
    CHECK(libre_init() == 0);
    status = agrees(&libre);
    libre_close();
    return status;
}
