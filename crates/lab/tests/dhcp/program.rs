//! The programs as they are called: their options, their settings, and the scripts they call in turn.
//!
//! Every script does what the program leaves to it and adds a line to the file `events` in the
//! client's folder: what happened, by the names of [`crate::client::Event`], and the lease.

use std::ffi::OsString;
use std::path::Path;

use anyhow::Result;
use lab::built;
use report::Mac;

use crate::client::Event;
use crate::lesson::target;

/// The programs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Program {
    /// busybox's.
    Udhcpc,
    /// ISC's.
    Dhclient,
    /// Debian's dhcpcd-base, with its privileges separated as Debian builds it.
    Dhcpcd,
    /// busybox's, saying what a BIOS ROM says (RFC 4578).
    PxeRom,
}

/// What a client calls its machine (option 61).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Identifier {
    /// Nothing.
    None,
    /// 1 and the hardware address, the usual form of RFC 2132 section 9.14.
    Mac,
    /// 255, a number and a DUID (RFC 4361).
    Duid,
}

/// A renewal comes from the address itself, so it must really be taken; to a server in another network it goes by the
/// way out.
const UDHCPC_SCRIPT: &str = "#!/bin/sh
case $1 in
    bound) event=Bound ;;
    renew) event=Renewed ;;
    deconfig) event=Gone; ip address flush dev $interface ;;
esac
[ -n \"$ip\" ] && ip address replace $ip/$mask brd + dev $interface
[ -n \"$router\" ] && ip route replace default via ${router%% *}
echo $event $ip $serverid $subnet $lease ${router%% *} >>@HOME@/events
";
const DHCLIENT_SCRIPT: &str = "#!/bin/sh
case $reason in
    PREINIT) event=Starts; ip link set $interface up ;;
    BOUND) event=Bound ;;
    REBOOT) event=Rebooted ;;
    RENEW) event=Renewed ;;
    REBIND) event=Rebound ;;
    RELEASE) event=Gone; ip address flush dev $interface ;;
esac
[ -n \"$new_ip_address\" ] && ip address replace $new_ip_address/$new_subnet_mask brd + dev $interface
[ -n \"$new_routers\" ] && ip route replace default via ${new_routers%% *}
echo $event $new_ip_address $new_dhcp_server_identifier $new_subnet_mask $new_dhcp_lease_time ${new_routers%% *} >>@HOME@/events
";
/// dhcpcd takes the address itself.
const DHCPCD_SCRIPT: &str = "#!/bin/sh
case $reason in
    BOUND) event=Bound ;;
    REBOOT) event=Rebooted ;;
    RENEW) event=Renewed ;;
    REBIND) event=Rebound ;;
    STOPPED) event=Gone ;;
esac
echo $event $new_ip_address $new_dhcp_server_identifier $new_subnet_mask $new_dhcp_lease_time ${new_routers%% *} >>@HOME@/events
";

impl Program {
    /// Those that an operating system has.
    pub(crate) const ALL: [Program; 3] = [Program::Udhcpc, Program::Dhclient, Program::Dhcpcd];

    /// Whether it keeps its lease on its disk.
    pub(crate) fn remembers(self) -> bool {
        matches!(self, Program::Dhclient | Program::Dhcpcd)
    }

    /// What its script is told when any server answered.
    pub(crate) fn rebinding(self) -> Event {
        match self {
            Program::Dhcpcd => Event::Rebound,
            // Their scripts are called for a lease that goes on, whoever said so.
            _ => Event::Renewed,
        }
    }

    /// What it calls when something happened; `@HOME@` is the client's folder.
    pub(crate) fn script(self) -> &'static str {
        match self {
            Program::Udhcpc | Program::PxeRom => UDHCPC_SCRIPT,
            Program::Dhclient => DHCLIENT_SCRIPT,
            Program::Dhcpcd => DHCPCD_SCRIPT,
        }
    }

    /// Its configuration file.
    pub(crate) fn settings(self, identifier: Identifier) -> &'static str {
        match (self, identifier) {
            // Without the first lines it would renew after half of the lease's time, and ask others after
            // seven eighths.
            (Program::Dhclient, Identifier::Mac) => concat!(
                "supersede dhcp-renewal-time 2;\nsupersede dhcp-rebinding-time 10;\n",
                "send dhcp-client-identifier = hardware;\n"
            ),
            (Program::Dhclient, _) => {
                "supersede dhcp-renewal-time 2;\nsupersede dhcp-rebinding-time 10;\n"
            }
            // Without the pauses of RFC 5227 and of RFC 2131 section 4.4.1.
            (Program::Dhcpcd, Identifier::None) => "nodev\nnodelay\nnoarp\n",
            (Program::Dhcpcd, Identifier::Mac) => "nodev\nnodelay\nnoarp\nclientid\n",
            (Program::Dhcpcd, Identifier::Duid) => "nodev\nnodelay\nnoarp\nduid\n",
            (Program::Udhcpc | Program::PxeRom, _) => "",
        }
    }

    /// The program with its options, and `wish` as the first of them.
    pub(crate) fn arguments(
        self,
        home: &Path,
        identifier: Identifier,
        wish: &str,
    ) -> Result<Vec<OsString>> {
        let at = |file: &str| home.join(file).into_os_string();
        let words = |words: &str| {
            words
                .split_whitespace()
                .map(OsString::from)
                .collect::<Vec<_>>()
        };
        let (script, settings) = (at("script"), at("settings"));
        let mut all = Vec::new();
        match self {
            Program::Udhcpc | Program::PxeRom => {
                all.push(built::busybox(target())?.into());
                all.extend(words("udhcpc -f -t 10 -T 1 -A 1 -i eth0 -s"));
                all.push(script);
                all.extend(words(match identifier {
                    Identifier::None => "-C",
                    Identifier::Mac => "",
                    Identifier::Duid => "-C -x 0x3d:ff1234567800010001090909090909",
                }));
                if self == Program::PxeRom {
                    all.extend(words("-V PXEClient:Arch:00000:UNDI:002001 -x 0x5d:0000"));
                }
            }
            Program::Dhclient => {
                all.push(at("dhclient"));
                all.extend(words(wish));
                all.extend(words("-4 -d -cf"));
                all.extend([settings, "-sf".into(), script]);
                all.extend(["-lf".into(), at("leases"), "-pf".into(), at("pid")]);
                all.extend(words(match identifier {
                    Identifier::Duid => "-i -D LL eth0",
                    _ => "eth0",
                }));
            }
            Program::Dhcpcd => {
                all.push("/usr/sbin/dhcpcd".into());
                all.extend(words(wish));
                all.extend(words("-4 -d -B --script"));
                all.extend([script, "-f".into(), settings, "eth0".into()]);
            }
        }
        Ok(all)
    }
}

impl Identifier {
    /// Is this what it looks like on the wire, for `mac`?
    pub(crate) fn is(self, wire: &[u8], mac: Mac) -> bool {
        match (self, wire) {
            (Identifier::None, []) => true,
            (Identifier::Mac, [1, address @ ..]) => address == mac.0,
            (Identifier::Duid, [255, duid @ ..]) => duid.len() > 6,
            _ => false,
        }
    }
}
