//! At most so many of something at a time for one address: what keeps one stranger from taking what
//! is there for a room. Addresses that hold nothing are not remembered.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// How many each address holds, and how many it may.
#[derive(Clone, Debug)]
pub(super) struct Quota {
    most: usize,
    held: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Quota {
    /// At most `most`, which is above zero, for each address.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            held: Arc::default(),
        }
    }

    /// One more for `address`; none if it has enough.
    pub(super) fn take(&self, address: IpAddr) -> Option<Share> {
        let address = address.to_canonical();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(address).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Share {
            address,
            quota: self.clone(),
        })
    }

    /// Whether nobody holds anything.
    #[cfg(test)]
    pub(super) fn is_free(&self) -> bool {
        self.held.lock().is_ok_and(|held| held.is_empty())
    }
}

/// One of those an address holds, until it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    address: IpAddr,
    quota: Quota,
}

impl Share {
    /// Whose it is.
    pub(super) fn address(&self) -> IpAddr {
        self.address
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self
            .quota
            .held
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.address);
            }
        }
    }
}
