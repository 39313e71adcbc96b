//! The crate async-tftp with files in memory, and the limits that bt-server gave it: what `cargo xtask bench tftp` measures
//! the transfers of this house against, which took its place.
//!
//! `async_tftp ADDRESS:PORT FOLDER`

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_tftp::packet::Error;
use async_tftp::server::{Handler, TftpServerBuilder};
use futures_lite::io::{Cursor, Sink};

struct Memory(HashMap<PathBuf, Arc<[u8]>>);

impl Handler for Memory {
    type Reader = Cursor<Arc<[u8]>>;
    type Writer = Sink;

    async fn read_req_open(
        &mut self,
        _client: &SocketAddr,
        path: &Path,
    ) -> Result<(Self::Reader, Option<u64>), Error> {
        let file = self.0.get(path).ok_or(Error::FileNotFound)?;
        Ok((Cursor::new(Arc::clone(file)), Some(file.len() as u64)))
    }

    async fn write_req_open(
        &mut self,
        _client: &SocketAddr,
        _path: &Path,
        _size: Option<u64>,
    ) -> Result<Self::Writer, Error> {
        Err(Error::PermissionDenied)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [address, folder] = words.as_slice() else {
        return Err("async_tftp ADDRESS:PORT FOLDER".into());
    };
    let mut files = HashMap::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        files.insert(
            entry.file_name().into(),
            std::fs::read(entry.path())?.into(),
        );
    }
    futures_lite::future::block_on(async {
        let server = TftpServerBuilder::with_handler(Memory(files))
            .bind(address.parse()?)
            .timeout(Duration::from_secs(1))
            .max_send_retries(5)
            .block_size_limit(1468)
            .window_size_limit(16)
            .ignore_client_timeout()
            .build()
            .await?;
        Ok(server.serve().await?)
    })
}
