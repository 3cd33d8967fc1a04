//! SDP as values: sections attribute by attribute, and texts with several sessions.

use std::ffi::{CStr, CString};
use std::fmt;

use msrp_core::engine::{self, Engine, SessionHandle};
use msrp_core::error::{Error, ErrorKind, Result};
use msrp_core::sdp::{Attribute, MediaBuilder, MediaDescription, MediaLine, SessionDescription};

use crate::engine::libmsrp_engine;
use crate::entry::{self, ffi_entry};
use crate::error::libmsrp_result;
use crate::session::libmsrp_session;
use crate::signalling::{give, give_text, media_index, sdp_text};
use crate::sized::{self, sized};
use crate::text::{libmsrp_header, libmsrp_slice, libmsrp_text};

/// One m= section as values, for a host whose SIP stack keeps an SDP as objects: the values of its m= and c= line, and
/// its attributes one by one.
///
/// Ours comes from libmsrp_session_local_sdp(), as a later offer from libmsrp_session_offer_sdp(): read it with libmsrp_sdp_get_line() and, from 0 to
/// libmsrp_sdp_attribute_count() - 1, libmsrp_sdp_attribute(), and put the values into the stack's objects. sendrecv, the
/// default, is not among them: a host whose session part has a direction adds it. The peer's is
/// made with libmsrp_sdp_new(), libmsrp_sdp_add_default() for each attribute of the session part and
/// libmsrp_sdp_add_attribute() for each of the section, and goes to libmsrp_session_set_remote_sdp().
///
/// Ends with libmsrp_sdp_free(). It belongs to no engine and does not depend on the session that it came from. While one
/// thread adds to it no other may use it. Texts that it gives out are NUL-terminated behind their length, too, and valid
/// until libmsrp_sdp_free().
pub struct libmsrp_sdp {
    line: Line,
    attributes: Vec<(CString, Option<CString>)>,
    /// The text that it was read from, or its m= line.
    source: String,
    /// What a session takes; or why it does not.
    builder: Result<MediaBuilder>,
}

/// Without the attributes: a path is a secret (RFC 4975 §14.1).
impl fmt::Debug for libmsrp_sdp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("libmsrp_sdp")
            .field("line", &self.line)
            .field("attributes", &self.attributes.len())
            .finish_non_exhaustive()
    }
}

/// The values of an m= section that are no attributes.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_sdp_line {
    /// sizeof(libmsrp_sdp_line), set by LIBMSRP_SDP_LINE_INIT.
    pub struct_size: usize,
    /// The kind of media. Default: message.
    pub media: libmsrp_slice,
    /// The transport protocol, as `TCP/MSRP` or `TCP/TLS/MSRP`. Default: TCP/MSRP.
    pub protocol: libmsrp_slice,
    /// The format list. Default: *.
    pub formats: libmsrp_slice,
    /// The address of the c= line that counts: of the section, else of the session part. An IP address without brackets,
    /// or a name. Default: none.
    pub address: libmsrp_slice,
    /// IP4 or IP6, as the c= line of this address says it. Only given out; for libmsrp_sdp_new() it does not matter.
    pub address_type: libmsrp_slice,
    /// The title of the i= line. Default: none.
    pub title: libmsrp_slice,
    /// The port; 0 says that the stream is refused or ended.
    pub port: u32,
    /// The number of ports behind it (`7654/2`); MSRP has none or 1.
    pub port_count: u32,
}

sized!(libmsrp_sdp_line);

/// A session and its place in an SDP.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct libmsrp_sdp_stream {
    /// The session.
    pub session: libmsrp_session,
    /// Which m= line, from 0.
    pub index: u64,
}

#[derive(Debug)]
struct Line {
    media: CString,
    protocol: CString,
    formats: CString,
    address: CString,
    title: CString,
    port: u16,
    port_count: u16,
}

impl Line {
    fn address_type(&self) -> &'static CStr {
        match self.address.as_bytes() {
            [] => c"",
            address if address.contains(&b':') => c"IP6",
            _ => c"IP4",
        }
    }
}

