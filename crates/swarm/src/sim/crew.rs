//! The machines that one core simulates.

use std::time::Duration;

use super::link::Post;
use super::running::Running;
use super::{BEAT, Room, start_of};

/// Neighbours in the room, in order.
pub(super) struct Crew {
    members: Vec<Running>,
    /// What came from each crew, and what goes to each, this one among them.
    inbox: Vec<Post>,
    out: Vec<Post>,
    /// The beat in which the first of them has something to do.
    next: Option<u64>,
    /// Machines that are not done.
    awaited: usize,
    /// Some machine was switched on or off.
    switched: bool,
}

impl Crew {
    pub(super) fn new(members: Vec<Running>, crews: usize) -> Self {
        Self {
            awaited: members.iter().filter(|one| one.awaited()).count(),
            next: Some(0),
            members,
            inbox: (0..crews).map(|_| Post::default()).collect(),
            out: (0..crews).map(|_| Post::default()).collect(),
            switched: false,
        }
    }

    pub(super) fn disband(self) -> Vec<Running> {
        self.members
    }

    pub(super) fn awaited(&self) -> usize {
        self.awaited
    }

    /// Notes who is on, if that changed.
    pub(super) fn tell_who_is_there(&mut self, there: &mut [bool]) {
        if std::mem::take(&mut self.switched) {
            for one in &self.members {
                there[one.index] = one.is_on();
            }
        }
    }

    pub(super) fn out_for(&mut self, crew: usize) -> &mut Post {
        &mut self.out[crew]
    }

    /// Gives back an empty one, to be used again.
    pub(super) fn take_in(&mut self, from: usize, post: Post) -> Post {
        std::mem::replace(&mut self.inbox[from], post)
    }

    /// The next beat after this one in which something may be to do.
    pub(super) fn next(&self, beat: u64) -> Option<u64> {
        if self.inbox.iter().all(Post::is_empty) {
            self.next
        } else {
            Some(beat + 1)
        }
    }

    /// One beat.
    pub(super) fn work(&mut self, room: &Room) {
        let now = start_of(room.beat);
        self.deliver(now);
        self.next = None;
        for one in &mut self.members {
            if one.next().is_some_and(|beat| beat <= room.beat) {
                let (awaited, on) = (one.awaited(), one.is_on());
                one.work(room, now, now + BEAT, &mut self.out);
                self.awaited -= usize::from(awaited && !one.awaited());
                self.switched |= on != one.is_on();
            }
            self.next = [self.next, one.next()].into_iter().flatten().min();
        }
    }

    /// In the order of the senders, however they are spread over crews.
    fn deliver(&mut self, now: Duration) {
        let first = self.members.first().map_or(0, |one| one.index);
        let mut parcels = Vec::new();
        for post in &mut self.inbox {
            for letter in post.letters.drain(..) {
                self.members[letter.to.machine - first].take_letter(letter);
            }
            parcels.append(&mut post.parcels);
        }
        parcels.sort_by_key(|parcel| parcel.at);
        for parcel in parcels {
            self.members[parcel.to - first].take_parcel(parcel, now);
        }
    }
}
