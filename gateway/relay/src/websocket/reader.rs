//! What a client sends on a WebSocket (RFC 6455, 5), from bytes that arrive in any pieces. Sans-I/O; bounded: nothing longer
//! than the limit is ever held.

use crate::Close;

/// The longest payload of a control frame (RFC 6455, 5.5).
const MAX_CONTROL: usize = 125;

/// Something a client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A whole text message.
    Text(String),
    /// A whole binary message.
    Binary(Vec<u8>),
    /// To be answered by a pong with the same payload.
    Ping(Vec<u8>),
    /// An answer, or a sign of life.
    Pong,
    /// The client closes, with its code if it gave one. Nothing that follows is read.
    Close(Option<u16>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Binary,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    fin: bool,
    opcode: u8,
    mask: [u8; 4],
    len: usize,
}

/// The reading half.
#[derive(Debug)]
pub struct Reader {
    max: usize,
    /// Header bytes until they are complete: at most 14.
    header: Vec<u8>,
    frame: Option<Frame>,
    /// Payload of the frame being read, still masked.
    payload: Vec<u8>,
    /// A message of which not all fragments are here.
    message: Option<(Kind, Vec<u8>)>,
    done: bool,
}

impl Reader {
    /// Reads messages of at most `max` bytes.
    pub fn new(max: usize) -> Self {
        Self {
            max,
            header: Vec::new(),
            frame: None,
            payload: Vec::new(),
            message: None,
            done: false,
        }
    }

    /// Takes from `input` until an event is complete or all is taken; what is taken is cut off `input`'s front.
    ///
    /// # Errors
    /// How the connection must be closed: 1002 (protocol), 1007 (no UTF-8) or 1009 (too big).
    pub fn read(&mut self, input: &mut &[u8]) -> Result<Option<Event>, Close> {
        loop {
            if self.done {
                *input = &[];
                return Ok(None);
            }
            let frame = match self.frame {
                Some(frame) => frame,
                None => match self.read_header(input)? {
                    Some(frame) => *self.frame.insert(frame),
                    None => return Ok(None),
                },
            };
            let take = (frame.len - self.payload.len()).min(input.len());
            self.payload.extend_from_slice(&input[..take]);
            *input = &input[take..];
            if self.payload.len() < frame.len {
                return Ok(None);
            }
            self.frame = None;
            let mut payload = std::mem::take(&mut self.payload);
            for (byte, mask) in payload.iter_mut().zip(frame.mask.iter().cycle()) {
                *byte ^= mask;
            }
            if let Some(event) = self.frame_done(frame, payload)? {
                return Ok(Some(event));
            }
        }
    }