impl libmsrp_sdp {
    /// A section of an SDP text, with the attributes of the session part.
    fn read<'a>(line: &MediaLine<'a>, defaults: impl Iterator<Item = Pair<'a>>) -> Self {
        let mut builder = MediaBuilder::new(line.media, line.port, line.protocol, line.formats);
        if let Ok(builder) = &mut builder {
            // What breaks a rule was found before.
            let _ = line.address.map(|address| builder.address(address));
            let _ = line.title.map(|title| builder.title(title));
            for (name, value) in defaults {
                let _ = builder.session_attribute(name, value);
            }
        }
        let mut section = Self {
            line: Line {
                media: c_text(line.media),
                protocol: c_text(line.protocol),
                formats: c_text(line.formats),
                address: c_text(line.address.unwrap_or_default()),
                title: c_text(line.title.unwrap_or_default()),
                port: line.port,
                port_count: line.port_count,
            },
            attributes: Vec::new(),
            source: line.text.to_owned(),
            builder,
        };
        for (name, value) in line.attributes() {
            section.show(name, value);
            if let Ok(builder) = &mut section.builder {
                let _ = builder.attribute(name, value);
            }
        }
        section
    }

    /// Gives it to the host, for libmsrp_sdp_free().
    fn into_raw(self) -> *mut Self {
        Box::into_raw(Box::new(self))
    }

    /// A description of the engine's.
    fn describe(description: &MediaDescription) -> Result<Self> {
        let text = description.to_media();
        let parsed = SessionDescription::parse(&text)?;
        let lost = || Error::local(ErrorKind::Internal, "description without a line");
        let line = parsed.media_lines().next().ok_or_else(lost)?;
        Ok(Self::read(&line, std::iter::empty()))
    }

    /// Its block.
    fn text(&self) -> Result<String> {
        match &self.builder {
            Ok(builder) if self.line.port != 0 => Ok(builder.clone().build()?.to_media()),
            // Of other media, or over: as it stands.
            _ => Ok(self.source.clone()),
        }
    }

    fn show(&mut self, name: &str, value: Option<&str>) {
        self.attributes.push((c_text(name), value.map(c_text)));
    }

    /// For adding to it.
    fn builder(&mut self) -> Result<&mut MediaBuilder> {
        self.builder.as_mut().map_err(|error| error.clone())
    }
}

type Pair<'a> = (&'a str, Option<&'a str>);

/// Makes a section with these values of its m= and c= line, for a peer's attributes. line may not be NULL. *out is for
/// libmsrp_sdp_free().
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: line or out is NULL, a text is not UTF-8, or the port is above 65535;
/// LIBMSRP_ERR_INVALID_SDP: the media is not message, the protocol is not one of MSRP, the formats do not begin with *, there
/// are several ports, or the address or title cannot stand in a line (RFC 4975 §8.1); LIBMSRP_ERR_INTERNAL. Legal in
/// callbacks, from any thread, in a forked child.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_sdp_new(
    line: *const libmsrp_sdp_line,
    out: *mut *mut libmsrp_sdp,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        // SAFETY: the header's contract.
        let _ = unsafe { entry::reference(line, "line") }?;
        // SAFETY: the header's contract.
        let line = unsafe { sized::read(line, "line") }?;
        // SAFETY: the header's contract.
        let media = unsafe { line.media.text("line.media") }?.unwrap_or("message");
        // SAFETY: the header's contract.
        let protocol = unsafe { line.protocol.text("line.protocol") }?.unwrap_or("TCP/MSRP");
        // SAFETY: the header's contract.
        let formats = unsafe { line.formats.text("line.formats") }?.unwrap_or("*");
        // SAFETY: the header's contract.
        let address = unsafe { line.address.text("line.address") }?;
        // SAFETY: the header's contract.
        let title = unsafe { line.title.text("line.title") }?;
        let port = u16::try_from(line.port).map_err(|_| {
            Error::invalid_argument(format!("line.port {} exceeds 65535", line.port))
        })?;
        let mut builder = MediaBuilder::new(media, port, protocol, formats)?;
        builder.port_count(line.port_count.max(1))?;
        address.map_or(Ok(()), |address| builder.address(address))?;
        title.map_or(Ok(()), |title| builder.title(title))?;
        out.set(Box::into_raw(Box::new(libmsrp_sdp {
            line: Line {
                media: c_text(media),
                protocol: c_text(protocol),
                formats: c_text(formats),
                address: c_text(address.unwrap_or_default()),
                title: c_text(title.unwrap_or_default()),
                port,
                port_count: 1,
            },
            attributes: Vec::new(),
            source: format!("m={media} {port} {protocol} {formats}\r\n"),
            builder: Ok(builder),
        })));
    })
}

