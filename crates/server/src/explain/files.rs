//! Requests for files in a recording, by TFTP and by HTTP: which file, and whether bt-server has it.

use std::collections::HashSet;
use std::net::SocketAddrV4;

use super::frame::Talk;
use super::options::plain;
use crate::shelf::Shelf;

const TFTP: u16 = 69;
const READ: u16 = 1;
const WRITE: u16 = 2;
const ERROR: u16 = 5;
/// EDK2 asks for a file's size, ends that transfer with this error (RFC 2347: option negotiation), and asks again.
const ONLY_THE_SIZE: u16 = 8;

/// What a loader does with files, and what comes of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Wish {
    /// What it says, in the words of the protocol.
    pub(crate) says: String,
    /// What bt-server answers.
    pub(crate) answer: String,
}

/// Reads requests, and remembers who has asked by TFTP: the rest of a transfer is between ports of its own.
#[derive(Debug)]
pub(crate) struct Files<'a> {
    /// What bt-server would serve; nothing where the phase 1 is not known.
    shelf: Option<&'a Shelf>,
    asked: HashSet<SocketAddrV4>,
}

impl<'a> Files<'a> {
    pub(crate) fn new(shelf: Option<&'a Shelf>) -> Files<'a> {
        Files {
            shelf,
            asked: HashSet::new(),
        }
    }

    /// A datagram that has to do with TFTP (RFC 1350), if this one has.
    pub(crate) fn tftp(&mut self, talk: &Talk<'_>) -> Option<Wish> {
        let (code, rest) = number(talk.payload)?;
        if talk.to.port() == TFTP {
            self.asked.insert(talk.from);
            return Some(self.request(code, rest));
        }
        if code == ERROR && self.asked.contains(&talk.from) {
            let (error, text) = number(rest)?;
            let text = plain(text.strip_suffix(&[0]).unwrap_or(text));
            let answer = match error {
                ONLY_THE_SIZE => "the transfer ends: it only wanted the size, and asks again",
                _ => "the transfer ends",
            };
            return Some(Wish {
                says: format!("TFTP error {error} \"{text}\""),
                answer: answer.to_owned(),
            });
        }
        None
    }

    fn request(&self, code: u16, rest: &[u8]) -> Wish {
        let mut words = rest.split(|byte| *byte == 0);
        let name = words.next().unwrap_or_default();
        let options: Vec<String> = words.filter(|word| !word.is_empty()).map(plain).collect();
        let (verb, answer) = match code {
            READ => ("read", self.answer(name)),
            WRITE => ("write", "refused: nothing is ever written".to_owned()),
            _ => ("unknown", "dropped: no request is made so".to_owned()),
        };
        let name = plain(name);
        Wish {
            says: format!("TFTP {verb} \"{name}\" ({})", options.join(" ")),
            answer,
        }
    }

    /// A segment that begins a request by HTTP, if this one does.
    pub(crate) fn http(&self, talk: &Talk<'_>) -> Option<Wish> {
        let line = talk.payload.split(|byte| *byte == b'\r').next()?;
        let mut words = line.split(|byte| *byte == b' ');
        let method = words
            .next()
            .filter(|word| matches!(*word, b"GET" | b"HEAD" | b"POST"))?;
        let target = words.next()?;
        words.next().filter(|word| word.starts_with(b"HTTP/"))?;
        let path = target
            .split(|byte| *byte == b'?')
            .next()
            .unwrap_or_default();
        let answer = if let Some(name) = path.strip_prefix(b"/boot/") {
            self.answer(name)
        } else if path.starts_with(b"/grub/") {
            self.answer(path)
        } else if path.starts_with(b"/oss/") {
            "served, if it is a file of a system in oss".to_owned()
        } else if [&b"/announce"[..], b"/scrape", b"/stats"].contains(&path) {
            "answered by the tracker".to_owned()
        } else if path.starts_with(b"/api/v1/") {
            "answered by the API".to_owned()
        } else {
            "not found: bt-server has nothing there".to_owned()
        };
        let (method, path) = (plain(method), plain(path));
        Some(Wish {
            says: format!("HTTP {method} \"{path}\" of {}", talk.to),
            answer,
        })
    }

    fn answer(&self, name: &[u8]) -> String {
        let Some(shelf) = self.shelf else {
            return "not known: this bt-server was built without phase 1; name one with --phase1"
                .into();
        };
        let found = std::str::from_utf8(name)
            .ok()
            .and_then(|name| shelf.get(name));
        match found {
            Some((name, _)) => format!("served: {name}"),
            None => "not found: bt-server has no file of this name".to_owned(),
        }
    }
}

fn number(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<2>()?;
    Some((u16::from_be_bytes(*head), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talk<'a>(from: &str, to: &str, payload: &'a [u8]) -> Talk<'a> {
        Talk {
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            payload,
        }
    }

    #[test]
    fn tftp_requests_and_the_error_that_ends_a_transfer() {
        let mut shelf = Shelf::default();
        shelf.put("snponly.efi", "x");
        let mut files = Files::new(Some(&shelf));
        let (client, server) = ("10.77.0.9:1024", "10.77.0.1:69");
        let read = b"\0\x01/snponly.efi\0octet\0tsize\x000\0";
        for (payload, says, answer) in [
            (
                &read[..],
                "TFTP read \"/snponly.efi\" (octet tsize 0)",
                "served: snponly.efi",
            ),
            (b"\0\x01nothing", "TFTP read \"nothing\" ()", "not found: "),
            (
                b"\0\x02x\x1b\0octet\0",
                "TFTP write \"x\\x1b\" (octet)",
                "refused: ",
            ),
            (b"\0\x09", "TFTP unknown \"\" ()", "dropped: "),
        ] {
            let wish = files.tftp(&talk(client, server, payload)).unwrap();
            assert_eq!(wish.says, says);
            assert!(wish.answer.starts_with(answer), "{wish:?}");
        }
        let abort = b"\0\x05\0\x08User aborted the transfer\0";
        let wish = files.tftp(&talk(client, "10.77.0.1:40000", abort)).unwrap();
        assert_eq!(wish.says, "TFTP error 8 \"User aborted the transfer\"");
        assert!(wish.answer.contains("asks again"));
        let stranger = talk("10.77.0.8:1024", "10.77.0.1:40000", abort);
        assert_eq!(files.tftp(&stranger), None, "nobody who asked for a file");
        assert_eq!(files.tftp(&talk(client, server, b"\0")), None);
    }

    #[test]
    fn http_requests() {
        let mut shelf = Shelf::default();
        shelf.put("boot.ipxe", "x");
        shelf.put("grub/grub.cfg", "x");
        let files = Files::new(Some(&shelf));
        let ask = |line: &str| {
            let request = format!("{line} HTTP/1.1\r\nHost: x\r\n\r\n");
            files.http(&talk("10.77.0.9:1", "10.77.0.1:6969", request.as_bytes()))
        };
        for (line, answer) in [
            ("GET /boot/boot.ipxe", "served: boot.ipxe"),
            ("HEAD /boot/ipxe.efi", "not found: "),
            ("HEAD /grub/grub.cfg", "served: grub/grub.cfg"),
            ("HEAD /grub/x86_64-efi/fs.lst", "not found: "),
            ("GET /oss/debian/linux", "served, if"),
            ("GET /announce?info_hash=%00", "answered by the tracker"),
            ("POST /api/v1/report", "answered by the API"),
            ("GET /favicon.ico", "not found: "),
        ] {
            let wish = ask(line).unwrap();
            assert!(wish.answer.starts_with(answer), "{wish:?}");
        }
        assert_eq!(ask("BREW /pot"), None);
        let middle = talk(
            "10.77.0.9:1",
            "10.77.0.1:6969",
            b"GET of a payload's middle",
        );
        assert_eq!(files.http(&middle), None);
    }

    #[test]
    fn without_a_phase_1_nothing_is_promised() {
        let wish = Files::new(None).tftp(&talk("10.0.0.9:1", "10.0.0.1:69", b"\0\x01a\0octet\0"));
        assert!(wish.unwrap().answer.starts_with("not known: "));
    }
}
