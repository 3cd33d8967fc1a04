/*
 * Between libmsrp and the SDP objects of Sofia-SIP: an m=message section goes from one to the other value by value, and
 * no text is made for it. For hosts whose SIP stack is Sofia-SIP; take it as it is.
 *
 *   our offer or answer      libmsrp_session_local_sdp(), then msrp_to_sofia(): a media for the host's sdp_session_t
 *   the peer's               msrp_from_sofia() with a media that sdp_parse() read, then libmsrp_session_set_remote_sdp()
 */
#ifndef SOFIA_SDP_H
#define SOFIA_SDP_H

#include <libmsrp.h>

#include <sofia-sip/sdp.h>
#include <sofia-sip/su_alloc.h>

#include <string.h>

/* The directions are no attributes in Sofia-SIP: m_mode has them. */
static inline int sofia_mode_of(const char *name)
{
    static const char *const names[] = {"inactive", "sendonly", "recvonly", "sendrecv"};
    for (int mode = 0; mode < 4; mode++)
        if (strcmp(name, names[mode]) == 0)
            return mode;
    return -1;
}

/*
 * Our section as a media in that home, for sdp->sdp_media; NULL if there is no memory. The texts are copies, so ours may
 * be freed.
 */
static inline sdp_media_t *msrp_to_sofia(su_home_t *home, const libmsrp_sdp *ours)
{
    libmsrp_sdp_line line = LIBMSRP_SDP_LINE_INIT;
    if (libmsrp_sdp_get_line(ours, &line) != LIBMSRP_OK)
        return NULL;

    sdp_media_t *media = su_salloc(home, sizeof *media);
    sdp_list_t *formats = su_salloc(home, sizeof *formats);
    if (!media || !formats)
        return NULL;
    media->m_type = sdp_media_message;
    media->m_type_name = "message";
    media->m_port = line.port;
    media->m_rejected = line.port == 0;
    media->m_proto = sdp_proto_x; /* one that only its name tells */
    media->m_proto_name = su_strndup(home, (const char *)line.protocol.ptr, line.protocol.len);
    formats->l_text = "*";
    media->m_format = formats;
    media->m_mode = sdp_sendrecv;

    if (line.address.len > 0) {
        sdp_connection_t *address = su_salloc(home, sizeof *address);
        if (!address)
            return NULL;
        address->c_nettype = sdp_net_in;
        address->c_addrtype = memcmp(line.address_type.ptr, "IP6", 3) == 0 ? sdp_addr_ip6 : sdp_addr_ip4;
        address->c_address = su_strndup(home, (const char *)line.address.ptr, line.address.len);
        media->m_connections = address;
    }

    for (size_t at = 0; at < libmsrp_sdp_attribute_count(ours); at++) {
        libmsrp_header attribute;
        if (libmsrp_sdp_attribute(ours, at, &attribute) != LIBMSRP_OK)
            return NULL;
        /* Texts of a section end in NUL, too. */
        const int mode = sofia_mode_of((const char *)attribute.name.ptr);
        if (mode >= 0) {
            media->m_mode = (unsigned)mode & 3;
            continue;
        }
        sdp_attribute_t *copy = su_salloc(home, sizeof *copy);
        if (!copy)
            return NULL;
        copy->a_name = su_strdup(home, (const char *)attribute.name.ptr);
        copy->a_value = attribute.value.ptr ? su_strdup(home, (const char *)attribute.value.ptr) : NULL;
        sdp_attribute_append(&media->m_attributes, copy);
    }
    return media;
}

/* Gives each attribute of a list to libmsrp_sdp_add_attribute() or libmsrp_sdp_add_default(). */
static inline libmsrp_result sofia_add(libmsrp_sdp *theirs, const sdp_attribute_t *list,
                                       libmsrp_result (*add)(libmsrp_sdp *, const uint8_t *, size_t, const uint8_t *,
                                                             size_t))
{
    for (; list; list = list->a_next) {
        const char *value = list->a_value ? list->a_value : "";
        const libmsrp_result result = add(theirs, LIBMSRP_TEXT(list->a_name), LIBMSRP_TEXT(value));
        if (result != LIBMSRP_OK)
            return result;
    }
    return LIBMSRP_OK;
}

/*
 * The peer's section from one of the medias of its SDP. *out is for libmsrp_sdp_free(). What is wrong with it is in
 * libmsrp_last_error(), as with a text.
 */
static inline libmsrp_result msrp_from_sofia(const sdp_session_t *sdp, const sdp_media_t *media, libmsrp_sdp **out)
{
    static const char *const modes[] = {"inactive", "sendonly", "recvonly", "sendrecv"};
    const sdp_connection_t *address = media->m_connections ? media->m_connections : sdp->sdp_connection;
    libmsrp_sdp_line line = LIBMSRP_SDP_LINE_INIT;
    line.media = LIBMSRP_SLICE(media->m_type_name);
    line.port = (uint32_t)media->m_port;
    line.port_count = (uint32_t)media->m_number_of_ports;
    line.protocol = LIBMSRP_SLICE(media->m_proto_name);
    if (media->m_format)
        line.formats = LIBMSRP_SLICE(media->m_format->l_text);
    if (address)
        line.address = LIBMSRP_SLICE(address->c_address);

    libmsrp_sdp *theirs;
    libmsrp_result result = libmsrp_sdp_new(&line, &theirs);
    if (result != LIBMSRP_OK)
        return result;
    result = sofia_add(theirs, sdp->sdp_attributes, libmsrp_sdp_add_default);
    if (result == LIBMSRP_OK)
        result = sofia_add(theirs, media->m_attributes, libmsrp_sdp_add_attribute);
    /* m_mode has the default of the session part in it already. */
    if (result == LIBMSRP_OK && media->m_mode != sdp_sendrecv)
        result = libmsrp_sdp_add_attribute(theirs, LIBMSRP_TEXT(modes[media->m_mode]), NULL, 0);
    if (result != LIBMSRP_OK) {
        libmsrp_sdp_free(theirs);
        return result;
    }
    *out = theirs;
    return LIBMSRP_OK;
}

#endif
