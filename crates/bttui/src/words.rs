//! What this machine writes for the words of a command line ([`catalog::cmdline`]).

use catalog::manifest::{Entry, Manifest};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::lease::Lease;

/// What a folder's name may have in a URL without being escaped (RFC 3986, section 2.3).
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The command line of a system as this machine hands it to the kernel.
pub fn cmdline(template: &str, entry: &Entry, manifest: &Manifest, lease: &Lease) -> String {
    let http = || manifest.server.trim_end_matches('/').to_owned();
    catalog::cmdline::fill(template, |word| match word {
        "server" => Some(address(&manifest.server).to_owned()),
        "http" => Some(http()),
        "files" => Some(format!(
            "{}/oss/{}",
            http(),
            utf8_percent_encode(&entry.name, PLAIN)
        )),
        "ip" => Some(lease.address.to_string()),
        "mac" => Some(lease.mac.to_string()),
        "name" => {
            let known = manifest.entry_of(lease.mac);
            let name = known.and_then(|entry| entry.name.clone());
            Some(name.unwrap_or_else(|| lease.mac.to_string().replace(':', "-")))
        }
        _ => None,
    })
}

/// The address in `http://ADDRESS:PORT`.
fn address(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or(rest);
    host.rsplit_once(':').map_or(host, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalog::Method;
    use catalog::manifest::MachineEntry;

    #[test]
    fn a_machine_writes_its_own_values() {
        let lease = Lease {
            interface: "eth0".into(),
            address: "10.0.0.7".parse().unwrap(),
            mac: "52:54:00:12:34:56".parse().unwrap(),
            server: None,
        };
        let entry = Entry {
            name: "Debian 13".into(),
            dispname: String::new(),
            method: Method::Local,
            torrent: String::new(),
            size: 0,
            signed: None,
            unfit: None,
            inferred: false,
            info_hash: String::new(),
            files: Vec::new(),
        };
        let file = "{\"version\":0,\"timeout\":0,\"server\":\"http://10.0.0.1:6969\"}";
        let mut manifest = Manifest::parse(file, "[]").unwrap();
        let template = "fetch={files}/a.squashfs ip={ip} from={server} at={http} {mac} {name} {x}";
        let filled = "fetch=http://10.0.0.1:6969/oss/Debian%2013/a.squashfs ip=10.0.0.7 from=10.0.0.1 \
                      at=http://10.0.0.1:6969 52:54:00:12:34:56 52-54-00-12-34-56 {x}";
        assert_eq!(cmdline(template, &entry, &manifest, &lease), filled);
        manifest.machines.push(MachineEntry {
            pattern: "52:54:00:12:34:56".parse().unwrap(),
            name: Some("lab-7".into()),
            default: None,
            timeout: 0,
        });
        assert_eq!(cmdline("{name}", &entry, &manifest, &lease), "lab-7");
    }
}
