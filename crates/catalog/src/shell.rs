//! Who gets a shell at a machine in phase 1: nobody, everybody, or whoever knows a PIN.
//!
//! One setting, `boottorrent.shell`, decides it for the second screen, the serial lines and the menu's key together. A
//! PIN is never written down: what stands in the configuration, and travels in the manifest, is its slow hash (Argon2id,
//! RFC 9106). Whoever holds that can still try PINs on their own computer, some ten a second and core: four digits last
//! minutes, twelve letters longer than anybody waits.

use std::fmt;
use std::str::FromStr;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};

/// Bytes of salt that a new hash needs.
pub const SALT: usize = 16;
/// Fewer or more characters than this no PIN has.
pub const LENGTH: std::ops::RangeInclusive<usize> = 4..=64;

/// A new hash's memory in KiB and its passes. The smaller ones of OWASP's equal choices (Password Storage Cheat Sheet): a
/// machine whose memory is full of a download must be able to check a PIN too.
const KIB: u32 = 19_456;
const PASSES: u32 = 2;
/// What a hash from elsewhere may ask of a machine, for it is computed at every attempt: 64 MiB, as in RFC 9106's second
/// choice, and as many passes.
const MOST_KIB: u32 = 64 << 10;
const MOST_PASSES: u32 = 10;
/// What it has to ask at least, or it is no slow hash.
const LEAST_KIB: u32 = 7 << 10;

/// Who gets a shell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Shell {
    /// Nobody.
    #[default]
    No,
    /// Whoever asks.
    Yes,
    /// Who knows the PIN.
    Pin(PinHash),
}

/// A PIN's slow hash, as a PHC string that this program can verify: `$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinHash(String);

/// What is wrong with a PIN, or with what should be a hash of one, as the end of a sentence that begins with its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is none of the words, and no hash.
    #[error("must be no, yes, or the hash of a PIN that `bt-server pin` prints")]
    Form,
    /// The hash is of another kind, or damaged.
    #[error("is not a whole Argon2id hash as `bt-server pin` prints it")]
    Hash,
    /// The hash is computed too fast to protect anything, or takes more than machines have.
    #[error("asks for less than 7 MiB or more than 64 MiB of memory, or for more than 10 passes")]
    Cost,
    /// The PIN has too few or too many characters.
    #[error("must have 4 to 64 characters")]
    Length,
    /// The PIN has characters that not every keyboard can send in phase 1.
    #[error("may hold only ASCII letters, digits and signs: phase 1 knows no other keys")]
    Characters,
}

impl Shell {
    /// Whether nobody gets one.
    pub fn is_no(&self) -> bool {
        *self == Shell::No
    }
}

impl PinHash {
    /// The hash of a PIN with a random salt.
    ///
    /// # Errors
    /// A PIN that could not be typed, or that is too short.
    pub fn of(pin: &str, salt: &[u8; SALT]) -> Result<PinHash, Error> {
        if !pin.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) {
            return Err(Error::Characters);
        }
        if !LENGTH.contains(&pin.len()) {
            return Err(Error::Length);
        }
        let params = Params::new(KIB, PASSES, 1, None).map_err(|_| Error::Cost)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash = argon2
            .hash_password_with_salt(pin.as_bytes(), salt)
            .map_err(|_| Error::Hash)?;
        Ok(PinHash(hash.to_string()))
    }

    /// Whether this is the PIN. Takes some 20 MiB of memory, and a tenth of a second.
    pub fn fits(&self, pin: &str) -> bool {
        PasswordHash::new(&self.0).is_ok_and(|hash| {
            Argon2::default()
                .verify_password(pin.as_bytes(), &hash)
                .is_ok()
        })
    }
}

impl FromStr for PinHash {
    type Err = Error;

    fn from_str(text: &str) -> Result<PinHash, Error> {
        let hash = PasswordHash::new(text).map_err(|_| Error::Hash)?;
        let is_whole = hash.algorithm.as_str() == "argon2id" && hash.salt.is_some();
        if !is_whole || hash.hash.is_none_or(|hash| hash.as_bytes().len() < 16) {
            return Err(Error::Hash);
        }
        let params = Params::try_from(&hash).map_err(|_| Error::Hash)?;
        let is_payable =
            (LEAST_KIB..=MOST_KIB).contains(&params.m_cost()) && params.t_cost() <= MOST_PASSES;
        is_payable
            .then(|| PinHash(text.to_owned()))
            .ok_or(Error::Cost)
    }
}

impl fmt::Display for PinHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Shell {
    type Err = Error;

    fn from_str(text: &str) -> Result<Shell, Error> {
        Ok(match text {
            "no" => Shell::No,
            "yes" => Shell::Yes,
            hash if hash.starts_with('$') => Shell::Pin(hash.parse()?),
            _ => return Err(Error::Form),
        })
    }
}

impl fmt::Display for Shell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shell::No => f.write_str("no"),
            Shell::Yes => f.write_str("yes"),
            Shell::Pin(hash) => hash.fmt(f),
        }
    }
}

impl TryFrom<String> for Shell {
    type Error = Error;

    fn try_from(text: String) -> Result<Shell, Error> {
        text.parse()
    }
}

impl From<Shell> for String {
    fn from(shell: Shell) -> String {
        shell.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT_OF_TESTS: [u8; SALT] = [7; SALT];

    #[test]
    fn a_pin_fits_its_hash_and_no_other() {
        let hash = PinHash::of("2468", &SALT_OF_TESTS).expect("a hash");
        assert!(
            hash.to_string()
                .starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert!(hash.fits("2468"));
        for wrong in ["2469", "", "24680", " 2468"] {
            assert!(!hash.fits(wrong), "{wrong:?}");
        }
        let other = PinHash::of("2468", &[8; SALT]).expect("a hash");
        assert_ne!(hash, other, "the salt counts");
        assert_eq!(hash.to_string().parse(), Ok(hash));
    }

    #[test]
    fn pins_that_could_not_be_typed_are_refused() {
        for (pin, expected) in [
            ("123", Error::Length),
            (&"1".repeat(65), Error::Length),
            ("schlüssel", Error::Characters),
            ("12\t34", Error::Characters),
        ] {
            assert_eq!(PinHash::of(pin, &SALT_OF_TESTS), Err(expected), "{pin}");
        }
    }

    #[test]
    fn the_setting_reads_and_writes_alike() {
        let pin = PinHash::of("correct horse", &SALT_OF_TESTS).expect("a hash");
        for shell in [Shell::No, Shell::Yes, Shell::Pin(pin)] {
            assert_eq!(shell.to_string().parse(), Ok(shell));
        }
    }

    #[test]
    fn what_protects_nothing_or_takes_too_much_is_refused() {
        let hash = PinHash::of("2468", &SALT_OF_TESTS)
            .expect("a hash")
            .to_string();
        let with = |from: &str, to: &str| hash.replace(from, to).parse::<Shell>();
        assert_eq!(with("m=19456", "m=64"), Err(Error::Cost));
        assert_eq!(with("m=19456", "m=4000000"), Err(Error::Cost));
        assert_eq!(with("t=2", "t=500"), Err(Error::Cost));
        assert_eq!(with("argon2id", "argon2i"), Err(Error::Hash));
        assert_eq!(hash[..40].parse::<Shell>(), Err(Error::Hash));
        assert_eq!("$6$salt$hash".parse::<Shell>(), Err(Error::Hash));
        for word in ["maybe", "", "1234", "No"] {
            assert_eq!(word.parse::<Shell>(), Err(Error::Form), "{word}");
        }
    }
}