    fn read_header(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, Close> {
        loop {
            // What is known so far says how long the header is.
            let need = match self.header.get(1).map(|b| b & 0x7f) {
                None => 2,
                Some(126) => 8,
                Some(127) => 14,
                Some(_) => 6,
            };
            if self.header.len() >= need {
                break;
            }
            let Some((first, rest)) = input.split_first() else {
                return Ok(None);
            };
            self.header.push(*first);
            *input = rest;
            if self.header.len() == 2 {
                self.check_start(self.header[0], self.header[1])?;
            }
        }
        let h = std::mem::take(&mut self.header);
        let (len, mask_at) = match h[1] & 0x7f {
            126 => (u64::from(u16::from_be_bytes([h[2], h[3]])), 4),
            127 => (
                u64::from_be_bytes([h[2], h[3], h[4], h[5], h[6], h[7], h[8], h[9]]),
                10,
            ),
            n => (u64::from(n), 2),
        };
        let shortest = match mask_at {
            4 => len >= 126,
            10 => len > 0xffff && len < 1 << 63,
            _ => true,
        };
        if !shortest {
            return Err(protocol("a length that is not in its shortest form"));
        }
        let held = self.message.as_ref().map_or(0, |(_, m)| m.len());
        if len > (self.max - held.min(self.max)) as u64 && h[0] & 0x8 == 0 {
            return Err(Close::new(
                Close::TOO_BIG,
                format!("a message above {} bytes", self.max),
            ));
        }
        Ok(Some(Frame {
            fin: h[0] & 0x80 != 0,
            opcode: h[0] & 0xf,
            mask: [h[mask_at], h[mask_at + 1], h[mask_at + 2], h[mask_at + 3]],
            len: len as usize,
        }))
    }

    /// All that can be judged from a frame's first two bytes.
    fn check_start(&self, first: u8, second: u8) -> Result<(), Close> {
        if first & 0x70 != 0 {
            return Err(protocol("reserved bits are set but no extension is in use"));
        }
        if second & 0x80 == 0 {
            return Err(protocol("a client's frames must be masked"));
        }
        match (first & 0xf, &self.message) {
            (0x0, None) => Err(protocol("a continuation of nothing")),
            (0x1 | 0x2, Some(_)) => Err(protocol("a new message inside a fragmented one")),
            (0x0..=0x2, _) => Ok(()),
            (0x8..=0xa, _) if first & 0x80 == 0 => Err(protocol("a fragmented control frame")),
            (0x8..=0xa, _) if usize::from(second & 0x7f) > MAX_CONTROL => {
                Err(protocol("a control frame above 125 bytes"))
            }
            (0x8..=0xa, _) => Ok(()),
            (opcode, _) => Err(protocol(format!("opcode {opcode} is not defined"))),
        }
    }

    fn frame_done(&mut self, frame: Frame, payload: Vec<u8>) -> Result<Option<Event>, Close> {
        let (kind, whole) = match frame.opcode {
            0x8 => {
                self.done = true;
                return closing(&payload).map(|code| Some(Event::Close(code)));
            }
            0x9 => return Ok(Some(Event::Ping(payload))),
            0xa => return Ok(Some(Event::Pong)),
            0x0 => {
                let Some((kind, mut message)) = self.message.take() else {
                    return Err(protocol("a continuation of nothing"));
                };
                message.extend_from_slice(&payload);
                (kind, message)
            }
            0x1 => (Kind::Text, payload),
            _ => (Kind::Binary, payload),
        };
        if !frame.fin {
            self.message = Some((kind, whole));
            return Ok(None);
        }
        match kind {
            Kind::Binary => Ok(Some(Event::Binary(whole))),
            Kind::Text => match String::from_utf8(whole) {
                Ok(text) => Ok(Some(Event::Text(text))),
                Err(_) => Err(not_utf8("a text message")),
            },
        }
    }
}

/// The code in a close frame (RFC 6455, 7.4).
fn closing(payload: &[u8]) -> Result<Option<u16>, Close> {
    let Some((code, text)) = payload.split_first_chunk::<2>() else {
        return match payload {
            [] => Ok(None),
            _ => Err(protocol("a close frame of one byte")),
        };
    };
    let code = u16::from_be_bytes(*code);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(protocol(format!("close code {code} may not be sent")));
    }
    if std::str::from_utf8(text).is_err() {
        return Err(not_utf8("a close reason"));
    }
    Ok(Some(code))
}

fn protocol(text: impl Into<String>) -> Close {
    Close::new(Close::PROTOCOL, text)
}

