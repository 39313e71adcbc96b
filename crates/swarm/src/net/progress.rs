//! How far a download is.

use std::net::Ipv4Addr;

/// A download as seen from outside, renewed about four times a second and on completion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of all pieces that are wanted; where all files are, bytes of all of them.
    pub total: u64,
    /// Bytes of those that are verified.
    pub have: u64,
    /// Payload bytes sent to others.
    pub uploaded: u64,
    /// Connected peers that completed the handshake.
    pub peers: u32,
    /// Payload bytes received per second, over about the last two seconds.
    pub rate: u64,
    /// Payload bytes of verified pieces by the address they came from, largest first.
    pub sources: Vec<(Ipv4Addr, u64)>,
    /// Every wanted piece is verified and in its file.
    pub complete: bool,
    /// What stands in the way at the moment, in one sentence, such as an unreachable tracker, or
    /// that no peer is reached and why. The download goes on as far as it can.
    pub trouble: Option<String>,
}
