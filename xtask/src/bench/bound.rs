//! What no program can beat, and middle values.

/// The speeds of a room's cables, in Mbit/s. All machines have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Speeds {
    /// The server's cable, in either direction.
    pub(super) server: u32,
    /// What a machine receives.
    pub(super) down: u32,
    /// What a machine sends.
    pub(super) up: u32,
}

impl Speeds {
    /// Seconds before which not every one of `clients` machines can have `bytes`: the server must send
    /// each byte once, each machine must receive each byte once, and all that is received was sent by
    /// somebody. Headers and acknowledgements, which cost about 6 %, are not counted.
    pub(super) fn bound(self, clients: u32, bytes: u64) -> f64 {
        let [server, down, up] =
            [self.server, self.down, self.up].map(|rate| f64::from(rate) * 1e6);
        let (bits, clients) = (bytes as f64 * 8.0, f64::from(clients));
        let together = clients * bits / (server + clients * up);
        (bits / server).max(bits / down).max(together)
    }

    /// Seconds when every machine gets all its bytes from the server, as by HTTP.
    pub(super) fn without_sharing(self, clients: u32, bytes: u64) -> f64 {
        let server = f64::from(clients) * bytes as f64 * 8.0 / (f64::from(self.server) * 1e6);
        server.max(self.bound(1, bytes))
    }
}

/// The value in the middle; between the two in the middle when they are even in number.
pub(super) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len().checked_sub(1)? / 2;
    let other = sorted.len() / 2;
    Some((sorted[middle] + sorted[other]) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::{Speeds, median};

    const MIB: u64 = 1 << 20;

    fn bound(server: u32, down: u32, up: u32, clients: u32, mib: u64) -> String {
        let speeds = Speeds { server, down, up };
        format!("{:.2}", speeds.bound(clients, mib * MIB))
    }

    #[test]
    fn the_scarcest_cable_decides() {
        assert_eq!(bound(40, 40, 40, 8, 128), "26.84", "equal cables");
        assert_eq!(bound(4, 40, 40, 8, 128), "268.44", "each byte once");
        assert_eq!(bound(400, 40, 40, 16, 128), "26.84", "a machine's own");
        // 8 F over 40 + 8·5.
        assert_eq!(bound(40, 40, 5, 8, 128), "107.37", "all that is sent");
        assert_eq!(bound(1000, 1000, 1000, 1, 1024), "8.59");
    }

    #[test]
    fn without_sharing_the_server_sends_all() {
        let speeds = |server| Speeds {
            server,
            down: 40,
            up: 40,
        };
        let times = [40, 400].map(|server| speeds(server).without_sharing(8, 128 * MIB));
        assert_eq!(times.map(|t| format!("{t:.2}")), ["214.75", "26.84"]);
    }

    #[test]
    fn the_middle_of_several() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0]), Some(2.5));
        assert_eq!(median([]), None);
    }
}
