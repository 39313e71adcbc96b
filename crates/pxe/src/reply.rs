//! Writing a reply: the verdict and the boot plan as bytes.
//!
//! Nothing is decided here but the form; the firmware's quirks about form sit beside the line that
//! needs them.

use std::net::Ipv4Addr;
use std::time::Duration;

use dhcproto::v4::{
    DhcpOption, Encodable, Flags, Message, MessageType, Opcode, OptionCode, UnknownOption,
};

use crate::action::Settings;
use crate::firmware::{Asks, Client, Firmware};
use crate::packet::{Request, code};
use crate::plan::Boot;

/// BOOTP's minimum (RFC 1542 section 2.1): old ROMs and relays drop anything shorter.
const SHORTEST: usize = 300;
/// What every client must take, and the most that fits an Ethernet frame, with IP and UDP headers.
const SIZES: std::ops::RangeInclusive<u16> = 576..=1500;
const HEADERS: usize = 28;

/// What the machine is told about its address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict<'a> {
    /// It may have this address.
    Offer(Ipv4Addr),
    /// This address is its own now.
    Ack(Ipv4Addr),
    /// It keeps the address that it did not get from us; here is the rest (RFC 2131 section 4.3.5).
    Inform,
    /// It must begin again, and why.
    Nak(&'a str),
}

/// A reply to `request`, padded, ready to be sent.
pub(crate) fn write(
    settings: &Settings,
    subnet: &Subnet,
    request: &Request,
    verdict: Verdict<'_>,
    boot: Option<(Firmware, &Boot)>,
) -> Vec<u8> {
    let mut message = Message::new_with_id(
        request.xid,
        Ipv4Addr::UNSPECIFIED,
        Ipv4Addr::UNSPECIFIED,
        Ipv4Addr::UNSPECIFIED,
        Ipv4Addr::UNSPECIFIED,
        &request.mac.0,
    );
    message.set_opcode(Opcode::BootReply);
    if request.broadcast {
        message.set_flags(Flags::default().set_broadcast());
    }
    insert(&mut message, DhcpOption::ServerIdentifier(settings.server));
    let kind = match verdict {
        Verdict::Offer(address) => {
            message.set_yiaddr(address);
            MessageType::Offer
        }
        Verdict::Ack(address) => {
            message.set_ciaddr(request.ciaddr).set_yiaddr(address);
            MessageType::Ack
        }
        Verdict::Inform => {
            message.set_ciaddr(request.ciaddr);
            MessageType::Ack
        }
        Verdict::Nak(why) => {
            insert(&mut message, DhcpOption::Message(why.to_owned()));
            MessageType::Nak
        }
    };
    insert(&mut message, DhcpOption::MessageType(kind));
    if matches!(verdict, Verdict::Offer(_) | Verdict::Ack(_)) {
        lease_times(&mut message, settings.lease);
    }
    if kind != MessageType::Nak {
        message.set_siaddr(settings.server);
        network(&mut message, settings, subnet);
        if let Some((firmware, boot)) = boot {
            boot_options(&mut message, settings, request, firmware, boot);
        }
    }
    // RFC 6842 wants the identifier back; it is younger than most firmware, which has never seen it
    // in a reply, so only operating systems get it.
    if Client::of(request) == Client::System
        && let Some(id) = &request.client_id
    {
        insert(&mut message, DhcpOption::ClientIdentifier(id.clone()));
    }
    encode(message, request)
}

/// What the pool knows of the subnet.
pub(crate) struct Subnet {
    pub(crate) mask: Ipv4Addr,
    pub(crate) broadcast: Ipv4Addr,
}

fn lease_times(message: &mut Message, lease: Duration) {
    let seconds = u32::try_from(lease.as_secs()).unwrap_or(u32::MAX);
    insert(message, DhcpOption::AddressLeaseTime(seconds));
    insert(message, DhcpOption::Renewal(seconds / 2));
    // 7/8, as RFC 2131 section 4.4.5 suggests.
    insert(message, DhcpOption::Rebinding(seconds - seconds / 8));
}

fn network(message: &mut Message, settings: &Settings, subnet: &Subnet) {
    insert(message, DhcpOption::SubnetMask(subnet.mask));
    insert(message, DhcpOption::BroadcastAddr(subnet.broadcast));
    if let Some(router) = settings.router {
        insert(message, DhcpOption::Router(vec![router]));
    }
    if !settings.dns.is_empty() {
        insert(message, DhcpOption::DomainNameServer(settings.dns.clone()));
    }
}

fn boot_options(
    message: &mut Message,
    settings: &Settings,
    request: &Request,
    firmware: Firmware,
    boot: &Boot,
) {
    // The header's field is what BIOS ROMs read, option 67 what UEFI and iPXE prefer; both get both.
    if boot.file.len() < 128 {
        message.set_fname_str(&boot.file);
    }
    // The NUL at the end: some ROMs print and pass on these options as C strings without minding
    // their length; nobody was seen to stumble over it.
    insert(message, DhcpOption::BootfileName(with_nul(&boot.file)));
    insert(
        message,
        DhcpOption::TFTPServerName(with_nul(&settings.server.to_string())),
    );
    if let Some(id) = request.machine_id {
        // RFC 4578 section 2.3 and the PXE specification: the reply must carry it; EDK2 checks.
        insert(message, DhcpOption::ClientMachineIdentifier(id.to_vec()));
    }
    match firmware.asks {
        // A PXE client is *not* answered with option 60=PXEClient in a full lease: EDK2 would take
        // the offer for BINL and ask port 4011 for the loader unless option 43 talked it out of
        // that again. Plain next-server and file name are what every ROM has met.
        Asks::Pxe => {}
        // UEFI HTTP Boot drops an offer that does not say so.
        Asks::HttpBoot => {
            insert(message, DhcpOption::ClassIdentifier(b"HTTPClient".to_vec()));
        }
        // Option 176 inside 175, "no proxyDHCP": iPXE otherwise waits for proxies before it takes an
        // offer (the ROM of QEMU: 3.1 s after its first DISCOVER instead of 1.0 s), at every stage.
        Asks::Ipxe => raw(message, code::IPXE, vec![176, 1, 1]),
    }
    if let Some(config) = &boot.config {
        raw(message, code::CONFIG_FILE, config.clone().into_bytes());
    }
    if let Some(prefix) = &boot.prefix {
        raw(message, code::PATH_PREFIX, prefix.clone().into_bytes());
    }
}

/// Bytes, padded, and no longer than the client takes. Only the echoed identifier can be long
/// (up to 255 bytes of a stranger's), so it is what gives way.
fn encode(mut message: Message, request: &Request) -> Vec<u8> {
    let size = request
        .max_size
        .unwrap_or(*SIZES.start())
        .clamp(*SIZES.start(), *SIZES.end());
    let mut bytes = message.to_vec().unwrap_or_default();
    if bytes.len() > usize::from(size) - HEADERS {
        message.opts_mut().remove(OptionCode::ClientIdentifier);
        bytes = message.to_vec().unwrap_or_default();
    }
    if bytes.len() < SHORTEST {
        bytes.resize(SHORTEST, 0);
    }
    bytes
}

fn insert(message: &mut Message, option: DhcpOption) {
    message.opts_mut().insert(option);
}

fn raw(message: &mut Message, code: u8, data: Vec<u8>) {
    insert(
        message,
        DhcpOption::Unknown(UnknownOption::new(OptionCode::from(code), data)),
    );
}

fn with_nul(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.push(0);
    bytes
}
