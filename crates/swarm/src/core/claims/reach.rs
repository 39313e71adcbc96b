//! How much of the room is heard directly, by the claims that came true.

/// With fewer nothing is known yet.
const ENOUGH_KNOWN: u32 = 8;

/// Claims that came true, of those who are connected: their own, and others' that they told of.
#[derive(Clone, Copy)]
pub(super) struct Reach {
    pub(super) direct: u32,
    pub(super) told_on: u32,
}

impl Reach {
    /// How many claims there are in the room where so many are heard directly. None while too little came true.
    pub(super) fn in_the_room(self, direct: u32) -> Option<u32> {
        let all = u64::from(self.direct) + u64::from(self.told_on);
        let scaled = u64::from(direct) * all / u64::from(self.direct.max(1));
        (self.direct >= ENOUGH_KNOWN).then_some(u32::try_from(scaled).unwrap_or(u32::MAX))
    }

    /// Most of what is claimed is heard by way of others only.
    pub(super) fn is_partial(self) -> bool {
        self.told_on > self.direct
    }
}

#[cfg(test)]
mod tests {
    use super::Reach;

    #[test]
    fn what_is_heard_directly_stands_for_the_room() {
        let of = |direct, told_on| {
            let reach = Reach { direct, told_on };
            (reach.in_the_room(3), reach.is_partial())
        };
        assert_eq!(of(0, 0), (None, false));
        assert_eq!(of(0, 100), (None, true));
        assert_eq!(of(8, 0), (Some(3), false));
        assert_eq!(of(8, 32), (Some(15), true));
        assert_eq!(of(u32::MAX, u32::MAX), (Some(6), false));
    }
}
