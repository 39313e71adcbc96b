//! The server's files by HTTP, for when no peer gives anything (BEP 19's web seed).
//!
//! A room's bytes should come from its machines and from the server's seed. Where a network lets
//! machines reach nothing but the server's web port, they still can come from there. To the core
//! this is one more peer, which came by itself and has everything: its requests become ranges of
//! files, and what comes back is verified as from anybody. [`Switch`](switch::Switch) decides when.
//!
//! The torrents do not name it (`url-list`): programs that find it there use it all the time. Four
//! aria2 clients at 10 MB/s fetched 1.1 copies by HTTP beside what the seed sent them.

mod fallback;
mod peer;
mod queue;
mod switch;

use std::net::SocketAddrV4;

use metainfo::Info;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::http;

pub(super) use fallback::{Fallback, Turn};

/// What may stand in a path as it is (RFC 3986, 2.3).
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Where a torrent's files are by HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebSeed {
    address: SocketAddrV4,
    base: String,
}

impl WebSeed {
    /// From the address of the folder that the torrent's own folder is in, such as
    /// `http://10.77.0.1:6969/oss/`; without its last `/` it means the same.
    ///
    /// # Errors
    /// Not an `http://` address whose host is an IPv4 address.
    pub fn parse(url: &str) -> Result<Self, http::Error> {
        let (address, path) = http::address(url)?;
        let std::net::SocketAddr::V4(address) = address else {
            return Err(http::Error::Url(url.to_owned()));
        };
        let base = path.trim_end_matches('/').to_owned();
        Ok(Self { address, base })
    }

    /// The path of a file, escaped: base, name, and the file's own path (BEP 19).
    fn path(&self, info: &Info, file: usize) -> String {
        let own = &info.files[file].path;
        let own = if info.single_file { &[] } else { &own[..] };
        let mut path = self.base.clone();
        for part in std::iter::once(&info.name).chain(own) {
            path.push('/');
            path.extend(utf8_percent_encode(part, PLAIN));
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::WebSeed;
    use metainfo::{FileEntry, Info};

    #[test]
    fn a_file_s_path_is_base_name_and_its_own_escaped() {
        let mut info = Info {
            name: "my system".into(),
            piece_length: 65536,
            pieces: Vec::new(),
            files: vec![FileEntry {
                path: vec!["boot".into(), "образ#1?.gz".into()],
                length: 1,
            }],
            private: false,
            single_file: false,
        };
        for base in ["http://10.77.0.1:6969/oss", "http://10.77.0.1:6969/oss/"] {
            let seed = WebSeed::parse(base).unwrap();
            assert_eq!(seed.address.to_string(), "10.77.0.1:6969");
            assert_eq!(
                seed.path(&info, 0),
                "/oss/my%20system/boot/%D0%BE%D0%B1%D1%80%D0%B0%D0%B7%231%3F.gz"
            );
        }
        info.single_file = true;
        let seed = WebSeed::parse("http://10.77.0.1").unwrap();
        assert_eq!(seed.path(&info, 0), "/my%20system");
        assert_eq!(seed.address.port(), 80);
    }

    #[test]
    fn only_http_at_an_ipv4_address_will_do() {
        for url in [
            "https://10.77.0.1/oss/",
            "http://server/oss/",
            "http://[::1]/oss/",
            "10.77.0.1",
            "",
        ] {
            let said = WebSeed::parse(url).unwrap_err().to_string();
            assert!(said.contains(url), "{said}");
        }
    }
}
