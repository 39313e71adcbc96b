//! All peers, found by the name of their connection.
//!
//! A room of a thousand machines means a hundred thousand messages a second that each look up their
//! peer. Names only grow, so a sorted list of them, apart from the peers, is searched within a few
//! cache lines and stays in order by itself.

use super::ConnId;
use super::peer::Peer;

/// The peers in the order in which their connections came to be.
#[derive(Default)]
pub(crate) struct Peers {
    names: Vec<ConnId>,
    /// Those of the names, in the same order.
    peers: Vec<Peer>,
}

impl Peers {
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    fn find(&self, conn: &ConnId) -> Option<usize> {
        // Where nobody has left yet, names are as far apart as places.
        let first = self.names.first()?;
        let guess = usize::try_from(conn.0.checked_sub(first.0)?).ok()?;
        if self.names.get(guess) == Some(conn) {
            return Some(guess);
        }
        self.names.binary_search(conn).ok()
    }

    #[cfg(test)]
    pub(crate) fn contains_key(&self, conn: &ConnId) -> bool {
        self.find(conn).is_some()
    }

    pub(crate) fn get(&self, conn: &ConnId) -> Option<&Peer> {
        self.find(conn).map(|at| &self.peers[at])
    }

    pub(crate) fn get_mut(&mut self, conn: &ConnId) -> Option<&mut Peer> {
        self.find(conn).map(|at| &mut self.peers[at])
    }

    /// Adds the newest one, whose name is greater than all before.
    pub(crate) fn insert(&mut self, conn: ConnId, peer: Peer) {
        debug_assert!(self.names.last().is_none_or(|last| *last < conn));
        self.names.push(conn);
        self.peers.push(peer);
    }

    pub(crate) fn remove(&mut self, conn: &ConnId) -> Option<Peer> {
        let at = self.find(conn)?;
        self.names.remove(at);
        Some(self.peers.remove(at))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &ConnId> {
        self.names.iter()
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &Peer> {
        self.peers.iter()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&ConnId, &Peer)> {
        self.names.iter().zip(&self.peers)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&ConnId, &mut Peer)> {
        self.names.iter().zip(&mut self.peers)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddrV4};
    use std::time::Duration;

    use super::{ConnId, Peer, Peers};

    #[test]
    fn everybody_is_found_whoever_left_before() {
        let mut peers = Peers::default();
        let address = |port| SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        for name in 0..100 {
            let peer = Peer::new(address(name), true, 1, Duration::ZERO);
            peers.insert(ConnId(name.into()), peer);
        }
        for gone in [0, 1, 5, 50, 99] {
            assert!(peers.remove(&ConnId(gone)).is_some());
            assert!(peers.remove(&ConnId(gone)).is_none());
        }
        for name in 0..120 {
            let there = name < 100 && ![0, 1, 5, 50, 99].contains(&name);
            let found = peers.get(&ConnId(name)).map(|peer| peer.address.port());
            assert_eq!(found, there.then_some(name as u16));
        }
        let names: Vec<_> = peers.keys().map(|conn| conn.0).collect();
        assert!(names.is_sorted() && names.len() == peers.len());
    }
}