/// Adds an attribute of the session part, which may be a default of the section: setup, a direction, fingerprint. All
/// others are passed over, so a host can give all of them. value_len 0: an attribute that is a name alone.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: sdp or name is NULL, or a text is not UTF-8;
/// LIBMSRP_ERR_INVALID_SDP: the value breaks a rule, which the text of the error names with the attribute;
/// LIBMSRP_ERR_LIMIT: more than 1024 attributes or 256 KiB; LIBMSRP_ERR_INTERNAL. Legal in callbacks, from any thread, in
/// a forked child.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_sdp_add_default(
    sdp: *mut libmsrp_sdp,
    name: *const u8,
    name_len: usize,
    value: *const u8,
    value_len: usize,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let sdp = unsafe { entry::exclusive(sdp, "sdp") }?;
        // SAFETY: the header's contract.
        let (name, value) = unsafe { attribute(name, name_len, value, value_len) }?;
        sdp.builder()?.session_attribute(name, value)?;
    })
}

/// Adds an attribute of the section, its name without `a=`. value_len 0: an attribute that is a name alone.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: sdp or name is NULL, or a text is not UTF-8;
/// LIBMSRP_ERR_INVALID_SDP: the value breaks a rule, which the text of the error names with the attribute, it is a second
/// path or direction, or the section is not one of MSRP; LIBMSRP_ERR_LIMIT: more than 1024 attributes or 256 KiB;
/// LIBMSRP_ERR_INTERNAL. On an error nothing was added. Legal in callbacks, from any thread, in a forked child.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_sdp_add_attribute(
    sdp: *mut libmsrp_sdp,
    name: *const u8,
    name_len: usize,
    value: *const u8,
    value_len: usize,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let sdp = unsafe { entry::exclusive(sdp, "sdp") }?;
        // SAFETY: the header's contract.
        let (name, value) = unsafe { attribute(name, name_len, value, value_len) }?;
        sdp.builder()?.attribute(name, value)?;
        sdp.show(name, value);
    })
}

/// How many m= lines an SDP text has: a whole SDP, or m= blocks.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: text or out is NULL; LIBMSRP_ERR_INVALID_SDP: it is no SDP,
/// or not UTF-8; LIBMSRP_ERR_LIMIT: it has more than 256 KiB, 4096 lines, 64 m= lines or 1024 attributes in a
/// section; LIBMSRP_ERR_INTERNAL. Legal in
/// callbacks, from any thread, in a forked child.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_sdp_count(
    text: *const u8,
    len: usize,
    out: *mut usize,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        // SAFETY: the header's contract.
        let text = unsafe { sdp_text(text, len, "text") }?;
        out.set(SessionDescription::parse(text)?.media_lines().len());
    })
}

