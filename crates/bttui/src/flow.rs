//! Phase 1 from waking up to the jump: hands news to the model and does what it answers.
//!
//! One loop owns the model; everything that takes time runs beside it and sends events. Losing a
//! report, a console or the swarm's goodbye never stops a boot.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use catalog::Method;
use catalog::manifest::Entry;
use report::Step;
use rustix::process::Signal;
use swarm::core::PeerExchange;
use swarm::net::Options;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::app::{Action, App, Event, Offers};
use crate::console::{self, Consoles, Pressed, Tenant, View};
use crate::gate::Gate;
use crate::guest::{self, Hosted};
use crate::job::{Job, Order};
use crate::lease::{self, Lease};
use crate::look::opening::Opening;
use crate::news::{News, Voice};
use crate::phase1::{DOWNLOADS, OFFERS, Phase1};
use crate::program::{self, Program};
use crate::reins::Reins;
use crate::reports::{Early, Reporter, stamped};
use crate::{facts, memory, offers, space, waiting, words};

mod leave;

use leave::{leave, leave_for_disk, plan};

/// How often the screen's times move on.
const TICK: Duration = Duration::from_millis(250);
/// How often the lease is looked for.
const LOOK_FOR_LEASE: Duration = Duration::from_millis(200);
/// How long a program may take to end after it was asked to.
const LEAVE_TO_END: Duration = Duration::from_secs(5);
/// The server's usual port, for reports before the manifest has named the server.
const USUAL_PORT: u16 = 6969;

/// Runs until the machine leaves for its system.
///
/// # Errors
/// When not even the consoles' threads can be made.
pub async fn run(allowed: Phase1) -> anyhow::Result<()> {
    let (keys, mut pressed) = mpsc::channel(16);
    let (voice, mut happened) = Voice::new();
    let consoles = Consoles::start(console::devices(), &keys)?;
    tokio::spawn(watch_for_lease(voice.clone()));
    let epoch = Instant::now();
    let mut app = App::new(Duration::ZERO);
    app.machine = facts::machine(space::available(Path::new(DOWNLOADS), ""));
    app.shell = offers::shell(Path::new(OFFERS));
    let mut machine = Machine {
        allowed,
        look: Opening::default(),
        consoles,
        voice,
        job: None,
        number: 0,
        reporter: None,
        early: Early::default(),
        reins: None,
        asked: false,
    };
    let mut tick = tokio::time::interval(TICK);
    loop {
        let (app_now, now) = (app.clone(), epoch.elapsed());
        let view = Arc::new(View { app: app_now, now });
        machine.look.show(Arc::clone(&view));
        machine.consoles.show(view);
        let event = tokio::select! {
            Some(Pressed { console, key }) = pressed.recv() => Event::Key { console, key },
            Some(News { job, event }) = happened.recv() => match job {
                // A download that was abandoned has nothing to say any more.
                Some(number) if number != machine.number => continue,
                _ => event,
            },
            _ = tick.tick() => Event::Tick,
        };
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for action in app.handle(event, epoch.elapsed()) {
                events.extend(machine.act(action, &app));
            }
        }
    }
}

/// What the model's actions are done with.
struct Machine {
    allowed: Phase1,
    /// What the server can look at.
    look: Opening,
    consoles: Consoles,
    voice: Voice,
    job: Option<Job>,
    number: u64,
    reporter: Option<Reporter>,
    early: Early,
    /// Those of the program that ran last.
    reins: Option<Arc<Reins>>,
    /// Whether it was asked to end.
    asked: bool,
}

