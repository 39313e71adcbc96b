//! Who holds a port: found in the kernel's lists of sockets and of processes. Reads only; another user's processes
//! are seen by root alone.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::path::Path;

/// The lists of the network namespace this thread is in; /proc/net would be the main thread's.
const LISTS: &str = "/proc/thread-self/net";

/// A process that holds a port.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Holder {
    /// The program's name.
    pub program: String,
    /// Its process id.
    pub pid: u32,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.program, self.pid)
    }
}

/// The protocols that ports are of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Protocol {
    /// TCP, of which only listeners hold a port.
    Tcp,
    /// UDP.
    Udp,
}

/// Everybody who holds `port` on any address, by process id. Empty where nobody does or nobody can be seen.
#[must_use]
pub fn of(protocol: Protocol, port: u16) -> Vec<Holder> {
    let lists = match protocol {
        Protocol::Tcp => ["tcp", "tcp6"],
        Protocol::Udp => ["udp", "udp6"],
    };
    let mut sockets = HashSet::new();
    for list in lists {
        let text = fs::read_to_string(format!("{LISTS}/{list}")).unwrap_or_default();
        sockets.extend(inodes(&text, protocol, port));
    }
    if sockets.is_empty() {
        return Vec::new();
    }
    let mut holders: Vec<Holder> = processes()
        .filter(|pid| has_one_of(*pid, &sockets))
        .map(|pid| Holder {
            program: name(pid),
            pid,
        })
        .collect();
    holders.sort_by_key(|holder| holder.pid);
    holders
}

/// The inodes of sockets at `port`. A line is number, local address:port, remote one, state, and, as the tenth column,
/// the inode (proc_net_tcp in the kernel's documentation). 0A is a listener.
fn inodes(list: &str, protocol: Protocol, port: u16) -> HashSet<u64> {
    let line = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let (_, local) = columns.get(1)?.rsplit_once(':')?;
        let here = u16::from_str_radix(local, 16).ok()? == port;
        let holds = protocol == Protocol::Udp || *columns.get(3)? == "0A";
        let inode = columns.get(9)?.parse().ok()?;
        (here && holds).then_some(inode)
    };
    list.lines().skip(1).filter_map(line).collect()
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn has_one_of(pid: u32, sockets: &HashSet<u64>) -> bool {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd"));
    let mut descriptors = descriptors.into_iter().flatten().flatten();
    descriptors.any(|descriptor| {
        let target = fs::read_link(descriptor.path()).unwrap_or_default();
        socket(&target).is_some_and(|inode| sockets.contains(&inode))
    })
}

/// The inode in `socket:[4711]`.
fn socket(target: &Path) -> Option<u64> {
    let text = target.to_str()?.strip_prefix("socket:[")?;
    text.strip_suffix(']')?.parse().ok()
}

fn name(pid: u32) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    match name.trim_end() {
        "" => "a program".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, UdpSocket};

    #[test]
    fn finds_this_very_process() -> std::io::Result<()> {
        let udp = UdpSocket::bind("127.0.0.1:0")?;
        let tcp = TcpListener::bind("127.0.0.1:0")?;
        let ports = [
            (Protocol::Udp, udp.local_addr()?.port()),
            (Protocol::Tcp, tcp.local_addr()?.port()),
        ];
        for (protocol, port) in ports {
            let holders = of(protocol, port);
            let own = holders.iter().any(|one| one.pid == std::process::id());
            assert!(own, "{protocol:?} {port}: {holders:?}");
        }
        Ok(())
    }

    #[test]
    fn a_connection_does_not_hold_the_port_it_came_from() {
        let list = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1B39 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1
   1: 0100007F:1B39 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 12 1
   2: 00000000000000000000000000000000:1B39 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 13 1
";
        let tcp = inodes(list, Protocol::Tcp, 0x1b39);
        assert_eq!(tcp, HashSet::from([11, 13]));
        assert!(inodes(list, Protocol::Tcp, 0x1b38).is_empty());
        assert_eq!(inodes(list, Protocol::Udp, 0x1b39).len(), 3);
    }
}