/// Reads one m= section of an SDP text: the line of that index, from 0, of whatever media, or with LIBMSRP_FIRST_MEDIA the
/// first one of MSRP that can be used. One of MSRP has to keep the rules, unless its port is 0. *out is for
/// libmsrp_sdp_free().
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: text or out is NULL, or there is no such m= line;
/// LIBMSRP_ERR_INVALID_SDP: the text of the error names the line and the rule; LIBMSRP_ERR_GONE: LIBMSRP_FIRST_MEDIA, and
/// the lines of MSRP have port 0; LIBMSRP_ERR_LIMIT: as for libmsrp_sdp_count(); LIBMSRP_ERR_INTERNAL. Legal in callbacks,
/// from any thread, in a forked child.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_sdp_parse(
    text: *const u8,
    len: usize,
    index: i32,
    out: *mut *mut libmsrp_sdp,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        // SAFETY: the header's contract.
        let text = unsafe { sdp_text(text, len, "text") }?;
        let parsed = SessionDescription::parse(text)?;
        let index = match media_index(index)? {
            None => parsed.select(None)?.0,
            Some(index) => index,
        };
        let line = parsed.media_line(index)?;
        if line.is_msrp() && line.port != 0 {
            parsed.select(Some(index))?;
        }
        let section = libmsrp_sdp::read(&line, parsed.attributes());
        out.set(section.into_raw());
    })
}

/// The values of its m= and c= line, into *out: begin with LIBMSRP_SDP_LINE_INIT. Its texts are the section's.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: sdp or out is NULL, or struct_size is none; LIBMSRP_ERR_INTERNAL.
/// Legal in callbacks, from any thread, in a forked child.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_sdp_get_line(
    sdp: *const libmsrp_sdp,
    out: *mut libmsrp_sdp_line,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let sdp = unsafe { entry::reference(sdp, "sdp") }?;
        // SAFETY: the header's contract.
        let _ = unsafe { entry::reference(out, "out") }?;
        let line = &sdp.line;
        let value = libmsrp_sdp_line {
            struct_size: size_of::<libmsrp_sdp_line>(),
            media: slice(&line.media),
            protocol: slice(&line.protocol),
            formats: slice(&line.formats),
            address: slice(&line.address),
            address_type: slice(line.address_type()),
            title: slice(&line.title),
            port: line.port.into(),
            port_count: line.port_count.into(),
        };
        // SAFETY: the header's contract.
        unsafe { sized::write(out, &value, "out") }?;
    })
}

/// How many attributes the section has. 0 for NULL.
///
/// Cannot fail; legal in callbacks, from any thread, in a forked child.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_sdp_attribute_count(sdp: *const libmsrp_sdp) -> usize {
    // SAFETY: NULL or a section that was not freed, by this function's contract.
    unsafe { sdp.as_ref() }.map_or(0, |sdp| sdp.attributes.len())
}

/// One attribute, index from 0 in the order in which they stand: its name without `a=`, and its value, whose ptr is NULL for
/// one that is a name alone. The texts are the section's.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: sdp or out is NULL, or there are not so many; LIBMSRP_ERR_INTERNAL.
/// Legal in callbacks, from any thread, in a forked child.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_sdp_attribute(
    sdp: *const libmsrp_sdp,
    index: usize,
    out: *mut libmsrp_header,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let sdp = unsafe { entry::reference(sdp, "sdp") }?;
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        let (name, value) = sdp.attributes.get(index).ok_or_else(|| {
            Error::invalid_argument(format!(
                "attribute index {index} is out of range: the section has {}",
                sdp.attributes.len()
            ))
        })?;
        out.set(libmsrp_header {
            name: slice(name),
            value: value.as_deref().map_or(libmsrp_slice::NONE, slice),
        });
    })
}

/// The section as an m= block with its CRLFs, for texts and for libmsrp_session_prepare_remote(); attributes of the session
/// part that are defaults of it stand in the block. *out is for libmsrp_text_free().
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: sdp or out is NULL; LIBMSRP_ERR_INVALID_SDP: path or accept-types is
/// missing in a section of MSRP; LIBMSRP_ERR_INTERNAL. Legal in callbacks, from any thread, in a forked child.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_sdp_text(
    sdp: *const libmsrp_sdp,
    out: *mut *mut libmsrp_text,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let sdp = unsafe { entry::reference(sdp, "sdp") }?;
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        out.set(libmsrp_text::into_raw(sdp.text()?));
    })
}

