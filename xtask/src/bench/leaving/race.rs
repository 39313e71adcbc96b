//! One room in which machines fetch, leave by a rule and are gone then.

use std::fmt;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use lab::{Host, Room, Stop};
use serde::Serialize;

use super::super::cpu::Work;
use super::super::engine::{self, Client, Engine, Served, Stage};
use super::super::payload::Payload;
use super::super::plan::Plan;
use super::super::run::LOOK;
use super::super::tools::Tools;

/// Twice the longest that any rule lets a machine share.
const SHARING: Duration = Duration::from_secs(120);

/// How machines start, and over which cables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// All at once.
    Together,
    /// At even distances, the last so many seconds after the first.
    OneByOne { over: u32 },
    /// All at once; the last of them has a cable of so many Mbit/s.
    OneSlow { mbit: u32 },
}

/// Where it is run.
pub(super) struct Place<'a> {
    pub(super) plan: Plan,
    pub(super) payload: &'a Payload,
    pub(super) tools: &'a Tools,
    /// The folder for what the programs print.
    pub(super) logs: &'a Path,
}

/// What a run took.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Run {
    /// Every machine, in the order of their starts.
    pub(super) machines: Vec<Times>,
    /// Bytes that the server's card sent, headers and all.
    pub(super) sent: u64,
    /// The part of all processors' time that was used.
    pub(super) busy: f64,
}

/// A machine's times, in seconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Times {
    /// From the first machine's start to its own.
    pub(super) on: f64,
    /// From its start until it had every byte.
    pub(super) complete: f64,
    /// From its start until its system could start.
    pub(super) starts: f64,
}

impl Way {
    /// When the machine of this number (from 0) of `clients` is switched on, after the first.
    fn on(self, number: u32, clients: u32) -> Duration {
        match self {
            Way::Together | Way::OneSlow { .. } => Duration::ZERO,
            Way::OneByOne { over } => {
                Duration::from_secs(over.into()) * number / (clients - 1).max(1)
            }
        }
    }

    /// A room that is not empty by then will never be.
    fn patience(self, plan: Plan) -> Duration {
        let without_sharing = plan.without_sharing().unwrap_or_default();
        let slow = match self {
            Way::Together => 0.0,
            Way::OneByOne { over } => f64::from(over),
            Way::OneSlow { mbit } => plan.bytes as f64 * 8.0 / (f64::from(mbit) * 1e6),
        };
        SHARING + Duration::from_secs_f64(1.5 * (without_sharing + slow))
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Way::Together => write!(f, "together"),
            Way::OneByOne { over } => write!(f, "one by one over {over} s"),
            Way::OneSlow { mbit } => write!(f, "one at {mbit} Mbit"),
        }
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.machines.iter().map(|it| it.starts).fold(0.0, f64::max);
        let busy = self.busy * 100.0;
        write!(
            f,
            "slowest start after {last:.1} s, computer {busy:.0} % busy"
        )
    }
}

/// Measures once how long machines take that leave by these options of `bttui fetch`.
pub(super) fn run(place: &Place<'_>, way: Way, rule: &[String], stop: &Stop) -> Result<Run> {
    fs::create_dir_all(place.logs)?;
    let (room, server, hosts) = place.plan.wire(stop)?;
    if let (Way::OneSlow { mbit }, Some(slow)) = (way, hosts.last()) {
        slow.limit_sending(mbit)?;
        room.limit_receiving(slow, mbit)?;
    }
    let stage = Stage {
        room: &room,
        server: &server,
        payload: place.payload,
        tools: place.tools,
        logs: place.logs,
        clients: place.plan.clients,
    };
    let mut served = Engine::Ours.open(&stage)?;
    let (begin, sent) = (Work::now()?, server.sent_within_limit()?);
    let mut race = Race {
        stage: &stage,
        way,
        rule,
        machines: Vec::new(),
    };
    let patience = way.patience(place.plan);
    race.follow(&hosts, &mut served, patience)?;
    let busy = Work::now()?.share_since(begin);
    let sent = server.sent_within_limit()? - sent;
    let there = race.machines.iter();
    let files: Vec<&Path> = there.filter_map(|it| it.client.result.as_deref()).collect();
    place.payload.verify_all(&files)?;
    Ok(Run {
        machines: race.times()?,
        sent,
        busy,
    })
}

struct Race<'a> {
    stage: &'a Stage<'a>,
    way: Way,
    rule: &'a [String],
    /// As many as were started.
    machines: Vec<Machine>,
}

struct Machine {
    client: Client,
    on: Instant,
    /// Seconds from its start until it was gone.
    left: Option<f64>,
}

