//! The remote look: where a machine in phase 1 can be looked at, and what there is to see. Server and machine agree by
//! these names; who may look is decided by each of them.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// The TCP port on which phase 1 answers, on the machine's leased address, and only its server.
pub const PORT: u16 = 6970;

/// What the `Upgrade` header names for a shell (RFC 9110, section 7.8). No browser sends such a header for a page.
pub const SHELL_PROTOCOL: &str = "bt-shell";

/// The largest page that a machine sends, in bytes.
pub const MOST: usize = 1 << 20;

/// One page of a machine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Page {
    /// What there is.
    Index,
    /// What the menu's program did.
    Log,
    /// The kernel's messages.
    Kernel,
    /// Processors, memory, PCI devices, disks.
    Hardware,
    /// Interfaces, addresses, routes.
    Network,
    /// What it does now.
    State,
}

impl Page {
    /// All but the index, in the order of the index.
    pub const ALL: [Page; 5] = [
        Page::State,
        Page::Log,
        Page::Kernel,
        Page::Hardware,
        Page::Network,
    ];

    /// Its name in a path; empty for the index.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Page::Index => "",
            Page::Log => "log",
            Page::Kernel => "kernel",
            Page::Hardware => "hardware",
            Page::Network => "network",
            Page::State => "state",
        }
    }

    /// What is on it, in a few words.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Page::Index => "what there is",
            Page::Log => "what the menu's program did since it started",
            Page::Kernel => "the kernel's messages",
            Page::Hardware => "processors, memory, PCI devices with their drivers, disks",
            Page::Network => "interfaces, addresses, routes, name servers, neighbours, errors",
            Page::State => "what the machine does now, and from whom it fetches",
        }
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Page {
    type Err = String;

    fn from_str(text: &str) -> Result<Page, String> {
        let mut pages = Page::ALL.into_iter().chain([Page::Index]);
        pages.find(|page| page.name() == text).ok_or_else(|| {
            let names: Vec<&str> = Page::ALL.into_iter().map(Page::name).collect();
            format!(
                "there is no {text:?} to look at; there are {}",
                names.join(", ")
            )
        })
    }
}

/// A machine's text as a terminal may show it: lines and tabs stay, any other control character becomes `?`.
///
/// A machine, or who pretends to be one, must not move the cursor of who looks.
#[must_use]
pub fn printable(text: &str) -> String {
    let kept = |c: char| match c {
        '\n' | '\t' => c,
        c if c.is_control() => '?',
        // Characters that change the order of what is read after them (Unicode's bidirectional formatting).
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '?',
        c => c,
    };
    text.chars().map(kept).collect()
}

/// Whether a `Host` header names an address. A name would mean that a page of somebody else, in a browser on the
/// server, had its name lead here.
#[must_use]
pub fn names_an_address(host: &str) -> bool {
    let without_port = match host.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => name,
        _ => host,
    };
    without_port.parse::<Ipv4Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_have_names() {
        for page in Page::ALL {
            assert_eq!(page.name().parse(), Ok(page));
        }
        assert_eq!("".parse(), Ok(Page::Index));
        let refused = "passwords".parse::<Page>().expect_err("none");
        assert!(refused.contains("state, log, kernel"), "{refused}");
    }

    #[test]
    fn texts_move_no_cursor() {
        assert_eq!(
            printable("a\tb\n\u{1b}[2Jc\r\u{9b}\u{202e}d"),
            "a\tb\n?[2Jc???d"
        );
    }

    #[test]
    fn a_name_is_no_address() {
        let table = [
            ("10.77.0.21:6970", true),
            ("10.77.0.21", true),
            ("evil.example:6970", false),
            ("10.77.0.21.evil.example", false),
            ("10.77.0.21:", false),
            ("", false),
        ];
        for (host, expected) in table {
            assert_eq!(names_an_address(host), expected, "{host}");
        }
    }
}