impl Machine {
    /// Does one thing; returns what is known about it at once.
    fn act(&mut self, action: Action, app: &App) -> Option<Event> {
        match action {
            Action::Report(step) => self.report(step, app),
            Action::Shell(console) => {
                let gate = Gate::new(app.shell.clone());
                self.consoles.shell(console, gate, self.voice.clone());
            }
            Action::ReadOffers => return Some(self.read_offers(app)),
            Action::Fetch(system) => self.fetch(system, app),
            Action::AskWhoWaits(system) => self.ask_who_waits(system, app),
            Action::Start(system) => self.start(system, app),
            Action::Run { system, console } => self.run(system, console, app),
            Action::EndProgram => self.end_program(),
            Action::Abandon => {
                self.number += 1;
                // It ends by itself; the next download waits for that.
                if let Some(job) = &self.job {
                    job.stop.cancel();
                }
            }
        }
        None
    }

    fn report(&mut self, step: Step, app: &App) {
        match (&self.reporter, &app.lease) {
            (Some(reporter), Some(lease)) => reporter.send(stamped(lease.mac, step)),
            _ => self.early.keep(step),
        }
    }

    fn read_offers(&mut self, app: &App) -> Event {
        let read = offers::manifest(Path::new(OFFERS));
        let guess = || Some(format!("http://{}:{USUAL_PORT}", app.server()?));
        let server = read
            .as_ref()
            .ok()
            .map(|manifest| manifest.server.clone())
            .or_else(guess);
        if let Some(server) = server {
            let reporter = Reporter::start(&server);
            if let Some(lease) = &app.lease {
                let early = self.early.reports(lease.mac);
                early.for_each(|report| reporter.send(report));
            }
            self.reporter = Some(reporter);
        }
        match read {
            Ok(manifest) => {
                let lease = app.lease.as_ref();
                self.look.open(self.allowed, &manifest, lease, &self.voice);
                let needs = memory::needs(Path::new(OFFERS), &manifest);
                Event::Offers(Box::new(Offers { manifest, needs }))
            }
            Err(error) => Event::Broken {
                what: sentence(&error),
            },
        }
    }

    fn fetch(&mut self, system: usize, app: &App) {
        let Some(system) = app.systems().get(system).cloned() else {
            return;
        };
        self.number += 1;
        let mut options = Options::new(DOWNLOADS);
        options.peers.extend(app.seed());
        let lpd = app.manifest.as_ref().is_some_and(|told| told.lpd);
        options.lsd = app
            .lease
            .as_ref()
            .filter(|_| lpd)
            .map(|lease| lease.address);
        if app.manifest.as_ref().is_some_and(|told| !told.exchange) {
            options.exchange = PeerExchange::Off;
        }
        options.web_seed = app.manifest.as_ref().and_then(offers::web_seed);
        let is_guest = matches!(system.method, Method::Qemu { .. });
        let layer = app.manifest.as_ref().and_then(|told| told.layer.clone());
        let order = Order {
            layer: layer.filter(|_| is_guest && !Hosted::is_possible()),
            system,
            options,
        };
        let (before, voice) = (self.job.take(), self.voice.of_job(self.number));
        self.job = Some(Job::start(self.allowed, order, before, voice));
    }

    fn ask_who_waits(&self, system: usize, app: &App) {
        let (Some(entry), Some(manifest), Some(job)) =
            (app.systems().get(system), &app.manifest, &self.job)
        else {
            return;
        };
        let (server, name) = (manifest.server.clone(), entry.name.clone());
        let (stop, voice) = (job.stop.clone(), self.voice.of_job(self.number));
        tokio::spawn(async move { waiting::ask(&server, &name, &stop, &voice).await });
    }

