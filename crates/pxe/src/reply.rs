//! Writing a reply: the verdict and the boot plan as bytes.
//!
//! Nothing is decided here but the form; the firmware's quirks about form sit beside the line that
//! needs them.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use dhcproto::v4::{
    DhcpOption, Encodable, Flags, Message, MessageType, Opcode, OptionCode, UnknownOption,
};

use crate::firmware::{Asks, Client, Firmware, Machine};
use crate::packet::{Request, code};
use crate::plan::Boot;
use crate::settings::Settings;
use crate::subnet::Subnet;

/// BOOTP's minimum (RFC 1542 section 2.1): old ROMs and relays drop anything shorter.
const SHORTEST: usize = 300;
/// What every client must take, and the most that fits an Ethernet frame, with IP and UDP headers.
const SIZES: std::ops::RangeInclusive<u16> = 576..=1500;
const HEADERS: usize = 28;
const END: u8 = 255;

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
    /// Another server gives it an address; here is what to boot.
    BootOffer,
    /// It asked what to boot, and nothing else.
    BootAck,
}

impl Verdict<'_> {
    fn kind(self) -> MessageType {
        match self {
            Self::Offer(_) | Self::BootOffer => MessageType::Offer,
            Self::Ack(_) | Self::Inform | Self::BootAck => MessageType::Ack,
            Self::Nak(_) => MessageType::Nak,
        }
    }

    fn is_boot_only(self) -> bool {
        matches!(self, Self::BootOffer | Self::BootAck)
    }
}

