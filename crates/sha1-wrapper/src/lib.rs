//! SHA-1 and SHA-256 for librqbit, in pure Rust.
//!
//! librqbit hashes through a small crate whose two back ends are C code (the system's OpenSSL, or
//! AWS-LC). This crate takes that one's place through `[patch.crates-io]`: the same name, version,
//! features, traits and types over RustCrypto, which uses the CPU's SHA instructions where it has
//! them. It holds nothing else.

use sha1::Digest;

/// SHA-1, as BEP 3 hashes pieces.
pub trait ISha1 {
    /// An empty digest.
    fn new() -> Self;
    /// Takes in the next bytes.
    fn update(&mut self, buf: &[u8]);
    /// The digest of everything taken in.
    fn finish(self) -> [u8; 20];
}

/// SHA-256, as BEP 52 hashes pieces.
pub trait ISha256 {
    /// An empty digest.
    fn new() -> Self;
    /// Takes in the next bytes.
    fn update(&mut self, buf: &[u8]);
    /// The digest of everything taken in.
    fn finish(self) -> [u8; 32];
    /// The same under the name librqbit uses for 32-byte identifiers.
    fn finish_id32(self) -> [u8; 32]
    where
        Self: Sized,
    {
        self.finish()
    }
}

/// SHA-1 over RustCrypto.
#[derive(Clone, Debug)]
pub struct Sha1(sha1::Sha1);

/// SHA-256 over RustCrypto.
#[derive(Clone, Debug)]
pub struct Sha256(sha2::Sha256);

impl ISha1 for Sha1 {
    fn new() -> Self {
        Self(sha1::Sha1::new())
    }
    fn update(&mut self, buf: &[u8]) {
        self.0.update(buf);
    }
    fn finish(self) -> [u8; 20] {
        self.0.finalize().into()
    }
}

impl ISha256 for Sha256 {
    fn new() -> Self {
        Self(sha2::Sha256::new())
    }
    fn update(&mut self, buf: &[u8]) {
        self.0.update(buf);
    }
    fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::{ISha1, ISha256, Sha1, Sha256};

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    /// The "abc" vectors of FIPS 180-2, appendices A.1 and B.1.
    #[test]
    fn fips_vectors() {
        let mut sha1 = Sha1::new();
        sha1.update(b"a");
        sha1.update(b"bc");
        assert_eq!(
            hex(&sha1.finish()),
            "a9993e364706816aba3e25717850c26c9cd0d89d"
        );

        let mut sha256 = Sha256::new();
        sha256.update(b"ab");
        sha256.update(b"c");
        assert_eq!(
            hex(&sha256.finish_id32()),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
