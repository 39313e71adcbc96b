//! TFTP clients that we did not write: curl's, tftp-hpa's and atftp's, and what they are told.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};

use lab::Host;

/// The programs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Program {
    Curl,
    TftpHpa,
    Atftp,
}

/// What one of them is told to do.
#[derive(Debug)]
pub(crate) struct Order {
    program: Program,
    direction: Direction,
    /// The server's name for the file.
    name: String,
    options: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
enum Direction {
    Get,
    Put,
}

impl Program {
    pub(crate) const ALL: [Program; 3] = [Program::Curl, Program::TftpHpa, Program::Atftp];
}

impl Order {
    /// Fetch `name`.
    pub(crate) fn get(program: Program, name: &str) -> Order {
        Order {
            program,
            direction: Direction::Get,
            name: name.to_owned(),
            options: Vec::new(),
        }
    }

    /// Write to `name`.
    pub(crate) fn put(program: Program, name: &str) -> Order {
        Order {
            direction: Direction::Put,
            ..Order::get(program, name)
        }
    }

    /// The same with more of the program's own options.
    pub(crate) fn with(mut self, options: &[&str]) -> Order {
        self.options
            .extend(options.iter().map(|&option| option.to_owned()));
        self
    }

    /// The command that does it on `host`, to or from the file `here`.
    pub(crate) fn command(&self, host: &Host, server: Ipv4Addr, here: &Path) -> Command {
        let (name, server) = (&self.name, server.to_string());
        let mut command = match self.program {
            Program::Curl => {
                let mut curl = host.command("curl");
                // Otherwise it would make b of a/../b before it asks.
                curl.args(["--no-progress-meter", "--path-as-is"])
                    .args(&self.options);
                curl.arg(self.flag("--output", "--upload-file")).arg(here);
                curl.arg(format!("tftp://{server}/{name}"));
                curl
            }
            Program::TftpHpa => {
                let mut tftp = host.command("tftp");
                tftp.args(&self.options)
                    .args(["-m", "binary", &server, "-c"]);
                match self.direction {
                    Direction::Get => tftp.args(["get", name]).arg(here),
                    Direction::Put => tftp.arg("put").arg(here).arg(name),
                };
                tftp
            }
            Program::Atftp => {
                let mut atftp = host.command("atftp");
                atftp.args(&self.options).arg(self.flag("--get", "--put"));
                atftp
                    .args(["--remote-file", name, "--local-file"])
                    .arg(here);
                atftp.arg(server);
                atftp
            }
        };
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn flag(&self, get: &'static str, put: &'static str) -> &'static str {
        match self.direction {
            Direction::Get => get,
            Direction::Put => put,
        }
    }
}