/// A reply to `request`, padded, ready to be sent.
pub(crate) fn write(
    settings: &Settings,
    subnet: &Subnet,
    request: &Request,
    verdict: Verdict<'_>,
    boot: Option<(Firmware, &Boot)>,
) -> Vec<u8> {
    let mut message = begin(settings.server, request, verdict.kind());
    match verdict {
        Verdict::Offer(address) => {
            message.set_yiaddr(address);
        }
        Verdict::Ack(address) => {
            message.set_ciaddr(request.ciaddr).set_yiaddr(address);
        }
        Verdict::Inform | Verdict::BootAck => {
            message.set_ciaddr(request.ciaddr);
        }
        Verdict::BootOffer => {}
        Verdict::Nak(why) => insert(&mut message, DhcpOption::Message(why.to_owned())),
    }
    if says_no_address(request, verdict) {
        message.set_flags(Flags::default().set_broadcast());
    }
    if matches!(verdict, Verdict::Offer(_) | Verdict::Ack(_)) {
        lease_times(&mut message, settings.lease);
    }
    if !matches!(verdict, Verdict::Nak(_)) {
        message.set_siaddr(settings.server);
        if !verdict.is_boot_only() {
            network(&mut message, settings, subnet);
            host_name(&mut message, settings, request);
        }
        if let Some((firmware, boot)) = boot {
            boot_options(&mut message, settings, request, boot);
            if verdict.is_boot_only() {
                proxy_options(&mut message, request, verdict, firmware);
            } else {
                lease_options(&mut message, firmware);
            }
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

/// What one bt-server tells another that looks at the wire: that it is one, and where.
pub(crate) fn greet(own: SocketAddrV4, request: &Request) -> Vec<u8> {
    let mut message = begin(*own.ip(), request, MessageType::Offer);
    message.set_siaddr(*own.ip());
    let class = crate::packet::CLASS.to_vec();
    insert(&mut message, DhcpOption::ClassIdentifier(class));
    let told = format!("http={}", own.port());
    raw(&mut message, code::BT_SERVER, told.into_bytes());
    encode(message, request)
}

fn begin(server: Ipv4Addr, request: &Request, kind: MessageType) -> Message {
    let none = Ipv4Addr::UNSPECIFIED;
    let mut message = Message::new_with_id(
        request.xid,
        none,
        none,
        none,
        request.giaddr,
        &request.mac.0,
    );
    message.set_opcode(Opcode::BootReply);
    if request.broadcast {
        message.set_flags(Flags::default().set_broadcast());
    }
    insert(&mut message, DhcpOption::MessageType(kind));
    insert(&mut message, DhcpOption::ServerIdentifier(server));
    message
}

/// A relay agent sends a reply to the address in it, unless the broadcast flag is set: a NAK has
/// none (RFC 2131, section 4.3.2), and neither has a proxy offer.
fn says_no_address(request: &Request, verdict: Verdict<'_>) -> bool {
    let relayed = !request.giaddr.is_unspecified();
    verdict == Verdict::BootOffer || (relayed && matches!(verdict, Verdict::Nak(_)))
}

fn lease_times(message: &mut Message, lease: Duration) {
    let seconds = u32::try_from(lease.as_secs()).unwrap_or(u32::MAX);
    insert(message, DhcpOption::AddressLeaseTime(seconds));
    insert(message, DhcpOption::Renewal(seconds / 2));
    // 7/8, as RFC 2131 section 4.4.5 suggests.
    insert(message, DhcpOption::Rebinding(seconds - seconds / 8));
}

fn network(message: &mut Message, settings: &Settings, subnet: &Subnet) {
    let pool = subnet.leases.pool();
    insert(message, DhcpOption::SubnetMask(pool.mask()));
    insert(message, DhcpOption::BroadcastAddr(pool.broadcast()));
    if let Some(router) = subnet.gateway() {
        insert(message, DhcpOption::Router(vec![router]));
    }
    if !settings.dns.is_empty() {
        insert(message, DhcpOption::DomainNameServer(settings.dns.clone()));
    }
    if !settings.ntp.is_empty() {
        insert(message, DhcpOption::NtpServers(settings.ntp.clone()));
    }
    if let Some(domain) = &settings.domain {
        insert(message, DhcpOption::DomainName(domain.clone()));
    }
}

/// Firmware has no use for it.
fn host_name(message: &mut Message, settings: &Settings, request: &Request) {
    if Client::of(request) == Client::System
        && let Some(name) = settings.machines.name(request.mac)
    {
        insert(message, DhcpOption::Hostname(name.to_owned()));
    }
}

fn boot_options(message: &mut Message, settings: &Settings, request: &Request, boot: &Boot) {
    // The header's field is what BIOS ROMs and shim read, option 67 what UEFI and iPXE prefer; all
    // get both.
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
        // RFC 4578 section 2.3 and the PXE specification: the reply must carry it; EDK2 checks. Old
        // ROMs that send none must get none.
        insert(message, DhcpOption::ClientMachineIdentifier(id.to_vec()));
    }
    if let Some(config) = &boot.config {
        raw(message, code::CONFIG_FILE, config.clone().into_bytes());
    }
    if let Some(prefix) = &boot.prefix {
        raw(message, code::PATH_PREFIX, prefix.clone().into_bytes());
    }
}

/// What firmware must hear with an address of ours.
fn lease_options(message: &mut Message, firmware: Firmware) {
    match firmware.asks {
        // A PXE client is *not* answered with option 60=PXEClient in a full lease: EDK2 would take
        // the offer for BINL and ask port 4011 for the loader unless option 43 talked it out of
        // that again. Plain next-server and file name are what every ROM has met.
        Asks::Pxe => {}
        // UEFI HTTP Boot drops an offer that does not say so.
        Asks::HttpBoot => class(message, firmware),
        // Option 176 inside 175, "no proxyDHCP": iPXE otherwise waits for proxies before it takes an
        // offer (the ROM of QEMU: 3.1 s after its first DISCOVER instead of 1.0 s), at every stage.
        Asks::Ipxe => raw(message, code::IPXE, vec![176, 1, 1]),
    }
}

/// What firmware must hear beside the address of another server.
fn proxy_options(
    message: &mut Message,
    request: &Request,
    verdict: Verdict<'_>,
    firmware: Firmware,
) {
    const DISCOVERY_CONTROL: u8 = 6;
    const BOOT_ITEM: u8 = 71;
    /// No menu, no prompt, no search for a boot server: the file is named beside this.
    const JUST_BOOT: u8 = 8;
    // Without the class nobody takes an offer without an address for one.
    class(message, firmware);
    let is_offer = verdict == Verdict::BootOffer;
    let mut vendor = Vec::new();
    if is_offer && firmware.asks == Asks::Pxe && firmware.machine == Machine::Bios {
        // BIOS ROMs take the file from the offer then, and need not ask port 4011. UEFI must not see
        // it: EDK2 until 2017 forgets a proxy offer with this option at once (its issue 6944), so
        // that firmware of those years boots nothing. Without it, EDK2 of any age takes us for a
        // BINL server, asks port 4011 of next-server, and finds the file in the answer. iPXE minds
        // neither; next-server and file in the offer are enough for it.
        vendor.extend([DISCOVERY_CONTROL, 1, JUST_BOOT]);
    }
    if let Some(item) = request.boot_item.filter(|_| !is_offer) {
        // Whoever chose from a menu, which can only be another proxy's, looks for its choice in the
        // answer.
        vendor.extend([BOOT_ITEM, 4]);
        vendor.extend(item);
    }
    if !vendor.is_empty() {
        vendor.push(END);
        insert(message, DhcpOption::VendorExtensions(vendor));
    }
}

fn class(message: &mut Message, firmware: Firmware) {
    let class: &[u8] = match firmware.asks {
        Asks::HttpBoot => b"HTTPClient",
        Asks::Pxe | Asks::Ipxe => b"PXEClient",
    };
    insert(message, DhcpOption::ClassIdentifier(class.to_vec()));
}

/// Bytes, padded, and no longer than the client takes. What can be long and is not needed to boot
/// gives way: the echoed identifier (up to 255 bytes of a stranger's), the domain, the time servers.
fn encode(mut message: Message, request: &Request) -> Vec<u8> {
    let relayed = request.relay_agent.as_deref();
    let room = room(request.max_size, relayed);
    let mut bytes = message.to_vec().unwrap_or_default();
    for code in [
        OptionCode::ClientIdentifier,
        OptionCode::Hostname,
        OptionCode::DomainName,
        OptionCode::NtpServers,
    ] {
        if bytes.len() <= room {
            break;
        }
        message.opts_mut().remove(code);
        bytes = message.to_vec().unwrap_or_default();
    }
    // Spliced in as it came, before the end: the codec would encode it a second time.
    if let Some(said) = relayed
        && let Ok(length) = u8::try_from(said.len())
        && bytes.pop() == Some(END)
    {
        bytes.extend([code::RELAY_AGENT, length]);
        bytes.extend(said);
        bytes.push(END);
    }
    if bytes.len() < SHORTEST {
        bytes.resize(SHORTEST, 0);
    }
    bytes
}

/// How long a reply may be without what the relay agent said. The agent takes that out again, so it
/// is not of the client's size; but all of it must fit a frame.
fn room(max_size: Option<u16>, relayed: Option<&[u8]>) -> usize {
    let size = max_size
        .unwrap_or(*SIZES.start())
        .clamp(*SIZES.start(), *SIZES.end());
    let frame = usize::from(*SIZES.end()) - relayed.map_or(0, |said| said.len() + 2);
    usize::from(size).min(frame) - HEADERS
}

fn insert(message: &mut Message, option: DhcpOption) {
    message.opts_mut().insert(option);
}

pub(crate) fn raw(message: &mut Message, code: u8, data: Vec<u8>) {
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
