/*
 * Between libmsrp and the SDP objects of libre: an m=message section goes from one to the other value by value, and no
 * text is made for it. For hosts whose SIP stack is libre, as baresip's is; take it as it is.
 *
 *   a stream of the call     msrp_libre_add(), once, before the first sdp_encode() or sdp_decode()
 *   our offer or answer      libmsrp_session_local_sdp(), then msrp_to_libre(), then sdp_encode()
 *   the peer's               sdp_decode(), then msrp_from_libre(), then libmsrp_session_set_remote_sdp()
 *
 * libre takes no names in c= lines: sessions need IP addresses as their hosts.
 */
#ifndef LIBRE_SDP_H
#define LIBRE_SDP_H

#include <libmsrp.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* Its header takes these for granted. */
#include <re.h>

/* The directions are no attributes in libre: they have a function. */
static inline int libre_direction_of(const char *name)
{
    static const enum sdp_dir all[] = {SDP_INACTIVE, SDP_RECVONLY, SDP_SENDONLY, SDP_SENDRECV};
    for (int at = 0; at < 4; at++)
        if (strcmp(name, sdp_dir_name(all[at])) == 0)
            return (int)all[at];
    return -1;
}

/*
 * A media for an MSRP stream in the SDP of a call. protocol is TCP/MSRP or TCP/TLS/MSRP: what msrp_to_libre() will say, or
 * what the offer says. Returns 0 or an errno value, as libre does.
 */
static inline int msrp_libre_add(struct sdp_media **out, struct sdp_session *sdp, const char *protocol)
{
    struct sdp_media *media;
    int err = sdp_media_add(&media, sdp, "message", 9, protocol);
    if (err)
        return err;
    sdp_media_set_fmt_ignore(media, true);
    err = sdp_format_add(NULL, media, false, "*", NULL, 0, 0, NULL, NULL, NULL, false, NULL);
    *out = media;
    return err;
}

/* Gives all values of our section to that media, in place of what it gave before. Returns 0 or an errno value. */
static inline int msrp_to_libre(struct sdp_media *media, const libmsrp_sdp *ours)
{
    static const char *const optional[] = {"accept-wrapped-types", "fingerprint", "max-size", "msrp-cema"};
    libmsrp_sdp_line line = LIBMSRP_SDP_LINE_INIT;
    if (libmsrp_sdp_get_line(ours, &line) != LIBMSRP_OK)
        return EINVAL;
    sdp_media_set_lport(media, (uint16_t)line.port);
    if (line.address.len > 0) {
        struct sa address;
        const int err = sa_set_str(&address, (const char *)line.address.ptr, (uint16_t)line.port);
        if (err)
            return err; /* a name */
        sdp_media_set_laddr(media, &address);
    }
    sdp_media_set_ldir(media, SDP_SENDRECV);
    for (size_t at = 0; at < sizeof optional / sizeof *optional; at++)
        sdp_media_del_lattr(media, optional[at]);
    for (size_t at = 0; at < libmsrp_sdp_attribute_count(ours); at++) {
        libmsrp_header attribute;
        if (libmsrp_sdp_attribute(ours, at, &attribute) != LIBMSRP_OK)
            return EINVAL;
        sdp_media_del_lattr(media, (const char *)attribute.name.ptr);
    }
    for (size_t at = 0; at < libmsrp_sdp_attribute_count(ours); at++) {
        libmsrp_header attribute;
        int err;
        if (libmsrp_sdp_attribute(ours, at, &attribute) != LIBMSRP_OK)
            return EINVAL;
        /* Texts of a section end in NUL, too. */
        const char *name = (const char *)attribute.name.ptr;
        const int direction = libre_direction_of(name);
        if (direction >= 0) {
            sdp_media_set_ldir(media, (enum sdp_dir)direction);
            continue;
        }
        err = attribute.value.ptr ? sdp_media_set_lattr(media, false, name, "%s", (const char *)attribute.value.ptr)
                                  : sdp_media_set_lattr(media, false, name, NULL);
        if (err)
            return err;
    }
    return 0;
}

/* What msrp_from_libre() is doing, for the functions that libre calls. */
struct libre_reading {
    libmsrp_sdp *theirs;
    libmsrp_result result;
};

static inline bool libre_attribute(const char *name, const char *value, void *arg)
{
    struct libre_reading *reading = arg;
    reading->result = libmsrp_sdp_add_attribute(reading->theirs, LIBMSRP_TEXT(name), LIBMSRP_TEXT(value ? value : ""));
    return reading->result != LIBMSRP_OK; /* true: no more */
}

static inline bool libre_default(const char *name, const char *value, void *arg)
{
    struct libre_reading *reading = arg;
    reading->result = libmsrp_sdp_add_default(reading->theirs, LIBMSRP_TEXT(name), LIBMSRP_TEXT(value ? value : ""));
    return reading->result != LIBMSRP_OK;
}

/*
 * The peer's section from a media of the call. *out is for libmsrp_sdp_free(). What is wrong with it is in
 * libmsrp_last_error(), as with a text.
 */
static inline libmsrp_result msrp_from_libre(const struct sdp_session *sdp, const struct sdp_media *media,
                                             libmsrp_sdp **out)
{
    char address[64] = "";
    libmsrp_sdp_line line = LIBMSRP_SDP_LINE_INIT;
    line.media = LIBMSRP_SLICE(sdp_media_name(media));
    line.protocol = LIBMSRP_SLICE(sdp_media_proto(media));
    line.port = sdp_media_rport(media);
    if (sa_isset(sdp_media_raddr(media), SA_ADDR) && re_snprintf(address, sizeof address, "%j", sdp_media_raddr(media)) > 0)
        line.address = LIBMSRP_SLICE(address);

    struct libre_reading reading = {NULL, LIBMSRP_OK};
    reading.result = libmsrp_sdp_new(&line, &reading.theirs);
    if (reading.result != LIBMSRP_OK)
        return reading.result;
    sdp_session_rattr_apply(sdp, NULL, libre_default, &reading);
    if (reading.result == LIBMSRP_OK)
        sdp_media_rattr_apply(media, NULL, libre_attribute, &reading);
    /*
     * libre tells the peer's direction from our side, so that recvonly means that the peer said sendonly; the default of
     * the session part is in it already.
     */
    enum sdp_dir direction = sdp_media_rdir(media);
    if (direction == SDP_RECVONLY || direction == SDP_SENDONLY)
        direction = direction == SDP_RECVONLY ? SDP_SENDONLY : SDP_RECVONLY;
    if (reading.result == LIBMSRP_OK && direction != SDP_SENDRECV)
        reading.result = libmsrp_sdp_add_attribute(reading.theirs, LIBMSRP_TEXT(sdp_dir_name(direction)), NULL, 0);
    if (reading.result != LIBMSRP_OK) {
        libmsrp_sdp_free(reading.theirs);
        return reading.result;
    }
    *out = reading.theirs;
    return LIBMSRP_OK;
}

#endif