/// Ends a section. NULL is allowed and does nothing.
///
/// Cannot fail; legal in callbacks, from any thread, in a forked child. Call it once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_sdp_free(sdp: *mut libmsrp_sdp) {
    if !sdp.is_null() {
        // SAFETY: made by `into_raw` and not freed before, by this function's contract.
        drop(unsafe { Box::from_raw(sdp) });
    }
}

/// The answer that refuses every stream of an offer with port 0 (RFC 3264 §6), for index LIBMSRP_FIRST_MEDIA; with the index
/// of an m= line, from 0, only the line that refuses that one, for a host that builds its own SDP. last: the last SDP, offer
/// or answer, that this side sent in the same dialog, whose o= line goes on; empty if there is none. *out is for
/// libmsrp_text_free().
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: offer or out is NULL, or there is no such m= line;
/// LIBMSRP_ERR_INVALID_SDP: offer or last is no SDP; LIBMSRP_ERR_LIMIT: as for libmsrp_sdp_count(); LIBMSRP_ERR_INTERNAL.
/// Legal in callbacks, from any thread, in a forked child.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_sdp_refuse(
    offer: *const u8,
    offer_len: usize,
    index: i32,
    last: *const u8,
    last_len: usize,
    out: *mut *mut libmsrp_text,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let out = unsafe { entry::out(out, "out") }?;
        // SAFETY: the header's contract.
        let offer = unsafe { sdp_text(offer, offer_len, "offer") }?;
        // SAFETY: the header's contract.
        let last = unsafe { last_sdp(last, last_len) }?;
        let answer = engine::refuse(offer, media_index(index)?, last)?;
        out.set(libmsrp_text::into_raw(answer));
    })
}

/// Makes one whole SDP that offers several sessions, each on the m= line of its index. Without last (empty) a minimal one
/// with the lines of these sessions alone, indices from 0 without a gap.
///
/// last is the last SDP, offer or answer, that this side sent in the same dialog: its session part and its other media are
/// kept as they are, its version is raised if anything changes, a line with port 0 may be taken by a new session, further
/// lines go last, and MSRP lines that no session takes are disabled with port 0 (RFC 3264 §8). *out is for
/// libmsrp_text_free().
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine, streams or out is NULL, stream_count is 0, an
/// index or session is there twice, a line is in use for other media, or there is a gap; LIBMSRP_ERR_INVALID_SDP: last is no
/// SDP; LIBMSRP_ERR_LIMIT: as for libmsrp_sdp_count(); LIBMSRP_ERR_BUSY: another offer of a session is open, ours or the
/// peer's (RFC 3264 §4); LIBMSRP_ERR_GONE: a session has ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks
/// and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_sdp_offer(
    engine: *mut libmsrp_engine,
    streams: *const libmsrp_sdp_stream,
    stream_count: usize,
    last: *const u8,
    last_len: usize,
    out: *mut *mut libmsrp_text,
) -> libmsrp_result {
    let make = |core: &Engine| {
        // SAFETY: the header's contract.
        let streams = unsafe { libmsrp_sdp_stream::read(streams, stream_count) }?;
        // SAFETY: the header's contract.
        core.offer_sessions(&streams, unsafe { last_sdp(last, last_len) }?)
    };
    // SAFETY: the header's contract.
    unsafe { give_text(engine, out, make) }
}

