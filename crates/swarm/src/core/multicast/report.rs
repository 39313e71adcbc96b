//! What a machine tells the server, and what it is told. Both are bencoded.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use metainfo::bencode::{self, Encoded, Value};

use crate::core::Bitfield;

/// What a machine tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its name in the swarm.
    pub peer_id: [u8; 20],
    /// What it wants and has not verified.
    pub lacking: Bitfield,
    /// Payload bytes that peers have sent it, all.
    pub fetched: u64,
    /// Those of them that came from the server's seed.
    pub of_server: u64,
    /// What it hears of the group, where it listens there.
    pub heard: Option<Heard>,
}

/// What was heard of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// The session.
    pub session: u64,
    /// The highest number of a datagram so far; with none, 0.
    pub highest: u32,
    /// How many datagrams came.
    pub datagrams: u64,
    /// The last trial, if there was one.
    pub burst: Option<Burst>,
}

/// How a trial arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burst {
    /// Number of its first datagram that came.
    pub first: u32,
    /// How many came.
    pub datagrams: u32,
    /// From the first one to the last one.
    pub span: Duration,
}

/// What the server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// When to report again.
    pub interval: Duration,
    /// Where to listen.
    pub invitation: Invitation,
}

/// Where and what to listen to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// The group and its port.
    pub group: SocketAddrV4,
    /// The session, drawn at random: what is not of it was sent by somebody else, or before.
    pub session: u64,
}

impl Report {
    /// As it is sent.
    #[must_use]
    pub fn to_bencode(&self) -> Vec<u8> {
        let mut entries = vec![
            ("fetched", Encoded::size(self.fetched)),
            ("lacking", Encoded::bytes(self.lacking.as_wire())),
            ("of server", Encoded::size(self.of_server)),
            ("peer id", Encoded::bytes(self.peer_id)),
        ];
        if let Some(heard) = &self.heard {
            entries.push(("heard", heard.encode()));
        }
        Encoded::dict(entries).into_bytes()
    }

    /// Reads one about a torrent of so many pieces. None where it is not one.
    #[must_use]
    pub fn parse(bytes: &[u8], pieces: u32) -> Option<Self> {
        let value = bencode::parse(bytes).ok()?;
        let dict = value.as_dict()?;
        let size = |key| dict.get(key).and_then(Value::as_size);
        let heard = match dict.get("heard") {
            Some(heard) => Some(Heard::read(heard)?),
            None => None,
        };
        Some(Self {
            peer_id: dict.get("peer id")?.as_bytes()?.try_into().ok()?,
            lacking: Bitfield::from_wire(dict.get("lacking")?.as_bytes()?, pieces)?,
            fetched: size("fetched")?,
            of_server: size("of server")?,
            heard,
        })
    }
}

impl Heard {
    fn encode(&self) -> Encoded {
        let mut entries = vec![
            ("datagrams", Encoded::size(self.datagrams)),
            ("highest", Encoded::size(self.highest.into())),
            ("session", Encoded::bytes(self.session.to_be_bytes())),
        ];
        if let Some(burst) = &self.burst {
            entries.push((
                "trial",
                Encoded::list([
                    Encoded::size(burst.first.into()),
                    Encoded::size(burst.datagrams.into()),
                    Encoded::size(burst.span.as_micros() as u64),
                ]),
            ));
        }
        Encoded::dict(entries)
    }

    fn read(value: &Value<'_>) -> Option<Self> {
        let dict = value.as_dict()?;
        let session = dict.get("session")?.as_bytes()?;
        let burst = match dict.get("trial") {
            Some(burst) => Some(Burst::read(burst)?),
            None => None,
        };
        Some(Self {
            session: u64::from_be_bytes(session.try_into().ok()?),
            highest: dict.get("highest")?.as_size()?.try_into().ok()?,
            datagrams: dict.get("datagrams")?.as_size()?,
            burst,
        })
    }
}

impl Burst {
    fn read(value: &Value<'_>) -> Option<Self> {
        let [first, datagrams, span] = value.as_list()? else {
            return None;
        };
        Some(Self {
            first: first.as_size()?.try_into().ok()?,
            datagrams: datagrams.as_size()?.try_into().ok()?,
            span: Duration::from_micros(span.as_size()?),
        })
    }
}

impl Answer {
    /// As it is sent.
    #[must_use]
    pub fn to_bencode(&self) -> Vec<u8> {
        let Invitation { group, session } = self.invitation;
        Encoded::dict([
            ("group", Encoded::bytes(group.ip().octets())),
            ("interval", Encoded::size(self.interval.as_millis() as u64)),
            ("port", Encoded::size(group.port().into())),
            ("session", Encoded::bytes(session.to_be_bytes())),
        ])
        .into_bytes()
    }

    /// Reads one. None where it is not one, and where its group is no multicast address.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let value = bencode::parse(bytes).ok()?;
        let dict = value.as_dict()?;
        let group: [u8; 4] = dict.get("group")?.as_bytes()?.try_into().ok()?;
        let group = Ipv4Addr::from(group);
        let port = dict.get("port")?.as_size()?.try_into().ok()?;
        let session = dict.get("session")?.as_bytes()?;
        let session = u64::from_be_bytes(session.try_into().ok()?);
        let interval = Duration::from_millis(dict.get("interval")?.as_size()?);
        group.is_multicast().then_some(Self {
            interval,
            invitation: Invitation {
                group: SocketAddrV4::new(group, port),
                session,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut lacking = Bitfield::empty(11);
        lacking.set(3);
        Report {
            peer_id: *b"-BS0001-abcdefghijkl",
            lacking,
            fetched: 1 << 40,
            of_server: 7,
            heard: Some(Heard {
                session: u64::MAX - 1,
                highest: 5,
                datagrams: 4,
                burst: Some(Burst {
                    first: 2,
                    datagrams: 3,
                    span: Duration::from_micros(1234),
                }),
            }),
        }
    }

    #[test]
    fn what_is_told_is_understood() {
        let mut report = report();
        let read = |report: &Report| Report::parse(&report.to_bencode(), 11);
        assert_eq!(read(&report), Some(report.clone()));
        if let Some(heard) = &mut report.heard {
            heard.burst = None;
        }
        assert_eq!(read(&report), Some(report.clone()));
        report.heard = None;
        assert_eq!(read(&report), Some(report.clone()));
        let answer = Answer {
            interval: Duration::from_millis(500),
            invitation: Invitation {
                group: "239.255.1.2:6971".parse().unwrap(),
                session: 3,
            },
        };
        assert_eq!(Answer::parse(&answer.to_bencode()), Some(answer));
    }

    #[test]
    fn nonsense_is_refused() {
        let good = report().to_bencode();
        assert_eq!(Report::parse(&good, 17), None, "of another torrent");
        for end in 0..good.len() {
            assert_eq!(Report::parse(&good[..end], 11), None, "cut at {end}");
        }
        let text = String::from_utf8_lossy(&good).into_owned();
        for (from, to) in [("7:fetchedi1", "7:fetchedi-1"), ("20:-BS", "3:-BS")] {
            let bad = text.replace(from, to);
            assert_eq!(Report::parse(bad.as_bytes(), 11), None, "{to}");
        }
        let alone = b"d5:group4:\x0a\x00\x00\x018:intervali500e4:porti1e7:session8:12345678e";
        assert_eq!(Answer::parse(alone), None, "one machine is no group");
        assert_eq!(Answer::parse(b"de"), None);
    }
}
