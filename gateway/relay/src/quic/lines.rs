//! The control stream as lines.

use media::wire::MAX_CONTROL_BYTES;

use crate::Close;

/// Cuts bytes into lines of at most [`MAX_CONTROL_BYTES`].
#[derive(Debug, Default)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    searched: usize,
}

impl Lines {
    /// The caller takes all lines out before it pushes more, so this holds at most one line and one read.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn next(&mut self) -> Result<Option<String>, Close> {
        let end = self.bytes[self.searched..]
            .iter()
            .position(|b| *b == b'\n')
            .map(|at| at + self.searched);
        if end.unwrap_or(self.bytes.len()) > MAX_CONTROL_BYTES {
            return Err(Close::new(
                Close::TOO_BIG,
                format!("a control line above {MAX_CONTROL_BYTES} bytes"),
            ));
        }
        let Some(end) = end else {
            self.searched = self.bytes.len();
            return Ok(None);
        };
        let rest = self.bytes.split_off(end + 1);
        let mut line = std::mem::replace(&mut self.bytes, rest);
        self.searched = 0;
        line.pop();
        String::from_utf8(line)
            .map(Some)
            .map_err(|_| Close::new(Close::NOT_UTF8, "a control line is not UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_out_whole_however_they_arrive() {
        let text = "{\"a\":1}\n\n{\"梅\":2}\n";
        for piece in 1..text.len() {
            let (mut lines, mut out) = (Lines::default(), Vec::new());
            for part in text.as_bytes().chunks(piece) {
                lines.push(part);
                while let Some(line) = lines.next().unwrap() {
                    out.push(line);
                }
            }
            assert_eq!(out, ["{\"a\":1}", "", "{\"梅\":2}"]);
        }
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut lines = Lines::default();
        lines.push(&[b'a'; MAX_CONTROL_BYTES]);
        assert_eq!(lines.next(), Ok(None));
        lines.push(b"a");
        assert_eq!(lines.next().unwrap_err().code, Close::TOO_BIG);
    }
}
