//! How much of the room is heard directly, by the claims that come.

use crate::core::wire::Way;

/// So many claims say how it is now; what was before counts half.
const LATELY: u32 = 4096;

/// A room counts as at most so many times as large as what is heard directly.
pub(super) const LARGEST: u32 = 15;

/// Claims that were heard, of who made them and of who told them on.
#[derive(Default)]
pub(super) struct Reach {
    direct: u32,
    told_on: u32,
}

impl Reach {
    /// A claim is new.
    pub(super) fn heard(&mut self, way: Way) {
        match way {
            Way::ToldOn => self.told_on += 1,
            Way::Direct | Way::TellOn => self.direct += 1,
        }
        if self.direct + self.told_on >= LATELY {
            (self.direct, self.told_on) = (self.direct / 2, self.told_on / 2);
        }
    }

    /// How many there are in the room for so many that are heard directly. None if none was ever.
    pub(super) fn in_the_room(&self, direct: u32) -> Option<u32> {
        let heard = u64::from(direct) * u64::from(self.direct + self.told_on);
        let all = heard.checked_div(self.direct.into())? as u32;
        Some(all.min(LARGEST * direct))
    }

    /// Most of what is claimed is heard by way of others only.
    pub(super) fn is_partial(&self) -> bool {
        self.told_on > self.direct
    }
}

#[cfg(test)]
mod tests {
    use super::{LARGEST, LATELY, Reach, Way};

    #[test]
    fn what_is_heard_directly_stands_for_the_room() {
        assert_eq!(Reach::default().in_the_room(3), None);
        let one = |told_on| {
            let mut reach = Reach::default();
            reach.heard(Way::TellOn);
            (0..told_on).for_each(|_| reach.heard(Way::ToldOn));
            (reach.in_the_room(3), reach.is_partial())
        };
        assert_eq!(one(0), (Some(3), false));
        assert_eq!(one(4), (Some(15), true));
        assert_eq!(one(1000), (Some(3 * LARGEST), true));
    }

    #[test]
    fn it_follows_a_room_that_changes() {
        let mut reach = Reach::default();
        for _ in 0..LATELY {
            reach.heard(Way::ToldOn);
        }
        for _ in 0..4 * LATELY {
            reach.heard(Way::Direct);
        }
        assert_eq!(reach.in_the_room(100), Some(100));
    }
}
