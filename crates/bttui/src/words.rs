//! What this machine writes for the words of a command line ([`catalog::cmdline`]).

use catalog::Method;
use catalog::cmdline::{LONGEST, fill, with_room};
use catalog::manifest::{Entry, Manifest};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::lease::Lease;
use crate::look::access;

/// What a folder's name may have in a URL without being escaped (RFC 3986, section 2.3).
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The command line of a system as this machine hands it to the kernel; empty where it has no kernel.
///
/// # Errors
/// One sentence where a kernel refuses what came of it, which shows only here: its template is shorter.
pub fn cmdline(entry: &Entry, manifest: &Manifest, lease: &Lease) -> Result<String, String> {
    let Method::Kexec { cmdline, files, .. } = &entry.method else {
        return Ok(String::new());
    };
    let mut filled = filled(cmdline, entry, manifest, lease);
    if !files.is_empty() {
        filled = with_room(&filled).into_owned();
    }
    match filled.len() {
        length if length > LONGEST => Err(format!(
            "The command line of {} has {length} bytes on this machine, and a kernel refuses more than {LONGEST}: \
             shorten cmdline in its config.yaml.",
            entry.dispname
        )),
        _ => Ok(filled),
    }
}

fn filled(template: &str, entry: &Entry, manifest: &Manifest, lease: &Lease) -> String {
    let http = || manifest.server.trim_end_matches('/').to_owned();
    fill(template, |word| match word {
        "server" => access::server(manifest).map(|address| address.to_string()),
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

#[cfg(test)]
mod tests {
    use super::*;
    use catalog::Method;
    use catalog::manifest::MachineEntry;

    fn lease() -> Lease {
        Lease {
            interface: "eth0".into(),
            address: "10.0.0.7".parse().unwrap(),
            mac: "52:54:00:12:34:56".parse().unwrap(),
            server: None,
        }
    }

    fn entry(cmdline: &str, files: &[&str]) -> Entry {
        Entry {
            name: "Debian 13".into(),
            dispname: "Debian".into(),
            method: Method::Kexec {
                kernel: "vmlinuz".into(),
                initrd: Vec::new(),
                files: files.iter().map(|file| (*file).to_owned()).collect(),
                cmdline: cmdline.to_owned(),
            },
            torrent: String::new(),
            size: 0,
            signed: None,
            unfit: None,
            inferred: false,
            info_hash: String::new(),
            files: Vec::new(),
        }
    }

    fn manifest() -> Manifest {
        let file = "{\"version\":0,\"timeout\":0,\"server\":\"http://10.0.0.1:6969\"}";
        Manifest::parse(file, "[]").unwrap()
    }

    #[test]
    fn a_machine_writes_its_own_values() {
        let mut manifest = manifest();
        let cmdline = |template: &str, manifest: &Manifest| {
            cmdline(&entry(template, &[]), manifest, &lease()).unwrap()
        };
        let template = "fetch={files}/a.squashfs ip={ip} from={server} at={http} {mac} {name} {x}";
        let filled = "fetch=http://10.0.0.1:6969/oss/Debian%2013/a.squashfs ip=10.0.0.7 from=10.0.0.1 \
                      at=http://10.0.0.1:6969 52:54:00:12:34:56 52-54-00-12-34-56 {x}";
        assert_eq!(cmdline(template, &manifest), filled);
        manifest.machines.push(MachineEntry {
            pattern: "52:54:00:12:34:56".parse().unwrap(),
            name: Some("lab-7".into()),
            default: None,
            timeout: 0,
        });
        assert_eq!(cmdline("{name}", &manifest), "lab-7");
    }

    #[test]
    fn what_a_kernel_refuses_is_said_before_it_is_fetched() {
        let template = format!("{{files}}{}", "x".repeat(2020));
        assert!(template.len() < LONGEST);
        let said = cmdline(&entry(&template, &[]), &manifest(), &lease()).unwrap_err();
        assert!(
            said.contains("of Debian has 2056 bytes") && said.contains("shorten cmdline"),
            "{said}"
        );
        let fits = "x".repeat(LONGEST);
        let all = cmdline(&entry(&fits, &[]), &manifest(), &lease());
        assert_eq!(all.as_deref(), Ok(&*fits));
        // With what is handed on, one word more.
        assert!(cmdline(&entry(&fits, &["a"]), &manifest(), &lease()).is_err());
        let room = cmdline(&entry("quiet", &["a"]), &manifest(), &lease());
        assert_eq!(room.as_deref(), Ok("rootfstype=ramfs quiet"));
    }
}
