//! A `.torrent` file.

use sha1::{Digest, Sha1};

use crate::bencode::{self, Dict, Encoded, Value};
use crate::{Info, InfoHash, ParseError, parse};

/// The largest `.torrent` file that is read, in bytes.
const MAX_BYTES: usize = 16 << 20;

/// A torrent: its info, and where to find peers and web seeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torrent {
    info: Info,
    /// The info dictionary as it was read. Keys that we don't know are part of the hash.
    raw_info: Vec<u8>,
    info_hash: InfoHash,
    announce: Option<String>,
    web_seeds: Vec<String>,
}

impl Torrent {
    /// A torrent of this info, with neither tracker nor web seeds.
    pub fn new(info: Info) -> Self {
        let raw_info = info.to_bencode();
        let info_hash = InfoHash(Sha1::digest(&raw_info).into());
        Self {
            info,
            raw_info,
            info_hash,
            announce: None,
            web_seeds: Vec::new(),
        }
    }

    /// The same with this tracker (BEP 3, `announce`). The info hash stays.
    #[must_use]
    pub fn with_announce(mut self, url: impl Into<String>) -> Self {
        self.announce = Some(url.into());
        self
    }

    /// The same with one more web seed (BEP 19, `url-list`). The info hash stays.
    #[must_use]
    pub fn with_web_seed(mut self, url: impl Into<String>) -> Self {
        self.web_seeds.push(url.into());
        self
    }

    /// Reads a `.torrent` file of anybody.
    ///
    /// # Errors
    /// If it is no bencode, if keys are missing or contradict each other, or if a path could leave
    /// the torrent's folder.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        if bytes.len() > MAX_BYTES {
            return Err(ParseError::TooLarge(bytes.len()));
        }
        let value = bencode::parse(bytes)?;
        let dict = value.as_dict().ok_or(ParseError::Key("info"))?;
        let raw_info = dict
            .get("info")
            .and_then(Value::as_dict)
            .ok_or(ParseError::Key("info"))?;
        Ok(Self {
            info: parse::info(raw_info)?,
            raw_info: raw_info.raw().to_vec(),
            info_hash: InfoHash(Sha1::digest(raw_info.raw()).into()),
            announce: announce(dict).map(str::to_owned),
            web_seeds: web_seeds(dict),
        })
    }

    /// The `.torrent` file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut entries = vec![("info", Encoded::raw(self.raw_info.clone()))];
        if let Some(url) = &self.announce {
            entries.push(("announce", Encoded::bytes(url)));
        }
        if !self.web_seeds.is_empty() {
            let urls = self.web_seeds.iter().map(Encoded::bytes);
            entries.push(("url-list", Encoded::list(urls)));
        }
        Encoded::dict(entries).into_bytes()
    }

    /// What the torrent is about.
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// The hash of the info dictionary's bytes, as they were read.
    pub fn info_hash(&self) -> InfoHash {
        self.info_hash
    }

    /// The tracker's URL.
    pub fn announce(&self) -> Option<&str> {
        self.announce.as_deref()
    }

    /// The web seeds' URLs (BEP 19).
    pub fn web_seeds(&self) -> &[String] {
        &self.web_seeds
    }
}

/// The tracker; of a list of tiers (BEP 12) only the first entry, if there is no single one.
fn announce<'a>(dict: &Dict<'a>) -> Option<&'a str> {
    let first_of_list = || {
        let tiers = dict.get("announce-list")?.as_list()?;
        tiers.first()?.as_list()?.first()?.as_str()
    };
    dict.get("announce")
        .and_then(Value::as_str)
        .or_else(first_of_list)
}

/// BEP 19 allows one URL or a list of them.
fn web_seeds(dict: &Dict<'_>) -> Vec<String> {
    match dict.get("url-list") {
        Some(Value::List(urls)) => urls
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        Some(url) => url
            .as_str()
            .filter(|url| !url.is_empty())
            .map(str::to_owned)
            .into_iter()
            .collect(),
        None => Vec::new(),
    }
}