    /// Runs a program; its download goes on sharing.
    fn run(&mut self, system: usize, mut console: Option<usize>, app: &App) {
        let Some(entry) = app.systems().get(system) else {
            return;
        };
        let starting = Step::Starting {
            system: entry.name.clone(),
            method: entry.method.name().to_owned(),
        };
        self.report(starting, app);
        let voice = self.voice.of_job(self.number);
        let folder = Path::new(DOWNLOADS).join(&entry.name);
        let (dispname, attended) = (entry.dispname.clone(), app.is_attended());
        let (tenant, reins): (Box<dyn Tenant>, _) = match &entry.method {
            Method::Bin { bin, args } => {
                let plan = program::Plan {
                    folder,
                    dispname,
                    bin: bin.clone(),
                    args: args.clone(),
                    attended,
                };
                let (program, reins) = Program::new(self.allowed, plan, voice);
                (Box::new(program), reins)
            }
            Method::Qemu { args } => {
                // Most guests have pictures: where nobody sits anywhere, the screen is theirs.
                console = console.or_else(|| self.consoles.screen());
                let plan = guest::Plan {
                    folder,
                    dispname,
                    args: args.clone(),
                    shell: app.shell.clone(),
                    attended,
                };
                let (hosted, reins) = Hosted::new(self.allowed, plan, voice);
                (Box::new(hosted), reins)
            }
            Method::Kexec { .. } | Method::Local => return,
        };
        (self.reins, self.asked) = (Some(reins), false);
        self.consoles.lend(console, tenant);
    }

    /// Asks the program to end, and ends it where it does not or was asked before.
    fn end_program(&mut self) {
        let Some(reins) = self.reins.clone() else {
            return;
        };
        let again = std::mem::replace(&mut self.asked, true);
        tokio::spawn(async move {
            if !again {
                reins.signal(Signal::TERM);
                tokio::time::sleep(LEAVE_TO_END).await;
            }
            reins.signal(Signal::KILL);
        });
    }

    /// What this machine hands to the kernel of a system.
    fn cmdline(entry: &Entry, app: &App) -> Result<String, String> {
        match (&app.manifest, &app.lease) {
            (Some(manifest), Some(lease)) => words::cmdline(entry, manifest, lease),
            _ => Ok(String::new()),
        }
    }

    fn start(&mut self, system: usize, app: &App) {
        let (Some(entry), Some(lease)) = (app.systems().get(system), &app.lease) else {
            return;
        };
        let kernel = match &entry.method {
            Method::Kexec { kernel, .. } => {
                let cmdline = Self::cmdline(entry, app);
                Some((entry.clone(), kernel.clone(), cmdline))
            }
            Method::Local => None,
            Method::Bin { .. } | Method::Qemu { .. } => return,
        };
        let starting = stamped(
            lease.mac,
            Step::Starting {
                system: entry.name.clone(),
                method: entry.method.name().to_owned(),
            },
        );
        let (allowed, job, reporter) = (self.allowed, self.job.take(), self.reporter.clone());
        let voice = self.voice.of_job(self.number);
        tokio::spawn(async move {
            if let Some(job) = job {
                job.end().await;
            }
            let Err(error) = match kernel {
                Some((entry, kernel, cmdline)) => {
                    let plan = move || plan(&entry, kernel, cmdline.map_err(anyhow::Error::msg)?);
                    leave(allowed, plan, reporter, starting).await
                }
                None => leave_for_disk(allowed, reporter, starting).await,
            };
            voice
                .tell(Event::Broken {
                    what: sentence(&error),
                })
                .await;
        });
    }
}

/// Looks for the DHCP script's file; until it is there, says why it may not be.
async fn watch_for_lease(voice: Voice) {
    let mut told = String::new();
    loop {
        let found = fs::read_to_string(lease::FILE)
            .ok()
            .map(|text| Lease::parse(&text));
        let why = match found {
            Some(Ok(lease)) => {
                let facts = facts::gather(&lease.interface, lease.address);
                voice.tell(Event::Network { lease, facts }).await;
                return;
            }
            // The script may be in the middle of writing it.
            Some(Err(what)) => what,
            None => lease::why_none(Path::new("/sys/class/net")),
        };
        if why != told {
            told.clone_from(&why);
            voice.tell(Event::NoNetwork { why }).await;
        }
        tokio::time::sleep(LOOK_FOR_LEASE).await;
    }
}

/// An error with its causes in one line.
fn sentence(error: &anyhow::Error) -> String {
    format!("{error:#}")
}
