//! gzip, reproducible: no name and no date in its header.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

/// Why bytes could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum GzipError {
    /// They are no gzip, or damaged.
    #[error("not a sound gzip file: {0}")]
    Damaged(#[from] std::io::Error),
    /// They unpack to more than the caller allows.
    #[error("unpacks to more than {0} bytes")]
    TooLarge(usize),
}

/// Compresses; `level` 0 (none) to 9 (smallest).
#[must_use]
pub fn gzip(bytes: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level.min(9)));
    // Writing into a vector cannot fail, and finishing into one neither.
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .unwrap_or_default()
}

/// Unpacks at most `limit` bytes; several gzip members after one another are one file.
///
/// # Errors
/// Damaged input, or more than `limit` bytes in it.
pub fn gunzip(bytes: &[u8], limit: usize) -> Result<Vec<u8>, GzipError> {
    let mut unpacked = Vec::new();
    let beyond = (limit as u64).saturating_add(1);
    MultiGzDecoder::new(bytes)
        .take(beyond)
        .read_to_end(&mut unpacked)?;
    if unpacked.len() > limit {
        return Err(GzipError::TooLarge(limit));
    }
    Ok(unpacked)
}
