//! How long a room needs in the simulator, beside the time no engine can undercut:
//! `cargo run --release -p swarm --example room -- --clients 8 --size 128 --rate 40`
//! The curve for the README, which takes a quarter of an hour up to 512 machines:
//! `cargo run --release -p swarm --example room -- --clients 1,2,4,8,16,32,64,128,256,512,1000
//! --size 1024 --rate 100 --runs 1 --format markdown`
//!
//! Prints last/bound, median/bound and the copies that the server sent. The bound is
//! max(F/u_s, F/d, N·F/(u_s + sum of uplinks)); headers, 4.6 % on a real wire, are not simulated.

use std::time::{Duration, Instant};

use metainfo::piece_length;
use swarm::core::{BLOCK, Layout, MAX_WINDOW, MIN_WINDOW, Settings};
use swarm::sim::{Machine, Outcome, World};

const HELP: &str = "\
--clients N       machines beside the server, or several counts: 4,64 (8)
--size MIB        bytes of the torrent in MiB (128)
--rate MBIT       links of the machines, both directions (40)
--server MBIT     link of the server (as the machines)
--uplink MBIT     way out of the machines (as their way in)
--slow N          so many machines have a quarter of the rate (0)
--leave PERCENT   so many vanish, spread over the time of the bound (0)
--piece KIB       piece length (as the server chooses it)
--latency MS      half a round trip (0.5)
--spread S        the machines start within so many seconds (0)
--max-peers N     connections of a machine (as built in)
--grain KIB       simulate blocks of so many KiB: everything that counts bytes is divided,
                  so that large rooms take less time and have coarser windows (16)
--runs N          with other chance (3)
--format F        plain or markdown (plain)";

/// How the rows are written.
#[derive(Clone, Copy)]
enum Format {
    Plain,
    Markdown,
}

struct Room {
    size: f64,
    rate: f64,
    server: f64,
    uplink: f64,
    slow: usize,
    leave: f64,
    piece: u32,
    latency: f64,
    spread: f64,
    max_peers: usize,
    runs: u64,
    format: Format,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.len() % 2 == 1 {
        println!("{HELP}");
        return;
    }
    let get = |name: &str| {
        let at = words.iter().position(|word| word == name)?;
        words.get(at + 1).cloned()
    };
    let number = |name: &str, default: f64| {
        get(name).map_or(default, |word| word.parse().expect("a number"))
    };
    let scale = number("--grain", 16.0) * 1024.0 / f64::from(BLOCK);
    let mbit = 1e6 / 8.0 / scale;
    let size = number("--size", 128.0) * f64::from(1 << 20);
    let rate = number("--rate", 40.0);
    let piece = number("--piece", f64::from(piece_length(size as u64)) / 1024.0) * 1024.0 / scale;
    assert!(piece >= f64::from(BLOCK), "a piece has at least one block");
    let room = Room {
        size: size / scale,
        rate: rate * mbit,
        server: number("--server", rate) * mbit,
        uplink: number("--uplink", rate) * mbit,
        slow: number("--slow", 0.0) as usize,
        leave: number("--leave", 0.0) / 100.0,
        piece: piece as u32,
        latency: number("--latency", 0.5) / 1000.0,
        spread: number("--spread", 0.0),
        max_peers: number("--max-peers", Settings::MAX_PEERS as f64) as usize,
        runs: number("--runs", 3.0) as u64,
        format: match get("--format").as_deref() {
            None | Some("plain") => Format::Plain,
            Some("markdown") => Format::Markdown,
            Some(other) => panic!("{other} is neither plain nor markdown"),
        },
    };
    let grain = f64::from(BLOCK) * scale / 1024.0;
    println!(
        "{} MiB in pieces of {} KiB; links of {rate} Mbit/s; at most {} connections, each with \
         {MIN_WINDOW} to {MAX_WINDOW} requests of {grain} KiB.\n",
        size / f64::from(1 << 20),
        piece * scale / 1024.0,
        room.max_peers,
    );
    room.heading();
    for count in get("--clients").unwrap_or("8".into()).split(',') {
        room.show(count.parse().expect("a number of clients"));
    }
}

impl Room {
    fn machines(&self, clients: usize, bound: f64) -> Vec<Machine> {
        let latency = Duration::from_secs_f64(self.latency);
        let mut machines = vec![Machine {
            seed: true,
            latency,
            ..Machine::new(self.server)
        }];
        let leaving = (clients as f64 * self.leave).round() as usize;
        machines.extend((0..clients).map(|index| {
            let slower = if index < self.slow { 4.0 } else { 1.0 };
            let start = self.spread * index as f64 / clients as f64;
            let leaves = clients - index <= leaving;
            let when = bound * (clients - index) as f64 / (leaving + 1) as f64;
            Machine {
                up: self.uplink / slower,
                down: self.rate / slower,
                latency,
                starts: Duration::from_secs_f64(start),
                vanishes: leaves.then(|| Duration::from_secs_f64(when)),
                ..Machine::new(self.rate)
            }
        }));
        machines
    }

    fn show(&self, clients: usize) {
        let n = clients as f64;
        // Slow machines are not waited for: the question is what they cost the others.
        let out = self.server + self.uplink * n;
        let bound = (self.size / self.server)
            .max(self.size / self.rate)
            .max(n * self.size / out);
        let machines = self.machines(clients, bound);
        for run in 0..self.runs {
            let begun = Instant::now();
            let layout = Layout::new(self.size as u64, self.piece);
            let world = World::new(layout, &machines, 1 + run).with_max_peers(self.max_peers);
            let outcomes = world.run(Duration::from_secs_f64(bound * 40.0 + 60.0));
            self.row(&outcomes, &machines, bound, begun.elapsed());
        }
    }

    fn row(&self, outcomes: &[Outcome], machines: &[Machine], bound: f64, took: Duration) {
        let stays = outcomes
            .iter()
            .zip(machines)
            .skip(1 + self.slow)
            .filter(|(_, machine)| machine.stays());
        let mut times: Vec<f64> = stays
            .map(|(outcome, _)| {
                outcome
                    .finished
                    .map_or(f64::INFINITY, |at| at.as_secs_f64())
            })
            .collect();
        times.sort_by(f64::total_cmp);
        let wasted: u64 = outcomes.iter().map(|outcome| outcome.wasted).sum();
        let blocks = self.size / f64::from(BLOCK);
        let last = times.last().copied().unwrap_or_default() / bound;
        let median = times.get(times.len() / 2).copied().unwrap_or_default() / bound;
        self.write([
            format!("{}", machines.len() - 1),
            format!("{bound:.2}"),
            format!("{last:.3}"),
            format!("{median:.3}"),
            format!("{:.3}", outcomes[0].status.uploaded as f64 / self.size),
            format!("{:.4}", outcomes[0].repeated as f64 / blocks),
            format!(
                "{:.4}",
                wasted as f64 / blocks / (machines.len() - 1) as f64
            ),
            format!("{:.1}", took.as_secs_f64()),
        ]);
    }

    fn heading(&self) {
        let names = [
            "machines",
            "bound s",
            "last/bound",
            "median/bound",
            "copies",
            "repeated",
            "wasted",
            "took s",
        ];
        self.write(names.map(String::from));
        if matches!(self.format, Format::Markdown) {
            println!("|{}", "---|".repeat(names.len()));
        }
    }

    fn write(&self, cells: [String; 8]) {
        match self.format {
            Format::Plain => println!("{}", cells.map(|cell| format!("{cell:>13}")).concat()),
            Format::Markdown => println!("| {} |", cells.join(" | ")),
        }
    }
}
