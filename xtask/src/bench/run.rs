//! One run: a room, an engine in it, all machines started together, and what it took until the last had everything.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use lab::{Host, Stop};
use serde::Serialize;

use super::cpu::Work;
use super::engine::{Client, Engine, Served, Stage};
use super::payload::Payload;
use super::plan::Plan;
use super::tools::Tools;

/// How often the machines are looked at: the error of a time.
pub(super) const LOOK: Duration = Duration::from_millis(20);
/// All machines are started within this.
const TOGETHER: f64 = 1.0;
/// How long the computer is watched before, to know what else it does.
const WATCH: Duration = Duration::from_secs(1);

/// An engine that was ended, because it was far behind.
#[derive(Clone, Debug, Serialize)]
pub(super) struct TooSlow {
    /// Seconds after which it was ended.
    pub(super) after: f64,
    /// Machines that had not everything then.
    pub(super) missing: usize,
    /// Of so many.
    pub(super) machines: usize,
}

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} machines had not everything after {:.0} s",
            self.missing, self.machines, self.after
        )
    }
}

impl Error for TooSlow {}

/// What a run took.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Measured {
    /// Seconds until each machine that stayed had everything, ascending.
    pub(super) stayed: Vec<f64>,
    /// The same for those that came mid-way, since they came.
    pub(super) joined: Vec<f64>,
    /// When the last that stayed of each program had everything.
    pub(super) last_of: BTreeMap<&'static str, f64>,
    /// Bytes that the server's card sent, headers and all; `None` where nothing counts them exactly.
    pub(super) sent: Option<u64>,
    /// Seconds of processor time of the server side.
    pub(super) server_cpu: f64,
    /// The same of a machine that stayed, on average.
    pub(super) client_cpu: f64,
    /// The part of all processors' time that was used during the run.
    pub(super) busy: f64,
    /// The same just before it.
    pub(super) busy_before: f64,
    /// What the engine's own programs used of it; the kernel's work for the network between them is not theirs.
    pub(super) busy_own: f64,
    /// Seconds from the start of the first machine's program to that of the last.
    pub(super) start: f64,
}

/// Measures `engine` once. What its programs print goes to the folder `logs`.
pub(super) fn run(
    engine: Engine,
    plan: Plan,
    payload: &Payload,
    tools: &Tools,
    logs: &Path,
    stop: &Stop,
) -> Result<Measured> {
    fs::create_dir_all(logs)?;
    let (room, server, hosts) = plan.wire(stop)?;
    let stage = Stage {
        room: &room,
        server: &server,
        payload,
        tools,
        logs,
        clients: plan.clients,
    };
    let served = engine.open(&stage)?;
    let mut race = Race {
        engine,
        stage,
        served,
        hosts: &hosts,
        machines: Vec::new(),
    };
    race.measure(plan)
}

/// A run from its start on.
struct Race<'a> {
    engine: Engine,
    stage: Stage<'a>,
    served: Served,
    hosts: &'a [Host],
    /// As many as were started, in the order of their hosts.
    machines: Vec<Machine>,
}

struct Machine {
    client: Client,
    started: Instant,
    /// Seconds from its start until it had everything.
    done: Option<f64>,
    /// It was there, and is gone.
    vanished: bool,
}

