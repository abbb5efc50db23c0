//! What a camera sends over its RTSP connection, with descriptions written so that they can be read, and nothing without a bound.
//! A value without I/O: bytes in, bytes out.
//!
//! Mended in a description (SDP, RFC 8866), and nowhere else: no address after `IN IP4` in `o=` and `c=` lines, and empty format
//! parameters at the end of an `a=fmtp` line.

/// The start and headers of a message, bytes.
pub(crate) const MAX_HEAD: usize = 64 << 10;
/// The body of a message, bytes: a description of every stream and oddity is some thousands.
pub(crate) const MAX_BODY: usize = 256 << 10;

/// More than any camera sends: it has lost step, or does not mean well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TooLong {
    /// A message's headers do not end.
    #[error("{MAX_HEAD} bytes of an RTSP message without the end of its headers")]
    Head,
    /// A message's body is announced to be this long.
    #[error("an RTSP message with a body of {0} bytes, at most {MAX_BODY} are taken")]
    Body(u64),
}

/// Where in the stream of bytes it is.
#[derive(Debug)]
pub(crate) enum Repair {
    /// At the head of a message, or of a packet (RFC 2326, 10.12), of which this much is there.
    Head(Vec<u8>),
    /// In what passes as it is, with so many bytes to come.
    Passing(usize),
    /// In a description.
    Description {
        head: Vec<u8>,
        body: Vec<u8>,
        length: usize,
    },
}

impl Default for Repair {
    fn default() -> Self {
        Self::Head(Vec::new())
    }
}

impl Repair {
    /// Takes bytes as they came and appends to `out` what is to be passed on. After an error, nothing more can be.
    pub(crate) fn take(&mut self, mut input: &[u8], out: &mut Vec<u8>) -> Result<(), TooLong> {
        while !input.is_empty() {
            match self {
                Self::Passing(left) => {
                    let n = input.len().min(*left);
                    out.extend_from_slice(&input[..n]);
                    input = &input[n..];
                    *left -= n;
                    if *left == 0 {
                        *self = Self::default();
                    }
                }
                Self::Description { head, body, length } => {
                    let n = input.len().min(*length - body.len());
                    body.extend_from_slice(&input[..n]);
                    input = &input[n..];
                    if body.len() == *length {
                        let mended = description(body);
                        out.extend(with_length(head, mended.len()));
                        out.extend(mended);
                        *self = Self::default();
                    }
                }
                Self::Head(held) => {
                    // Byte by byte: heads are short, and packets have four of them.
                    held.push(input[0]);
                    input = &input[1..];
                    if let Some(next) = after_head(held, out)? {
                        *self = next;
                    }
                }
            }
        }
        Ok(())
    }
}

