//! What only rtnetlink tells of interfaces and does to them (rtnetlink(7)): which addresses are lent for a time, and,
//! for the process that may, an address more or less and a link up or down.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsRawFd, OwnedFd};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::link::{LinkFlags, LinkMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::sys::socket::{
    AddressFamily as Family, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, connect,
    recv, send, socket,
};

/// More than the kernel puts into one datagram of a dump.
const DATAGRAM: usize = 64 << 10;
/// Every message begins at a multiple of this (netlink(7), NLMSG_ALIGN).
const ALIGNMENT: usize = 4;

/// A conversation with the kernel of this thread's network namespace.
#[derive(Debug)]
pub(crate) struct Kernel(OwnedFd);

/// An IPv4 address as the kernel lists it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Listed {
    /// The interface's number.
    pub(crate) index: u32,
    /// The address.
    pub(crate) address: Ipv4Addr,
    /// It has no end: a person or a program gave it for good. Addresses from DHCP have one (IFA_F_PERMANENT is not set).
    pub(crate) permanent: bool,
}

impl Kernel {
    /// Begins to talk.
    ///
    /// # Errors
    /// The kernel has no rtnetlink for us.
    pub(crate) fn open() -> io::Result<Kernel> {
        let (flags, protocol) = (SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute);
        let socket = socket(Family::Netlink, SockType::Raw, flags, protocol)?;
        connect(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
        Ok(Kernel(socket))
    }

    /// All IPv4 addresses of all interfaces.
    ///
    /// # Errors
    /// The kernel does not say.
    pub(crate) fn addresses(&self) -> io::Result<Vec<Listed>> {
        let mut wanted = AddressMessage::default();
        wanted.header.family = AddressFamily::Inet;
        let answers = self.ask(RouteNetlinkMessage::GetAddress(wanted), NLM_F_DUMP)?;
        Ok(answers.iter().filter_map(listed).collect())
    }

    /// Gives interface number `index` the address, for as long as nobody takes it away.
    ///
    /// # Errors
    /// It has that address already, there is no such interface, or this process may not.
    pub(crate) fn add_address(&self, index: u32, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
        let mut message = own_address(index, address, prefix);
        let broadcast = u32::from(address) | u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
        let broadcast = AddressAttribute::Broadcast(broadcast.into());
        message.attributes.push(broadcast);
        let flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
        self.ask(RouteNetlinkMessage::NewAddress(message), flags)?;
        Ok(())
    }

    /// Takes that address away.
    ///
    /// # Errors
    /// It does not have it, or this process may not.
    pub(crate) fn remove_address(
        &self,
        index: u32,
        address: Ipv4Addr,
        prefix: u8,
    ) -> io::Result<()> {
        let message = own_address(index, address, prefix);
        self.ask(RouteNetlinkMessage::DelAddress(message), NLM_F_ACK)?;
        Ok(())
    }

    /// Switches interface number `index` on or off.
    ///
    /// # Errors
    /// There is no such interface, or this process may not.
    pub(crate) fn switch(&self, index: u32, on: bool) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.header.change_mask = LinkFlags::Up;
        if on {
            message.header.flags = LinkFlags::Up;
        }
        self.ask(RouteNetlinkMessage::SetLink(message), NLM_F_ACK)?;
        Ok(())
    }

    /// Sends one message and reads until its acknowledgement or the end of the dump.
    fn ask(
        &self,
        message: RouteNetlinkMessage,
        flags: u16,
    ) -> io::Result<Vec<RouteNetlinkMessage>> {
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::from(message));
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        send(self.0.as_raw_fd(), &bytes, MsgFlags::empty())?;

        let (mut datagram, mut answers) = (vec![0; DATAGRAM], Vec::new());
        loop {
            let length = recv(self.0.as_raw_fd(), &mut datagram, MsgFlags::empty())?;
            if take_in(&datagram[..length], &mut answers)? {
                return Ok(answers);
            }
        }
    }
}

/// Adds what one datagram says to `answers`. Says whether that was the last one.
fn take_in(mut datagram: &[u8], answers: &mut Vec<RouteNetlinkMessage>) -> io::Result<bool> {
    while !datagram.is_empty() {
        let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(datagram)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        match message.payload {
            NetlinkPayload::InnerMessage(answer) => answers.push(answer),
            NetlinkPayload::Done(_) => return Ok(true),
            NetlinkPayload::Error(error) => {
                return match error.code {
                    Some(_) => Err(error.to_io()),
                    None => Ok(true),
                };
            }
            _ => {}
        }
        let length = message.header.length as usize;
        let next = length.max(1).next_multiple_of(ALIGNMENT);
        datagram = datagram.get(next..).unwrap_or_default();
    }
    Ok(false)
}

fn listed(answer: &RouteNetlinkMessage) -> Option<Listed> {
    let RouteNetlinkMessage::NewAddress(message) = answer else {
        return None;
    };
    let mut attributes = message.attributes.iter();
    let address = attributes.find_map(|attribute| match attribute {
        AddressAttribute::Local(IpAddr::V4(address)) => Some(*address),
        _ => None,
    })?;
    let flags = message.header.flags;
    Some(Listed {
        index: message.header.index,
        address,
        permanent: flags.contains(AddressHeaderFlags::Permanent),
    })
}

fn own_address(index: u32, address: Ipv4Addr, prefix: u8) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.prefix_len = prefix;
    message.header.index = index;
    let address = IpAddr::V4(address);
    message.attributes = vec![
        AddressAttribute::Local(address),
        AddressAttribute::Address(address),
    ];
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopbacks_address_is_permanent() {
        let listed = Kernel::open().and_then(|kernel| kernel.addresses());
        let listed = listed.expect("the kernel answers");
        let lo = listed.iter().find(|one| one.address.is_loopback());
        assert!(lo.is_some_and(|lo| lo.permanent), "{listed:?}");
    }

    #[test]
    fn a_refusal_is_an_error_with_the_kernels_reason() {
        let kernel = Kernel::open().expect("the kernel answers");
        // Number 0 is no interface, whoever asks.
        let refused = kernel.switch(0, true);
        assert!(refused.is_err());
    }
}