impl Race<'_> {
    fn measure(&mut self, plan: Plan) -> Result<Measured> {
        let before = Work::now()?;
        thread::sleep(WATCH);
        let begin = Work::now()?;
        let sent = self.sent();
        let server_cpu = self.served.cpu()?;
        let start = self.start(plan.clients)?;
        if let (0, _) | (_, None) = (plan.churn, plan.bound()) {
            self.follow(plan.patience(), None)?;
        } else {
            let middle = plan.bound().unwrap_or_default() / 2.0;
            self.follow(plan.patience(), Some(Duration::from_secs_f64(middle)))?;
            for number in plan.clients - plan.churn..plan.clients {
                self.vanish(number as usize)?;
            }
            self.start(plan.churn)?;
            self.follow(plan.patience(), None)?;
        }
        let end = Work::now()?;
        let sent = sent.and_then(|sent| Some(self.sent()? - sent));
        let server_cpu = self.served.cpu()? - server_cpu;
        let (mut stayed, mut joined, mut client_cpu) = (Vec::new(), Vec::new(), 0.0);
        let mut last_of = BTreeMap::new();
        let mut own_cpu = server_cpu;
        for (number, machine) in (0..).zip(&mut self.machines) {
            own_cpu += machine.client.process.cpu()?;
            let Some(seconds) = machine.done.filter(|_| !machine.vanished) else {
                continue;
            };
            if number < plan.clients {
                stayed.push(seconds);
                let last: &mut f64 = last_of.entry(machine.client.program).or_default();
                *last = last.max(seconds);
                client_cpu += machine.client.process.cpu()?;
            } else {
                joined.push(seconds);
            }
        }
        stayed.sort_by(f64::total_cmp);
        joined.sort_by(f64::total_cmp);
        client_cpu /= stayed.len() as f64;
        self.end_and_verify()?;
        Ok(Measured {
            stayed,
            joined,
            last_of,
            sent,
            server_cpu,
            client_cpu,
            busy: end.share_since(begin),
            busy_before: begin.share_since(before),
            busy_own: own_cpu / end.seconds_since(begin),
            start,
        })
    }

    fn sent(&self) -> Option<u64> {
        self.stage.server.sent_within_limit().ok()
    }

    /// Starts so many more machines; how many seconds that took.
    fn start(&mut self, count: u32) -> Result<f64> {
        let begin = Instant::now();
        for _ in 0..count {
            let number = self.machines.len();
            let home = self.home(number);
            let host = &self.hosts[number];
            // Those that start together are measured together: from the start of the first.
            let client = self
                .engine
                .start(&self.stage, &self.served, host, number, &home)?;
            self.machines.push(Machine {
                client,
                started: begin,
                done: None,
                vanished: false,
            });
        }
        let took = begin.elapsed().as_secs_f64();
        if took > TOGETHER {
            println!("  (starting {count} machines took {took:.1} s)");
        }
        Ok(took)
    }

    fn home(&self, number: usize) -> PathBuf {
        self.stage
            .room
            .scratch()
            .join(format!("client-{number:03}"))
    }

    /// Follows the machines until all that are there have everything, or until the moment that is asked for.
    fn follow(&mut self, patience: Duration, until: Option<Duration>) -> Result<()> {
        let begin = Instant::now();
        loop {
            self.stage.room.stop().check()?;
            self.served.check()?;
            let mut missing = 0;
            for machine in &mut self.machines {
                if machine.vanished || machine.done.is_some() {
                    continue;
                }
                if machine.client.has_everything()? {
                    machine.done = Some(machine.started.elapsed().as_secs_f64());
                } else {
                    missing += 1;
                }
            }
            if until.is_some_and(|until| begin.elapsed() >= until) || missing == 0 {
                return Ok(());
            }
            if begin.elapsed() > patience {
                bail!(TooSlow {
                    after: self.machines[0].started.elapsed().as_secs_f64(),
                    missing,
                    machines: self.machines.len(),
                });
            }
            thread::sleep(LOOK);
        }
    }

    /// Switches a machine off: its last packets never reach anybody.
    fn vanish(&mut self, number: usize) -> Result<()> {
        self.stage.room.pull_out(&self.hosts[number])?;
        let machine = &mut self.machines[number];
        machine.client.process.kill()?;
        machine.vanished = true;
        Ok(())
    }

    /// Ends all machines, and looks at what each of them has.
    fn end_and_verify(&mut self) -> Result<()> {
        for machine in &mut self.machines {
            machine.client.process.kill()?;
        }
        let there: Vec<&Path> = self
            .machines
            .iter()
            .filter(|machine| !machine.vanished)
            .filter_map(|machine| machine.client.result.as_deref())
            .collect();
        self.stage.payload.verify_all(&there)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::bound::Speeds;

    #[test]
    #[ignore = "needs root, phase 1 and target/dist/bt-server; cargo xtask test runs it"]
    fn every_machine_that_is_there_at_the_end_is_measured_and_the_servers_bytes_are_counted() {
        const BYTES: u64 = 8 << 20;
        let speeds = Speeds {
            server: 40,
            down: 40,
            up: 40,
        };
        let plan = Plan {
            clients: 3,
            churn: 1,
            bytes: BYTES,
            speeds: Some(speeds),
            patience: None,
        };
        let payload = Payload::make(BYTES).unwrap();
        let logs = tempfile::tempdir().unwrap();
        let (tools, stop) = (Tools::none(), Stop::never());
        let run = run(Engine::Ours, plan, &payload, &tools, logs.path(), &stop).unwrap();
        assert_eq!((run.stayed.len(), run.joined.len()), (2, 1), "{run:?}");
        let bound = plan.bound().unwrap();
        assert!(run.stayed.iter().all(|&last| last > bound), "{run:?}");
        let copies = run.sent.unwrap() as f64 / BYTES as f64;
        assert!((1.0..4.5).contains(&copies), "{run:?}");
        assert!(run.client_cpu > 0.0 && run.server_cpu > 0.0, "{run:?}");
    }
}
