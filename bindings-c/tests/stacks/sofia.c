/* The SDP objects of Sofia-SIP. */

#include "stacks.h"

#include "../../../examples/c/sofia_sdp.h"

static const sdp_media_t *parse(su_home_t *home, const char *text, const sdp_session_t **out) {
    sdp_parser_t *parser = sdp_parse(home, text, (issize_t)strlen(text), sdp_f_strict);
    if (sdp_parsing_error(parser)) {
        fprintf(stderr, "Sofia-SIP: %s\n%s", sdp_parsing_error(parser), text);
    }
    CHECK(sdp_parsing_error(parser) == NULL);
    CHECK(sdp_sanity_check(parser) == 0);
    *out = sdp_session(parser);
    return (*out)->sdp_media;
}

static void print(su_home_t *home, sdp_session_t *sdp, char *text) {
    sdp_printer_t *printer = sdp_print(home, sdp, text, SDP_LEN, 0);
    CHECK(sdp_printing_error(printer) == NULL);
    CHECK(sdp_message(printer) == text);
    sdp_printer_free(printer);
}

/* A session of these medias, and audio for what is NULL. */
static void compose(su_home_t *home, const libmsrp_sdp *const *ours, size_t count, unsigned long audio_port, char *text) {
    sdp_origin_t origin = {0};
    sdp_connection_t address = {0};
    sdp_time_t always = {0};
    sdp_session_t sdp = {0};
    sdp_media_t **next = &sdp.sdp_media;
    address.c_size = sizeof address;
    address.c_nettype = sdp_net_in;
    address.c_addrtype = sdp_addr_ip4;
    address.c_address = "127.0.0.1";
    origin.o_size = sizeof origin;
    origin.o_username = "-";
    origin.o_id = 1;
    origin.o_version = 1;
    origin.o_address = &address;
    always.t_size = sizeof always;
    sdp.sdp_size = sizeof sdp;
    sdp.sdp_origin = &origin;
    sdp.sdp_subject = "-";
    sdp.sdp_connection = &address;
    sdp.sdp_time = &always;
    for (size_t at = 0; at < count; at++) {
        sdp_media_t *media = ours[at] ? msrp_to_sofia(home, ours[at]) : su_salloc(home, sizeof *media);
        CHECK(media != NULL);
        if (ours[at] == NULL) {
            sdp_rtpmap_t *map = su_salloc(home, sizeof *map);
            map->rm_encoding = "PCMU";
            map->rm_rate = 8000;
            media->m_type = sdp_media_audio;
            media->m_type_name = "audio";
            media->m_port = audio_port;
            media->m_proto = sdp_proto_rtp;
            media->m_proto_name = "RTP/AVP";
            media->m_rtpmaps = map;
            media->m_mode = sdp_sendrecv;
        }
        media->m_session = &sdp;
        *next = media;
        next = &media->m_next;
    }
    print(home, &sdp, text);
}

static void offer(const libmsrp_sdp *const *ours, size_t count, char *text) {
    su_home_t home[1] = {SU_HOME_INIT(home)};
    su_home_init(home);
    compose(home, ours, count, 49170, text);
    su_home_deinit(home);
}

static void answer(const char *offer, const libmsrp_sdp *const *ours, size_t count, char *text) {
    su_home_t home[1] = {SU_HOME_INIT(home)};
    const sdp_session_t *theirs;
    size_t lines = 0;
    su_home_init(home);
    for (const sdp_media_t *media = parse(home, offer, &theirs); media; media = media->m_next) {
        lines++;
    }
    CHECK(lines == count);
    compose(home, ours, count, 0, text);
    su_home_deinit(home);
}

static size_t read_sdp(const char *text, const char *offer, libmsrp_sdp **theirs) {
    su_home_t home[1] = {SU_HOME_INIT(home)};
    const sdp_session_t *sdp;
    size_t count = 0;
    (void)offer;
    su_home_init(home);
    for (const sdp_media_t *media = parse(home, text, &sdp); media; media = media->m_next, count++) {
        CHECK(count < MAX_STREAMS);
        theirs[count] = NULL;
        if (media->m_type == sdp_media_message && !media->m_rejected) {
            CHECK_OK(msrp_from_sofia(sdp, media, &theirs[count]));
        }
    }
    su_home_deinit(home);
    return count;
}

int main(void) {
    const stack sofia = {"sofia", 1, offer, answer, read_sdp};
    return agrees(&sofia);
}
