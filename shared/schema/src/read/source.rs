//! Bytes from the input, a bounded stretch of them in memory.

use std::io::Read;

use super::{Limit, Limits, ReadError};

/// How much is asked of the input at once.
const CHUNK_BYTES: usize = 1 << 17;

/// A window over the input.
#[derive(Debug)]
pub(super) struct Source<R> {
    input: R,
    buffer: Vec<u8>,
    /// The window's unread part.
    start: usize,
    end: usize,
    /// Where in the input the window begins.
    base: u64,
    /// The line of the first unread byte, from 1.
    line: u64,
    ended: bool,
    max_bytes: u64,
    max_row_bytes: usize,
}

impl<R: Read> Source<R> {
    pub(super) fn new(input: R, limits: &Limits) -> Source<R> {
        Source {
            input,
            buffer: vec![0; CHUNK_BYTES],
            start: 0,
            end: 0,
            base: 0,
            line: 1,
            ended: false,
            max_bytes: limits.bytes,
            max_row_bytes: limits.row_bytes,
        }
    }

    /// The unread bytes in memory.
    #[inline]
    pub(super) fn pending(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Whether the input has nothing beyond [`pending`](Source::pending).
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// The line of the first unread byte.
    #[inline]
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Where the first unread byte stands in the input, from 0.
    pub(super) fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// Passes over bytes that hold `lines` ends of lines.
    #[inline]
    pub(super) fn consume(&mut self, bytes: usize, lines: u64) {
        self.start = self.end.min(self.start + bytes);
        self.line += lines;
    }

    /// The bytes just passed over, `len` of them from `back` bytes before the first unread one.
    #[inline]
    pub(super) fn behind(&self, back: usize, len: usize) -> &[u8] {
        let from = self.start.saturating_sub(back);
        &self.buffer[from..self.end.min(from + len)]
    }

    /// Reads on until the window is full or the input ends; whether there are more bytes than before. The
    /// window grows while one row fills it, up to the limit of a row.
    pub(super) fn fill(&mut self) -> Result<bool, ReadError> {
        if self.ended {
            return Ok(false);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.base += self.start as u64;
        self.end -= self.start;
        self.start = 0;
        if self.end == self.buffer.len() {
            if self.end > self.max_row_bytes {
                return Err(self.breach(Limit::RowBytes, self.max_row_bytes as u64));
            }
            self.buffer.resize(self.end * 2, 0);
        }
        let before = self.end;
        while self.end < self.buffer.len() {
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(read) => self.end = self.buffer.len().min(self.end + read),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(source) => return Err(ReadError::Io { byte: self.base + self.end as u64, source }),
            }
        }
        if self.base + self.end as u64 > self.max_bytes {
            return Err(self.breach(Limit::Bytes, self.max_bytes));
        }
        Ok(self.end > before)
    }

    pub(super) fn breach(&self, limit: Limit, value: u64) -> ReadError {
        ReadError::Limit { limit, value, line: self.line, open_quote: false }
    }
}

/// How many lines end in `bytes`: at a line feed, a carriage return, or both in a row.
pub(super) fn count_line_ends(bytes: &[u8]) -> u64 {
    let at = |i: usize| bytes[i] == b'\n' || bytes.get(i + 1) != Some(&b'\n');
    memchr::memchr2_iter(b'\n', b'\r', bytes).filter(|&i| at(i)).count() as u64
}

/// The text in `bytes`, which begin at `offset` of the input, in `line`.
pub(super) fn utf8(bytes: &[u8], offset: u64, line: u64) -> Result<&str, ReadError> {
    std::str::from_utf8(bytes).map_err(|error| ReadError::NotUtf8 {
        line: line + count_line_ends(&bytes[..error.valid_up_to()]),
        byte: offset + error.valid_up_to() as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_in_three_ways() {
        for (text, expected) in [("", 0), ("\n", 1), ("\r\n", 1), ("\r", 1), ("\r\r\n\n", 3), ("a\rb", 1)] {
            assert_eq!(count_line_ends(text.as_bytes()), expected, "{text:?}");
        }
    }
}
