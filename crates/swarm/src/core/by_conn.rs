//! What belongs to connections, found by their names.
//!
//! In a room of a thousand machines a hundred thousand messages a second each look up their peer. Names
//! only grow, so a sorted list of them, apart from what they stand for, is searched within a few cache
//! lines and stays in order by itself.

use super::ConnId;

/// A map in the order in which the connections came to be.
pub(crate) struct ByConn<T> {
    names: Vec<ConnId>,
    /// What belongs to the names, in the same order.
    values: Vec<T>,
}

impl<T> Default for ByConn<T> {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            values: Vec::new(),
        }
    }
}

impl<T> ByConn<T> {
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    fn find(&self, conn: &ConnId) -> Result<usize, usize> {
        // Where nobody has left yet, names are as far apart as places.
        let first = self.names.first().map_or(0, |first| first.0);
        let guess = conn.0.saturating_sub(first) as usize;
        if self.names.get(guess) == Some(conn) {
            return Ok(guess);
        }
        self.names.binary_search(conn)
    }

    pub(crate) fn get(&self, conn: &ConnId) -> Option<&T> {
        self.find(conn).ok().map(|at| &self.values[at])
    }

    pub(crate) fn get_mut(&mut self, conn: &ConnId) -> Option<&mut T> {
        self.find(conn).ok().map(|at| &mut self.values[at])
    }

    pub(crate) fn insert(&mut self, conn: ConnId, value: T) {
        match self.find(&conn) {
            Ok(at) => self.values[at] = value,
            Err(at) => {
                self.names.insert(at, conn);
                self.values.insert(at, value);
            }
        }
    }

    pub(crate) fn remove(&mut self, conn: &ConnId) -> Option<T> {
        let at = self.find(conn).ok()?;
        self.names.remove(at);
        Some(self.values.remove(at))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &ConnId> {
        self.names.iter()
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.values.iter()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&ConnId, &T)> {
        self.names.iter().zip(&self.values)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&ConnId, &mut T)> {
        self.names.iter().zip(&mut self.values)
    }
}

#[cfg(test)]
mod tests {
    use super::{ByConn, ConnId};

    #[test]
    fn everybody_is_found_whoever_left_before_and_came_late() {
        let mut map = ByConn::default();
        let late = 70;
        for name in (0..100).filter(|name| *name != late) {
            map.insert(ConnId(name), name);
        }
        map.insert(ConnId(late), late);
        let gone = [0, 1, 5, 50, 99];
        for name in gone {
            assert_eq!(map.remove(&ConnId(name)), Some(name));
            assert_eq!(map.remove(&ConnId(name)), None);
        }
        for name in 0..120 {
            let there = name < 100 && !gone.contains(&name);
            assert_eq!(map.get(&ConnId(name)).copied(), there.then_some(name));
        }
        assert!(map.keys().is_sorted());
        assert!(map.iter().all(|(conn, name)| conn.0 == *name) && map.len() == 95);
    }
}
