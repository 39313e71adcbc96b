//! A piece of which something is asked or stored.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use crate::core::{ConnId, Layout};

/// How far a block is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    Wanted,
    /// Asked of these; never empty, and more than one only in the end game.
    Asked(Vec<ConnId>),
    Stored(Ipv4Addr),
}

pub(super) struct Partial {
    states: Vec<State>,
    wanted: u32,
    stored: u32,
    /// Only this machine may bring blocks of it.
    reserved: Option<Ipv4Addr>,
}

impl Partial {
    pub(super) fn new(blocks: u32, reserved: Option<Ipv4Addr>) -> Self {
        let states = vec![State::Wanted; blocks as usize];
        Self {
            states,
            wanted: blocks,
            stored: 0,
            reserved,
        }
    }

    pub(super) fn states(&self) -> impl Iterator<Item = (u32, &State)> {
        (0..).zip(&self.states)
    }

    /// Blocks that nobody was asked for.
    pub(super) fn wanted(&self) -> u32 {
        self.wanted
    }

    pub(super) fn wanting(&self) -> bool {
        self.wanted > 0
    }

    pub(super) fn stored(&self) -> u32 {
        self.stored
    }

    /// Blocks that somebody was asked for.
    pub(super) fn open(&self) -> u32 {
        self.states.len() as u32 - self.wanted - self.stored
    }

    pub(super) fn full(&self) -> bool {
        self.stored as usize == self.states.len()
    }

    pub(super) fn reserved(&self) -> Option<Ipv4Addr> {
        self.reserved
    }

    /// Whether this machine may bring blocks of it. A suspect works only on pieces of its own.
    pub(super) fn allows(&self, address: Ipv4Addr, suspect: bool) -> bool {
        match self.reserved {
            Some(reserved) => reserved == address,
            None => !suspect,
        }
    }

    pub(super) fn next_wanted(&self) -> Option<u32> {
        if self.wanted == 0 {
            return None;
        }
        let at = self.states.iter().position(|state| *state == State::Wanted);
        at.map(|number| number as u32)
    }

    pub(super) fn ask(&mut self, number: u32, conn: ConnId) {
        let state = &mut self.states[number as usize];
        match state {
            State::Wanted => {
                *state = State::Asked(vec![conn]);
                self.wanted -= 1;
            }
            State::Asked(of) if !of.contains(&conn) => of.push(conn),
            State::Asked(_) | State::Stored(_) => {}
        }
    }

    pub(super) fn release(&mut self, number: u32, conn: ConnId) {
        let state = &mut self.states[number as usize];
        if let State::Asked(of) = state {
            of.retain(|other| *other != conn);
            if of.is_empty() {
                *state = State::Wanted;
                self.wanted += 1;
            }
        }
    }

    /// Notes a block that came, whoever was asked for it. Gives who else was; none if it is there.
    pub(super) fn store(
        &mut self,
        number: u32,
        conn: ConnId,
        from: Ipv4Addr,
    ) -> Option<Vec<ConnId>> {
        let state = &mut self.states[number as usize];
        if matches!(state, State::Stored(_)) {
            return None;
        }
        self.stored += 1;
        match std::mem::replace(state, State::Stored(from)) {
            State::Asked(mut of) => {
                of.retain(|other| *other != conn);
                Some(of)
            }
            State::Wanted | State::Stored(_) => {
                self.wanted -= 1;
                Some(Vec::new())
            }
        }
    }

    /// Blocks that these have brought are wanted again.
    pub(super) fn forget(&mut self, who: impl Fn(&Ipv4Addr) -> bool) {
        for state in &mut self.states {
            if matches!(state, State::Stored(from) if who(from)) {
                *state = State::Wanted;
                self.stored -= 1;
                self.wanted += 1;
            }
        }
    }

    /// Who brought how many bytes.
    pub(super) fn providers(&self, layout: &Layout, piece: u32) -> Vec<(Ipv4Addr, u32)> {
        let mut bytes = BTreeMap::new();
        for (number, state) in self.states() {
            if let State::Stored(from) = state {
                *bytes.entry(*from).or_default() += layout.block(piece, number).length;
            }
        }
        bytes.into_iter().collect()
    }
}
