//! Status codes that the protocol's version 3 does not have.
//!
//! Some servers (ProFTPD: 11, file already exists; 14, no space on filesystem) answer with codes of later versions all the same, and
//! the SFTP library takes an unknown code for nonsense and hangs up. Such codes become "failure" on their way in; the server's text
//! beside them stays, and says more.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const TYPE_STATUS: u8 = 101;
const CODE_FAILURE: u8 = 4;
const CODE_MAX: u8 = 8;

/// A stream of SFTP packets, with unknown status codes made known.
pub(crate) struct KnownCodes<S> {
    stream: S,
    packets: Packets,
}

impl<S> KnownCodes<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, packets: Packets::default() }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for KnownCodes<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.packets.pass(&mut buffer.filled_mut()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for KnownCodes<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Where in a packet the stream is. A packet is its length (4 bytes), type (1) and rest; a status goes on with id (4) and code (4).
#[derive(Default)]
struct Packets {
    /// Bytes of this packet that have passed, its length included.
    passed: u64,
    length: u32,
    is_status: bool,
    /// Whether the code's upper bytes are not all zero.
    is_large: bool,
}

impl Packets {
    fn pass(&mut self, mut bytes: &mut [u8]) {
        while let Some((byte, rest)) = bytes.split_first_mut() {
            match self.passed {
                0..4 => self.length = self.length << 8 | u32::from(*byte),
                4 => self.is_status = *byte == TYPE_STATUS,
                9..12 if self.is_status => {
                    self.is_large |= *byte != 0;
                    *byte = 0;
                }
                12 if self.is_status && (self.is_large || *byte > CODE_MAX) => *byte = CODE_FAILURE,
                _ => {}
            }
            self.passed += 1;
            bytes = rest;
            let end = u64::from(self.length) + 4;
            // Past its code, a packet has nothing that we look at.
            if (13..end).contains(&self.passed) {
                let skipped = (end - self.passed).min(bytes.len() as u64);
                self.passed += skipped;
                bytes = &mut bytes[usize::try_from(skipped).unwrap_or(usize::MAX)..];
            }
            if self.passed >= 4 && self.passed == end {
                *self = Self::default();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Packets;

    fn packet(kind: u8, rest: &[u8]) -> Vec<u8> {
        let mut packet = u32::try_from(rest.len() + 1).unwrap().to_be_bytes().to_vec();
        packet.push(kind);
        packet.extend_from_slice(rest);
        packet
    }

    /// The stream after it has passed, cut into pieces of any length.
    fn passed(stream: &[u8], piece: usize) -> Vec<u8> {
        let (mut packets, mut stream) = (Packets::default(), stream.to_vec());
        stream.chunks_mut(piece).for_each(|it| packets.pass(it));
        stream
    }

    fn check(given: &[Vec<u8>], expected: &[Vec<u8>]) {
        for piece in 1..40 {
            assert_eq!(passed(&given.concat(), piece), expected.concat(), "in pieces of {piece} bytes");
        }
    }

    #[test]
    fn codes_of_later_versions_become_failures_and_keep_their_text() {
        let given = packet(101, b"\0\0\0\x07\0\0\0\x0e\0\0\0\x08no space");
        let expected = packet(101, b"\0\0\0\x07\0\0\0\x04\0\0\0\x08no space");
        check(&[given.clone(), given], &[expected.clone(), expected]);
        check(&[packet(101, b"\0\0\0\x07\x01\0\0\0")], &[packet(101, b"\0\0\0\x07\0\0\0\x04")]);
    }

    #[test]
    fn known_codes_and_other_packets_pass_as_they_are() {
        for code in 0..=8 {
            let packets = [
                packet(101, &[0, 0, 0, 9, 0, 0, 0, code]),
                packet(102, b"\0\0\0\x07\0\0\0\x0ehandle"),
                packet(2, b"\0\0\0\x03"),
                packet(103, b"\0\0\0\x07\0\0\0\x0ebytes of a file, more than a few"),
                packet(101, &[0, 0, 0, 9, 0, 0, 0, code]),
            ];
            check(&packets, &packets);
        }
    }
}