/// Takes an offer with several m=message lines, each for the session of its index, and makes the one SDP that answers it:
/// as many m= lines as the offer, all others refused with port 0. last: the last SDP, offer or answer, that this side sent
/// in the same dialog, whose o= line goes on; empty if there is none. *out is for libmsrp_text_free().
///
/// Either all sessions take their line or none is changed; the text of the error names the line whose fault it is. A session
/// whose line has port 0 ends, and its line is answered with port 0.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine, offer, streams or out is NULL, stream_count is 0, an
/// index or session is there twice, there is no such m= line, nobody could connect, or names have to be looked up
/// first (libmsrp_session_prepare_remote()); LIBMSRP_ERR_INVALID_SDP; LIBMSRP_ERR_LIMIT: as for libmsrp_sdp_count(); LIBMSRP_ERR_UNACCEPTED_TYPE: the peer takes
/// none of our types; LIBMSRP_ERR_BUSY: an offer of a session is open (RFC 3264 §4); LIBMSRP_ERR_GONE: a session has ended;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_sdp_answer(
    engine: *mut libmsrp_engine,
    offer: *const u8,
    offer_len: usize,
    streams: *const libmsrp_sdp_stream,
    stream_count: usize,
    last: *const u8,
    last_len: usize,
    out: *mut *mut libmsrp_text,
) -> libmsrp_result {
    let make = |core: &Engine| {
        // SAFETY: the header's contract.
        let offer = unsafe { sdp_text(offer, offer_len, "offer") }?;
        // SAFETY: the header's contract.
        let streams = unsafe { libmsrp_sdp_stream::read(streams, stream_count) }?;
        // SAFETY: the header's contract.
        core.answer_sessions(offer, &streams, unsafe { last_sdp(last, last_len) }?)
    };
    // SAFETY: the header's contract.
    unsafe { give_text(engine, out, make) }
}

/// Our m= section as values: an offer, or the answer to what the peer's side was set to. What
/// libmsrp_session_local_media() says as text. *out is for libmsrp_sdp_free().
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_GONE: the session has ended;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_local_sdp(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    out: *mut *mut libmsrp_sdp,
) -> libmsrp_result {
    let make = |core: &Engine| {
        let ours = core.local_description(SessionHandle(session))?;
        libmsrp_sdp::describe(&ours).map(libmsrp_sdp::into_raw)
    };
    // SAFETY: the header's contract.
    unsafe { give(engine, out, make) }
}

/// Our m= section as values, as a later offer, which is open until the peer's section is given. What
/// libmsrp_session_offer_media() says as text. *out is for libmsrp_sdp_free().
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_BUSY: another offer is open, ours or
/// the peer's (RFC 3264 §4); LIBMSRP_ERR_GONE: the session is closing or over; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL.
/// Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_offer_sdp(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    out: *mut *mut libmsrp_sdp,
) -> libmsrp_result {
    let make = |core: &Engine| {
        let ours = core.offer_description(SessionHandle(session))?;
        libmsrp_sdp::describe(&ours).map(libmsrp_sdp::into_raw)
    };
    // SAFETY: the header's contract.
    unsafe { give(engine, out, make) }
}

/// What the peer's m= section said last, attributes that are unknown here among it; *out is NULL before that, and where
/// there is only a path. What counts as absent is not there. *out is for libmsrp_sdp_free().
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or out is NULL; LIBMSRP_ERR_GONE: the session has ended;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_remote_sdp(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    out: *mut *mut libmsrp_sdp,
) -> libmsrp_result {
    let make = |core: &Engine| match core.remote_description(SessionHandle(session))? {
        Some(theirs) => libmsrp_sdp::describe(&theirs).map(libmsrp_sdp::into_raw),
        None => Ok(std::ptr::null_mut()),
    };
    // SAFETY: the header's contract.
    unsafe { give(engine, out, make) }
}

/// Takes the peer's m= section: the answer to our offer, or an offer that libmsrp_session_local_sdp() then answers. As
/// libmsrp_session_set_remote(), without a text. Port 0 ends the session: the stream was refused or is over. sdp stays the
/// host's, for libmsrp_sdp_free().
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine or sdp is NULL, nobody could connect, or names have to be looked
/// up first (libmsrp_session_prepare_remote()); LIBMSRP_ERR_INVALID_SDP: path or accept-types is missing, or the section is not one of MSRP;
/// LIBMSRP_ERR_INVALID_URI; LIBMSRP_ERR_UNACCEPTED_TYPE: the peer takes none of our types; LIBMSRP_ERR_GONE: the session has
/// ended; LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_set_remote_sdp(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    sdp: *const libmsrp_sdp,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let sdp = unsafe { entry::reference(sdp, "sdp") }?;
        let theirs = sdp.builder.clone()?;
        engine
            .core
            .set_remote_attributes(SessionHandle(session), theirs)?;
    })
}

