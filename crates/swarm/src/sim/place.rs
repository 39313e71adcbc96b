//! Where simulated machines are, and the beats they share. It knows nothing of what they do.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

pub(super) const TICK: Duration = Duration::from_millis(100);
/// As often as the tracker of the server wants to hear of everybody.
pub(super) const ANNOUNCE: Duration = Duration::from_secs(8);
/// How long a connect to a machine that is off takes to fail.
pub(super) const NO_ROUTE: Duration = Duration::from_secs(3);

/// Which of so many machines listens there.
pub(super) fn machine_listening(to: SocketAddrV4, machines: usize) -> Option<usize> {
    let index = machine_at(*to.ip());
    (index < machines && address(index) == to).then_some(index)
}

/// Which machine has this address.
pub(super) fn machine_at(address: Ipv4Addr) -> usize {
    (address.to_bits() - 0x0a01_0000) as usize
}

/// Where a machine listens.
pub(super) fn address(index: usize) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::from_bits(0x0a01_0000 + index as u32), 6881)
}
