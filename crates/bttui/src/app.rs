//! The model: which screen the machine shows and what it does next.
//!
//! A pure state machine: keys, news and the time go in, actions come out. It opens nothing, draws
//! nothing and looks at no clock, so every way through the menu is tested as a list of lines.
//! `now` is the time since an epoch of the caller's choice.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use catalog::manifest::{Entry, Manifest, Seeding};
use catalog::memory::Need;
use catalog::{Method, Shell};
use report::{ChosenBy, Facts, Progress, Step};

pub use crate::event::{Action, Event, Offers};
use crate::history::History;
use crate::lease::Lease;
use crate::look::access;
use crate::menu;
pub use crate::screen::{During, Failure, Screen};
use crate::sharing::Sharing;
use crate::verdict::{Case, Machine};
use crate::words;

mod failing;
mod history;
mod keyboard;
mod program;

pub use program::Outcome;

/// How often the server hears of a download's progress.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// Everything the screens show.
#[derive(Clone, Debug)]
pub struct App {
    /// What is on the screen now.
    pub screen: Screen,
    /// This machine on its network, once it is.
    pub lease: Option<Lease>,
    /// What this machine is.
    pub facts: Option<Facts>,
    /// The same, as far as it decides which systems can run.
    pub machine: Machine,
    /// Who gets a shell here.
    pub shell: Shell,
    /// What can be booted, once it was read.
    pub manifest: Option<Manifest>,
    /// The program that ran last and how it ended; the menu shows it until something else is chosen.
    pub outcome: Option<Outcome>,
    /// What happened so far.
    pub history: History,
    /// The log is on the screen, so many of its lines up from its end.
    pub reading_log: Option<usize>,
    needs: Vec<Option<Need>>,
    /// The last figures that the server was told of a download that is complete.
    told: Progress,
    chosen: Option<Choice>,
    failures: usize,
    reported: Duration,
}

#[derive(Copy, Clone, Debug)]
struct Choice {
    system: usize,
    by: ChosenBy,
    /// Where the person who chose it sits.
    console: Option<usize>,
}

impl App {
    /// A machine that has just woken up.
    pub fn new(now: Duration) -> App {
        App {
            screen: Screen::Waiting {
                since: now,
                why: String::new(),
            },
            lease: None,
            facts: None,
            machine: Machine::default(),
            shell: Shell::default(),
            manifest: None,
            outcome: None,
            history: History::default(),
            reading_log: None,
            needs: Vec::new(),
            told: Progress::default(),
            chosen: None,
            failures: 0,
            reported: now,
        }
    }