/// Replaces libmsrp_session_options.attributes from the next offer or answer on: an answer may need others than an offer,
/// once the offer is known. attributes may be NULL where count is 0. Copied.
///
/// Returns LIBMSRP_OK; LIBMSRP_ERR_INVALID_ARGUMENT: engine is NULL, attributes is NULL and count is not 0, one of them is not
/// UTF-8 or cannot stand there, or there are more than 128 or 16 KiB; LIBMSRP_ERR_GONE: the session has ended;
/// LIBMSRP_ERR_FORKED; LIBMSRP_ERR_INTERNAL. Legal in callbacks and from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libmsrp_session_set_attributes(
    engine: *mut libmsrp_engine,
    session: libmsrp_session,
    attributes: *const libmsrp_header,
    count: usize,
) -> libmsrp_result {
    ffi_entry!({
        // SAFETY: the header's contract.
        let engine = unsafe { libmsrp_engine::borrow(engine) }?;
        // SAFETY: the header's contract.
        let attributes = unsafe { own_attributes(attributes, count, "attributes") }?;
        engine
            .core
            .set_attributes(SessionHandle(session), attributes)?;
    })
}

/// Borrows the last SDP of this side, if there is one.
///
/// # Safety
/// As [`sdp_text`].
unsafe fn last_sdp<'a>(last: *const u8, len: usize) -> Result<Option<&'a str>> {
    // SAFETY: the caller's promise.
    let last = unsafe { sdp_text(last, len, "last") }?;
    Ok((!last.is_empty()).then_some(last))
}

/// Copies attributes that the host adds to our section.
///
/// # Safety
/// As [`libmsrp_header::read`].
pub(crate) unsafe fn own_attributes(
    attributes: *const libmsrp_header,
    count: usize,
    name: &str,
) -> Result<Vec<Attribute>> {
    // SAFETY: the caller's promise.
    let pairs = unsafe { libmsrp_header::read(attributes, count, name) }?;
    let made = pairs.iter().map(|(name, value)| {
        let value = (!value.is_empty()).then_some(value.as_str());
        Attribute::new(name, value)
    });
    made.collect()
}

impl libmsrp_sdp_stream {
    /// Copies streams of the host.
    ///
    /// # Safety
    /// NULL, or valid for reads of `count` of them.
    unsafe fn read(streams: *const Self, count: usize) -> Result<Vec<(usize, SessionHandle)>> {
        if count > 0 && streams.is_null() {
            return Err(Error::invalid_argument(format!(
                "streams is NULL but its count is {count}"
            )));
        }
        if count > msrp_core::sdp::MAX_MEDIA_LINES {
            return Err(Error::invalid_argument(format!(
                "count {count} of streams exceeds {}",
                msrp_core::sdp::MAX_MEDIA_LINES
            )));
        }
        let copied = (0..count).map(|at| {
            // SAFETY: not NULL, and the host says that there are so many.
            let stream = unsafe { streams.add(at).read() };
            let index = usize::try_from(stream.index).unwrap_or(usize::MAX);
            (index, SessionHandle(stream.session))
        });
        Ok(copied.collect())
    }
}

/// An attribute's name and value.
///
/// # Safety
/// As [`entry::octets`], for as long as the call lasts.
unsafe fn attribute<'a>(
    name: *const u8,
    name_len: usize,
    value: *const u8,
    value_len: usize,
) -> Result<Pair<'a>> {
    // SAFETY: the caller's promise.
    let name = unsafe { entry::text(name, name_len, "name") }?;
    // SAFETY: the caller's promise.
    let value = unsafe { entry::text(value, value_len, "value") }?;
    Ok((name, (!value.is_empty()).then_some(value)))
}

/// A text without NUL: lines with one were refused before.
fn c_text(text: &str) -> CString {
    CString::new(text).unwrap_or_default()
}

fn slice(text: &CStr) -> libmsrp_slice {
    libmsrp_slice {
        ptr: text.as_ptr().cast(),
        len: text.to_bytes().len(),
    }
}
