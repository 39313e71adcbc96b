//! What is said by multicast (BEP 14): text shaped as an HTTP request.

use std::net::Ipv4Addr;

use metainfo::InfoHash;

/// The group that everybody listens to, and the port.
pub(super) const GROUP: Ipv4Addr = Ipv4Addr::new(239, 192, 152, 143);
pub(super) const PORT: u16 = 6771;
/// The longest message that is read, in bytes: one of the smallest packets that every network carries
/// whole has some twenty torrents.
pub(super) const LONGEST: usize = 1400;

/// The longest mark that is remembered, in bytes. Others have some ten.
const LONGEST_COOKIE: usize = 64;

/// That somebody has or wants torrents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Search {
    /// Where peers reach it, at the address that the message came from.
    pub(super) port: u16,
    /// Which ones; at least one, and no more than a message has room for.
    pub(super) torrents: Vec<InfoHash>,
    /// Its own mark, by which it knows its own messages.
    pub(super) cookie: Option<String>,
}

/// The message that says so of one torrent.
pub(super) fn search(torrent: InfoHash, port: u16, cookie: &str) -> String {
    format!(
        "BT-SEARCH * HTTP/1.1\r\nHost: {GROUP}:{PORT}\r\nPort: {port}\r\nInfohash: {torrent}\r\ncookie: {cookie}\r\n\r\n\r\n"
    )
}

/// Reads a message; none unless it is about a torrent.
pub(super) fn read(bytes: &[u8]) -> Option<Search> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut lines = text.split("\r\n");
    if lines.next()? != "BT-SEARCH * HTTP/1.1" {
        return None;
    }
    let (mut port, mut cookie, mut torrents) = (None, None, Vec::new());
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "port" => port = Some(value.parse().ok().filter(|port| *port != 0)?),
            "infohash" => torrents.extend(value.to_ascii_lowercase().parse::<InfoHash>()),
            "cookie" if value.len() <= LONGEST_COOKIE => cookie = Some(value.to_owned()),
            _ => {}
        }
    }
    let port = port.filter(|_| !torrents.is_empty())?;
    Some(Search {
        port,
        torrents,
        cookie,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OURS: InfoHash = InfoHash([0xab; 20]);

    fn search_with(cookie: &str) -> String {
        search(OURS, 6881, cookie)
    }

    #[test]
    fn what_is_said_is_understood() {
        let said = search_with("x7");
        assert!(said.starts_with("BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\n"));
        assert!(said.ends_with("\r\n\r\n\r\n"));
        let cookie = Some("x7".to_owned());
        let search = Search {
            port: 6881,
            torrents: vec![OURS],
            cookie,
        };
        assert_eq!(read(said.as_bytes()), Some(search));
        let long = search_with(&"x".repeat(65));
        assert_eq!(
            read(long.as_bytes()).map(|search| search.cookie),
            Some(None)
        );
    }

    /// As libtorrent, aria2 and Transmission write them: other cases, orders, several torrents.
    #[test]
    fn others_write_it_differently() {
        let (hash, other) = ("AB".repeat(20), "cd".repeat(20));
        for said in [
            format!("Host: x\r\nPort: 51413\r\nInfohash: {hash}\r\n\r\n\r\n"),
            format!("HOST:x\r\nINFOHASH:{other}\r\nINFOHASH:{hash}\r\nPORT:51413\r\n\r\n"),
            format!("Port: 51413\r\nX-New: 1\r\nInfohash: {hash}\r\n"),
        ] {
            let found = read(format!("BT-SEARCH * HTTP/1.1\r\n{said}").as_bytes());
            let found = found.unwrap_or_else(|| panic!("{said}"));
            assert_eq!(found.port, 51413, "{said}");
            assert!(found.torrents.contains(&OURS), "{said}");
        }
        for wrong in [
            format!("BT-SEARCH * HTTP/1.1\r\nPort: 0\r\nInfohash: {hash}\r\n\r\n"),
            format!("BT-SEARCH * HTTP/1.1\r\nPort: 70000\r\nInfohash: {hash}\r\n\r\n"),
            format!("BT-SEARCH * HTTP/1.1\r\nInfohash: {hash}\r\n\r\n"),
            format!("M-SEARCH * HTTP/1.1\r\nPort: 1\r\nInfohash: {hash}\r\n\r\n"),
            "BT-SEARCH * HTTP/1.1\r\nPort: 1\r\nInfohash: ab\r\n\r\n".to_owned(),
            String::new(),
        ] {
            assert_eq!(read(wrong.as_bytes()), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn no_noise_does_harm(noise: Vec<u8>, lines: String) {
            let _ = read(&noise);
            let _ = read(format!("BT-SEARCH * HTTP/1.1\r\n{lines}").as_bytes());
        }
    }
}