    /// Takes one event; returns what is to be done, in order.
    pub fn handle(&mut self, event: Event, now: Duration) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Key { console, key } => self.key(console, key, now, &mut actions),
            Event::Tick => {}
            Event::Note { what } => self.history.push(now, &what),
            Event::ShellOpened { is_remote } => self.shell_opened(is_remote, &mut actions),
            Event::PinRefused { console } => {
                actions.push(Action::Report(Step::PinRefused { console }));
            }
            Event::NoNetwork { why } => self.still_waiting(why, now),
            Event::Network { lease, facts } => self.network(lease, facts, &mut actions),
            Event::Offers(offers) => self.offers(*offers, now, &mut actions),
            Event::Progress { progress, trouble } => {
                self.news(progress, trouble, now, &mut actions);
            }
            Event::Fetched { progress } => self.fetched(progress, now, &mut actions),
            Event::Waiting { machines } => {
                if let Screen::Sharing { sharing, .. } = &mut self.screen {
                    sharing.answered(machines, now);
                }
            }
            Event::Broken { what } => self.broken(what, now, &mut actions),
            Event::Started { console, how } => self.started(console, how, now, &mut actions),
            Event::NotStarted { what } => self.not_started(what, now, &mut actions),
            Event::Ended { exit } => self.ended(exit, now, &mut actions),
        }
        self.due(now, &mut actions);
        self.record(&actions, now);
        actions
    }

    /// The systems on offer; empty until they were read.
    pub fn systems(&self) -> &[Entry] {
        self.manifest
            .as_ref()
            .map_or(&[], |manifest| &manifest.systems)
    }

    /// Where the server's own seed listens, as far as it told.
    pub fn seed(&self) -> Option<SocketAddrV4> {
        self.manifest.as_ref()?.seed
    }

    /// Whether the server has QEMU for this machine.
    pub fn has_qemu(&self) -> bool {
        let layer = self.manifest.as_ref().and_then(|told| told.layer.as_ref());
        layer.is_some()
    }

    /// What is known of a system, for a verdict on it.
    pub fn case(&self, system: usize) -> Option<Case<'_>> {
        Some(Case {
            entry: self.systems().get(system)?,
            need: self.needs.get(system).copied().flatten(),
            has_qemu: self.has_qemu(),
        })
    }

    /// Why this machine cannot run a system, if it cannot.
    pub fn refusal(&self, system: usize) -> Option<String> {
        let case = self.case(system)?;
        let of_cmdline = || {
            let (manifest, lease) = (self.manifest.as_ref()?, self.lease.as_ref()?);
            words::cmdline(case.entry, manifest, lease).err()
        };
        case.refusal(&self.machine).or_else(of_cmdline)
    }

    /// Whether the system on the screen was chosen by a person, who is then taken to be there.
    pub fn is_attended(&self) -> bool {
        self.chosen
            .is_some_and(|choice| choice.by == ChosenBy::Person)
    }

    /// The server's address, to tell its bytes from those of other machines.
    pub fn server(&self) -> Option<Ipv4Addr> {
        let named = self.manifest.as_ref().and_then(access::server);
        named.or_else(|| self.lease.as_ref()?.server)
    }

    fn still_waiting(&mut self, reason: String, now: Duration) {
        if let Screen::Waiting { why, .. } = &mut self.screen {
            self.history.push(now, &reason);
            *why = reason;
        }
    }

    fn network(&mut self, lease: Lease, facts: Facts, actions: &mut Vec<Action>) {
        if self.lease.replace(lease).is_some() {
            return; // a renewal, perhaps with another address: the screen shows it, nothing else changes
        }
        actions.push(Action::Report(Step::Awake {
            facts: facts.clone(),
        }));
        self.facts = Some(facts);
        self.screen = Screen::Reading;
        actions.push(Action::ReadOffers);
    }

    fn offers(&mut self, offers: Offers, now: Duration, actions: &mut Vec<Action>) {
        let Screen::Reading = self.screen else { return };
        let Offers { manifest, needs } = offers;
        // From here on the room's menu is this machine's own.
        let manifest = match &self.lease {
            Some(lease) => manifest.told_to(lease.mac),
            None => manifest,
        };
        self.shell.clone_from(&manifest.shell);
        (self.manifest, self.needs) = (Some(manifest), needs);
        self.open_menu(now, actions);
    }

    /// The menu as it is after power-on, with the room's own default and countdown.
    fn open_menu(&mut self, now: Duration, actions: &mut Vec<Action>) {
        let Some(manifest) = &self.manifest else {
            return;
        };
        let (default, timeout) = (menu::default(manifest), manifest.timeout);
        let countdown = default.and(menu::countdown(manifest));
        // A default that cannot run here is not tried again and again: the server is told, and whoever comes chooses.
        let refused = default.and_then(|system| Some((system, self.refusal(system)?)));
        let refused = refused.filter(|_| countdown.is_some());
        self.screen = Screen::Menu {
            selected: default.unwrap_or(0),
            deadline: countdown
                .filter(|_| refused.is_none())
                .map(|countdown| now + countdown),
        };
        let timeout = if refused.is_some() { -1 } else { timeout };
        actions.push(Action::Report(menu::shown(manifest, timeout)));
        (self.chosen, self.failures) = (None, 0);
        if let Some((system, what)) = refused {
            let during = self.describe(During::Unsupported(system));
            actions.push(Action::Report(Step::Failed { during, what }));
        }
    }

    fn news(
        &mut self,
        figures: Progress,
        hindrance: Option<String>,
        now: Duration,
        actions: &mut Vec<Action>,
    ) {
        match &mut self.screen {
            Screen::Fetching {
                progress, trouble, ..
            } => {
                *progress = figures.clone();
                note_new(&mut self.history, trouble, &hindrance, now);
                *trouble = hindrance;
            }
            Screen::Sharing { progress, .. } => *progress = figures.clone(),
            Screen::Running(running) => {
                note_new(&mut self.history, &running.trouble, &hindrance, now);
                running.trouble = hindrance;
                running.progress = figures.clone();
                // It may run for days: what is the same is not told again.
                if self.told == figures {
                    return;
                }
            }
            _ => return,
        }
        if now.saturating_sub(self.reported) >= REPORT_EVERY {
            self.reported = now;
            self.told.clone_from(&figures);
            actions.push(Action::Report(Step::Progress(figures)));
        }
    }

    fn fetched(&mut self, progress: Progress, now: Duration, actions: &mut Vec<Action>) {
        let Screen::Fetching { system, since, .. } = self.screen else {
            return;
        };
        let millis = u64::try_from(now.saturating_sub(since).as_millis()).unwrap_or(u64::MAX);
        actions.push(Action::Report(Step::Fetched {
            progress: progress.clone(),
            millis,
        }));
        self.told.clone_from(&progress);
        // It goes on sharing while it runs, so nothing has to be waited for.
        if self.runs_here(system) {
            return self.start(system, actions);
        }
        let seeding = self.manifest.as_ref().map(Manifest::seeding);
        let sharing = Sharing::begin(seeding.unwrap_or(Seeding::AtLeast(Duration::ZERO)), now);
        if sharing.asks(now) {
            actions.push(Action::AskWhoWaits(system));
        }
        self.screen = Screen::Sharing {
            system,
            sharing,
            progress,
        };
    }

    fn choose(&mut self, choice: Choice, now: Duration, actions: &mut Vec<Action>) {
        let Some(entry) = self.systems().get(choice.system) else {
            return;
        };
        let step = Step::Chosen {
            system: entry.name.clone(),
            by: choice.by,
        };
        let refusal = self.refusal(choice.system);
        self.chosen = Some(choice);
        self.outcome = None;
        actions.push(Action::Report(step));
        match refusal {
            Some(what) => self.fail(During::Unsupported(choice.system), what, now, actions),
            None => self.begin(choice.system, now, actions),
        }
    }

    /// Fetches the system, unless there is nothing to be fetched.
    fn begin(&mut self, system: usize, now: Duration, actions: &mut Vec<Action>) {
        let Some(entry) = self.systems().get(system) else {
            return;
        };
        if entry.method == Method::Local {
            return self.start(system, actions);
        }
        let progress = Progress {
            system: entry.name.clone(),
            total: entry.size,
            ..Progress::default()
        };
        self.screen = Screen::Fetching {
            system,
            since: now,
            progress,
            trouble: None,
        };
        self.reported = now;
        actions.push(Action::Fetch(system));
    }

    fn start(&mut self, system: usize, actions: &mut Vec<Action>) {
        self.screen = Screen::Starting { system };
        let console = self.chosen.and_then(|choice| choice.console);
        actions.push(match self.runs_here(system) {
            true => Action::Run { system, console },
            false => Action::Start(system),
        });
    }

    /// What is to happen by itself at this time.
    fn due(&mut self, now: Duration, actions: &mut Vec<Action>) {
        match &self.screen {
            &Screen::Menu {
                selected: system,
                deadline: Some(deadline),
            } if now >= deadline => {
                let at_once = self.manifest.as_ref().is_some_and(|told| told.timeout == 0);
                let by = match at_once && self.systems().len() == 1 {
                    true => ChosenBy::Only,
                    false => ChosenBy::Timeout,
                };
                let console = None;
                let choice = Choice {
                    system,
                    by,
                    console,
                };
                self.choose(choice, now, actions);
            }
            Screen::Sharing {
                system, sharing, ..
            } if sharing.is_over(now) => self.start(*system, actions),
            Screen::Failed(Failure {
                during,
                retry_at: Some(at),
                ..
            }) if now >= *at => {
                if let During::Unsupported(_) = during {
                    return self.open_menu(now, actions);
                }
                // Whoever chose it has not stopped this: nobody is there any more.
                if let Some(choice) = &mut self.chosen {
                    choice.by = ChosenBy::Timeout;
                }
                self.retry(now, actions);
            }
            _ => {}
        }
    }
}

/// A hindrance is one line of the log, however often it is told.
fn note_new(history: &mut History, before: &Option<String>, after: &Option<String>, now: Duration) {
    if let Some(what) = after.as_ref().filter(|_| before != after) {
        history.push(now, what);
    }
}