fn not_utf8(what: &str) -> Close {
    Close::new(Close::NOT_UTF8, format!("{what} is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A client's frame as the standard has it.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![first];
        match payload.len() {
            n @ 0..126 => out.push(0x80 | n as u8),
            n @ 126..65536 => {
                out.push(0x80 | 126);
                out.extend_from_slice(&(n as u16).to_be_bytes());
            }
            n => {
                out.push(0x80 | 127);
                out.extend_from_slice(&(n as u64).to_be_bytes());
            }
        }
        let mask = [0x37, 0xfa, 0x21, 0x3d];
        out.extend_from_slice(&mask);
        out.extend(payload.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m));
        out
    }

    fn read_all(bytes: &[u8], piece: usize) -> Result<Vec<Event>, Close> {
        let (mut reader, mut events) = (Reader::new(4096), Vec::new());
        for mut part in bytes.chunks(piece.max(1)) {
            while let Some(event) = reader.read(&mut part)? {
                events.push(event);
            }
            assert!(part.is_empty());
        }
        Ok(events)
    }

    fn code(bytes: &[u8]) -> u16 {
        read_all(bytes, usize::MAX).unwrap_err().code
    }

    #[test]
    fn a_ping_between_fragments_is_read_at_once() {
        let bytes = [
            frame(0x01, b"Hel"),
            frame(0x89, b"you?"),
            frame(0x80, b"lo"),
            frame(0x8a, b""),
            frame(0x88, &[0x03, 0xe8]),
            vec![0xff; 40],
        ]
        .concat();
        for piece in [1, 2, 3, 7, 1000] {
            assert_eq!(
                read_all(&bytes, piece).unwrap(),
                [
                    Event::Ping(b"you?".into()),
                    Event::Text("Hello".into()),
                    Event::Pong,
                    Event::Close(Some(1000))
                ]
            );
        }
    }

    #[test]
    fn what_the_standard_forbids_is_refused() {
        assert_eq!(code(&[0x81, 0x02, b'h', b'i']), 1002, "unmasked");
        assert_eq!(code(&frame(0xc1, b"")), 1002, "reserved bit");
        assert_eq!(code(&frame(0x83, b"")), 1002, "reserved opcode");
        assert_eq!(code(&frame(0x80, b"")), 1002, "continuation of nothing");
        assert_eq!(code(&frame(0x09, b"")), 1002, "fragmented ping");
        assert_eq!(code(&frame(0x89, &[0; 126])), 1002, "long ping");
        assert_eq!(code(&frame(0x88, &[3])), 1002, "short close");
        assert_eq!(code(&frame(0x88, &[3, 0xed])), 1002, "close 1005");
        assert_eq!(code(&frame(0x88, &[3, 0xe8, 0xff])), 1007, "close reason");
        assert_eq!(code(&frame(0x81, &[0xc3, 0x28])), 1007, "not UTF-8");
        assert_eq!(code(&frame(0x81, &[b'a'; 4097])), 1009, "too big");
        let long_form = [0x81, 0xfe, 0, 5, 0, 0, 0, 0, 1, 2, 3, 4, 5];
        assert_eq!(code(&long_form), 1002, "not the shortest length");
        let twice = [frame(0x01, b"a"), frame(0x81, b"b")].concat();
        assert_eq!(code(&twice), 1002, "message inside a message");
        let pieces = [frame(0x01, &[b'a'; 4000]), frame(0x80, &[b'a'; 97])].concat();
        assert_eq!(code(&pieces), 1009, "too big in fragments");
        let huge = [
            0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0,
        ];
        assert_eq!(code(&huge), 1009, "2^63 - 1 bytes announced");
    }

    #[test]
    fn utf8_may_be_split_between_fragments() {
        let text = "梅县".as_bytes();
        let bytes = [frame(0x01, &text[..2]), frame(0x80, &text[2..])].concat();
        assert_eq!(read_all(&bytes, 5).unwrap(), [Event::Text("梅县".into())]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_the_same_in_any_pieces(
            bytes in proptest::collection::vec(any::<u8>(), 0..300), piece in 1usize..50,
        ) {
            prop_assert_eq!(read_all(&bytes, piece), read_all(&bytes, usize::MAX));
        }

        #[test]
        fn messages_round_trip(
            messages in proptest::collection::vec((".{0,200}", 1usize..40), 0..6), piece in 1usize..50,
        ) {
            let mut bytes = Vec::new();
            for (text, cut) in &messages {
                let parts: Vec<&[u8]> = if text.is_empty() { vec![&[]] } else { text.as_bytes().chunks(*cut).collect() };
                for (n, part) in parts.iter().enumerate() {
                    let fin = if n + 1 == parts.len() { 0x80 } else { 0 };
                    bytes.extend(frame(fin | u8::from(n == 0), part));
                }
            }
            let want: Vec<_> = messages.into_iter().map(|(text, _)| Event::Text(text)).collect();
            prop_assert_eq!(read_all(&bytes, piece).unwrap(), want);
        }
    }
}