/// What follows, once a head is whole.
fn after_head(held: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<Option<Repair>, TooLong> {
    if held[0] == b'$' {
        let [_, _, high, low] = held[..] else {
            return Ok(None);
        };
        out.append(held);
        let length = usize::from(u16::from_be_bytes([high, low]));
        return Ok(Some(passing(length)));
    }
    // Some send empty lines between messages.
    if held[..] == *b"\r\n" || held[..] == *b"\n" {
        out.append(held);
        return Ok(Some(Repair::default()));
    }
    if !held.ends_with(b"\r\n\r\n") && !held.ends_with(b"\n\n") {
        return if held.len() >= MAX_HEAD {
            Err(TooLong::Head)
        } else {
            Ok(None)
        };
    }
    let text = String::from_utf8_lossy(held);
    let length = header(&text, "content-length").map_or(0, |v| v.parse().unwrap_or(u64::MAX));
    if length > MAX_BODY as u64 {
        return Err(TooLong::Body(length));
    }
    let length = length as usize;
    let described = header(&text, "content-type").is_some_and(|v| v.contains("sdp"));
    if described && length > 0 {
        return Ok(Some(Repair::Description {
            head: std::mem::take(held),
            body: Vec::with_capacity(length),
            length,
        }));
    }
    out.append(held);
    Ok(Some(passing(length)))
}

fn passing(length: usize) -> Repair {
    if length == 0 {
        Repair::default()
    } else {
        Repair::Passing(length)
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let named = |line: &'a str| {
        let (n, value) = line.split_once(':')?;
        n.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    };
    head.lines().find_map(named)
}

/// The head with another `Content-Length`.
fn with_length(head: &[u8], length: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(head.len() + 8);
    for line in head.split_inclusive(|b| *b == b'\n') {
        let name = line.split(|b| *b == b':').next().unwrap_or_default();
        if name.trim_ascii().eq_ignore_ascii_case(b"content-length") {
            out.extend(format!("Content-Length: {length}\r\n").bytes());
        } else {
            out.extend(line);
        }
    }
    out
}

/// The description with its oddities mended.
fn description(sdp: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(sdp.len() + 32);
    for line in sdp.split_inclusive(|b| *b == b'\n') {
        let text = line.trim_ascii_end();
        let (kept, added): (&[u8], &[u8]) = if is_without_address(text, b"IN IP4") {
            (text, b" 0.0.0.0\r\n")
        } else if is_without_address(text, b"IN IP6") {
            (text, b" ::\r\n")
        } else if text.starts_with(b"a=fmtp:") {
            let used = text.iter().rposition(|b| !matches!(b, b';' | b' '));
            (&text[..used.map_or(0, |last| last + 1)], b"\r\n")
        } else {
            (line, b"")
        };
        out.extend(kept);
        out.extend(added);
    }
    out
}

fn is_without_address(line: &[u8], kind: &[u8]) -> bool {
    (line.starts_with(b"o=") || line.starts_with(b"c=")) && line.ends_with(kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BROKEN: &str = "v=0\r\no=- 1 1 IN IP4\r\ns=x\r\nc=IN IP4 \r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=fmtp:96 a=b; c=d;; \r\na=control:v\r\n";
    const MENDED: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=x\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=fmtp:96 a=b; c=d\r\na=control:v\r\n";

    fn message(sdp: &str) -> String {
        format!(
            "RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\nX: y\r\n\r\n{sdp}",
            sdp.len()
        )
    }

    #[test]
    fn a_description_is_mended_and_the_rest_passes() {
        let packet = b"$\x00\x00\x05\r\n\r\n$";
        let other = b"RTSP/1.0 200 OK\r\nCSeq: 3\r\nContent-Length: 4\r\n\r\n$$$$";
        let mut input = packet.to_vec();
        input.extend(message(BROKEN).bytes());
        input.extend(packet);
        input.extend(other);
        input.extend(packet);
        let mut wanted = packet.to_vec();
        wanted.extend(message(MENDED).bytes());
        wanted.extend(packet);
        wanted.extend(other);
        wanted.extend(packet);
        // However it is cut.
        for size in [1, 2, 3, 7, 100, 10_000] {
            let (mut repair, mut out) = (Repair::default(), Vec::new());
            for piece in input.chunks(size) {
                repair.take(piece, &mut out).unwrap();
            }
            assert_eq!(
                String::from_utf8_lossy(&out),
                String::from_utf8_lossy(&wanted)
            );
        }
    }

    #[test]
    fn a_sound_description_is_not_touched() {
        let sdp = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nc=IN IP6 ::1\r\ni=IN IP4\r\n";
        assert_eq!(description(sdp.as_bytes()), sdp.as_bytes());
        assert_eq!(description(b"c=IN IP4"), b"c=IN IP4 0.0.0.0\r\n");
    }

    #[test]
    fn what_does_not_end_is_refused() {
        let (mut repair, mut out) = (Repair::default(), Vec::new());
        let line = [b'x'; 1000];
        let refused = (0..100).find_map(|_| repair.take(&line, &mut out).err());
        assert_eq!((refused, out.len()), (Some(TooLong::Head), 0));
        let mut repair = Repair::default();
        let head = b"RTSP/1.0 200 OK\r\nContent-Length: 99999999999\r\n\r\n";
        assert_eq!(
            repair.take(head, &mut out),
            Err(TooLong::Body(99_999_999_999))
        );
    }

    proptest! {
        #[test]
        fn what_is_held_is_bounded(bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b'$'), Just(b':')], 0..2000)) {
            let (mut repair, mut out) = (Repair::default(), Vec::new());
            let _ = repair.take(&bytes, &mut out);
            // A line that is mended grows by ten bytes, and is eight at least; a length may gain some digits.
            prop_assert!(out.len() <= bytes.len() * 3 + 64);
        }
    }
}