impl Race<'_> {
    /// Switches the machines on when it is their time, and waits until the last has left.
    fn follow(&mut self, hosts: &[Host], served: &mut Served, patience: Duration) -> Result<()> {
        let begin = Instant::now();
        let room: &Room = self.stage.room;
        let clients = self.stage.clients;
        loop {
            room.stop().check()?;
            served.check()?;
            while let Some(host) = hosts.get(self.machines.len())
                && begin.elapsed() >= self.way.on(self.machines.len() as u32, clients)
            {
                self.switch_on(host, served)?;
            }
            let mut there = 0;
            for machine in self.machines.iter_mut().filter(|it| it.left.is_none()) {
                match machine.client.has_everything()? {
                    true => machine.left = Some(machine.on.elapsed().as_secs_f64()),
                    false => there += 1,
                }
            }
            if there == 0 && self.machines.len() == hosts.len() {
                return Ok(());
            }
            if begin.elapsed() > patience {
                bail!(
                    "{there} machines had not left after {} s",
                    patience.as_secs()
                );
            }
            thread::sleep(LOOK);
        }
    }

    fn switch_on(&mut self, host: &Host, served: &Served) -> Result<()> {
        let (number, on) = (self.machines.len(), Instant::now());
        let home = self
            .stage
            .room
            .scratch()
            .join(format!("client-{number:03}"));
        let client = engine::start_to_leave(self.stage, served, host, number, &home, self.rule)?;
        self.machines.push(Machine {
            client,
            on,
            left: None,
        });
        Ok(())
    }

    fn times(&self) -> Result<Vec<Times>> {
        let first = self.machines.first().context("there are no machines")?.on;
        let each = self.machines.iter().map(|machine| {
            let said = machine.client.process.said();
            Ok(Times {
                on: (machine.on - first).as_secs_f64(),
                complete: complete(&said).with_context(|| machine.client.process.last_words())?,
                starts: machine.left.context("it has not left")?,
            })
        });
        each.collect()
    }
}

/// The second at which `bttui fetch --json` had everything.
fn complete(said: &str) -> Option<f64> {
    let objects = said
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    objects
        .filter(|object| object["event"] == "complete")
        .find_map(|object| object["seconds"].as_f64())
}

#[cfg(test)]
mod tests {
    use super::super::Rule;
    use super::*;
    use crate::bench::bound::Speeds;

    #[test]
    fn machines_start_when_the_way_says() {
        let on = |way: Way| [0, 1, 5].map(|number| way.on(number, 6).as_secs());
        assert_eq!(on(Way::Together), [0, 0, 0]);
        assert_eq!(on(Way::OneSlow { mbit: 5 }), [0, 0, 0]);
        assert_eq!(on(Way::OneByOne { over: 10 }), [0, 2, 10]);
    }

    #[test]
    #[ignore = "needs root, phase 1 and target/dist/bt-server; cargo xtask test runs it"]
    fn a_fast_machine_waits_for_a_slow_one_by_the_rooms_rule_and_not_without_it() {
        let plan = Plan {
            clients: 2,
            churn: 0,
            bytes: 4 << 20,
            speeds: Some(Speeds {
                server: 40,
                down: 40,
                up: 40,
            }),
            patience: None,
        };
        let payload = Payload::make(plan.bytes).unwrap();
        let logs = tempfile::tempdir().unwrap();
        let place = Place {
            plan,
            payload: &payload,
            tools: &Tools::none(),
            logs: logs.path(),
        };
        let slow = Way::OneSlow { mbit: 8 };
        let measured = |rule: Rule| run(&place, slow, &rule.options(), &Stop::never()).unwrap();
        for (rule, waits) in [(Rule::AtOnce, false), (Rule::Room, true)] {
            let run = measured(rule);
            let [fast, slow] = run.machines[..] else {
                panic!("{run:?}");
            };
            assert!(fast.complete < slow.complete, "{rule:?}: {run:?}");
            assert_eq!(fast.starts > slow.complete, waits, "{rule:?}: {run:?}");
            assert!(run.sent > plan.bytes, "{rule:?}: {run:?}");
        }
    }

    #[test]
    fn the_second_of_the_last_byte_is_read_among_all_else_that_is_said() {
        let said = "bench: 5 %\n{\"event\":\"progress\",\"seconds\":1.0}\nbench: complete\n\
             {\"event\":\"complete\",\"seconds\":7.123}\n{\"event\":\"seeding\",\"seconds_left\":3}\n";
        assert_eq!(complete(said), Some(7.123));
        assert_eq!(complete("bench: complete"), None);
    }
}
