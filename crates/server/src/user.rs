//! Who the server becomes once its ports are open, and the step of becoming it.
//!
//! Static programs have no name service, so `/etc/passwd` is read directly. Dropping acts on the
//! whole process and must happen before the runtime starts threads.

use anyhow::{Context, bail};
use nix::unistd::{Gid, Uid};
use rustix::thread;

/// A user of this machine.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct User {
    /// Its name, or the number it was given as.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Home directory, where the XDG state folder is.
    pub home: String,
}

/// Why the server cannot become somebody.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// Nobody can be looked up.
    #[error("cannot read /etc/passwd: {0}")]
    Unreadable(String),
    /// There is no user of this name or number.
    #[error("user {0} is not in /etc/passwd")]
    Unknown(String),
    /// It is root, whose rights are to be given up.
    #[error("user {0} is root, and the server does not go on as root")]
    Root(String),
}

/// What this machine says of its users, read once.
#[derive(Clone, Debug)]
pub struct Users {
    /// Whether this process is root and will become another.
    pub root: bool,
    /// The text of `/etc/passwd`, or why it cannot be read. Names of people may be in any encoding there; what
    /// is no UTF-8 is replaced.
    pub passwd: Result<String, String>,
    /// Who called sudo.
    pub caller: Option<User>,
}

impl Users {
    /// Asks the kernel, `/etc/passwd` and sudo's variables.
    #[must_use]
    pub fn look() -> Users {
        Users {
            root: nix::unistd::geteuid().is_root(),
            passwd: text(std::fs::read("/etc/passwd")),
            caller: sudo_user(),
        }
    }

    /// The user who serves: `wanted` (from `--user` or the configuration), else the user who called
    /// sudo, else `nobody`. `None` where nobody is wanted and the process is not root: it keeps what it is. A
    /// process that is not root keeps it in any case, but what is wanted must exist all the same.
    ///
    /// # Errors
    /// The user does not exist, or is root, or `/etc/passwd` cannot be read and sudo does not say who called it.
    pub fn target(&self, wanted: Option<&str>) -> Result<Option<User>, Unfit> {
        if !self.root && wanted.is_none() {
            return Ok(None);
        }
        let passwd = match (&self.passwd, &self.caller) {
            (Ok(passwd), _) => passwd,
            // sudo's own numbers will do.
            (Err(_), Some(caller)) if wanted.is_none_or(|name| name == caller.name) => {
                return Ok(Some(caller.clone()));
            }
            (Err(error), _) => return Err(Unfit::Unreadable(error.clone())),
        };
        choose(passwd, wanted, self.caller.as_ref()).map(Some)
    }
}

/// The text of a file whose encoding is nobody's promise.
fn text(read: std::io::Result<Vec<u8>>) -> Result<String, String> {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    read.map(text).map_err(|error| error.to_string())
}

/// Who called sudo, as sudo tells. A user of a directory service is not in `/etc/passwd`, so the
/// numbers are taken from here.
fn sudo_user() -> Option<User> {
    let told = |name: &str| std::env::var(name).ok();
    let (uid, gid) = (
        told("SUDO_UID")?.parse().ok()?,
        told("SUDO_GID")?.parse().ok()?,
    );
    let home = told("SUDO_HOME").unwrap_or_default();
    Some(User {
        name: told("SUDO_USER")?,
        uid,
        gid,
        home,
    })
    .filter(|user| user.uid != 0)
}

fn choose(passwd: &str, wanted: Option<&str>, sudo_user: Option<&User>) -> Result<User, Unfit> {
    let user = match (wanted, sudo_user) {
        (Some(name), _) => find(passwd, name),
        (None, Some(caller)) => Some(find(passwd, &caller.name).unwrap_or_else(|| caller.clone())),
        (None, None) => find(passwd, "nobody"),
    };
    let name = wanted.unwrap_or("nobody");
    let Some(user) = user else {
        return Err(Unfit::Unknown(name.to_owned()));
    };
    match user.uid {
        0 => Err(Unfit::Root(name.to_owned())),
        _ => Ok(user),
    }
}

/// Finds `name` (or a decimal uid) in the text of `/etc/passwd`.
fn find(passwd: &str, name: &str) -> Option<User> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let login = fields.next()?;
        let (uid, gid) = (fields.nth(1)?, fields.next()?);
        if login != name && uid != name {
            return None;
        }
        let home = fields.nth(1).unwrap_or("/").to_owned();
        Some(User {
            name: login.to_owned(),
            uid: uid.parse().ok()?,
            gid: gid.parse().ok()?,
            home,
        })
    })
}

/// Becomes `user` for good: no supplementary groups, no way back.
///
/// # Errors
/// The kernel refuses, or root could be had back.
pub fn become_user(user: &User) -> anyhow::Result<()> {
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    nix::unistd::setgroups(&[]).context("cannot give up root's groups")?;
    nix::unistd::setresgid(gid, gid, gid).with_context(|| format!("cannot take group {gid}"))?;
    nix::unistd::setresuid(uid, uid, uid)
        .with_context(|| format!("cannot become {}", user.name))?;
    if nix::unistd::setuid(Uid::from_raw(0)).is_ok() {
        bail!("root could be had back after dropping it; refusing to go on");
    }
    Ok(())
}

/// Gives up every capability, whoever the process is: with the ports open none is needed. Becoming
/// an ordinary user clears them too (capabilities(7)), but not for a program that was started with
/// capabilities and without root, and not under every set of secure bits.
///
/// # Errors
/// The kernel refuses, or something is left.
pub fn give_up_capabilities() -> anyhow::Result<()> {
    thread::set_no_new_privs(true).context("cannot forbid new privileges")?;
    thread::clear_ambient_capability_set().context("cannot clear the ambient capabilities")?;
    let none = thread::CapabilitySet::empty();
    let sets = thread::CapabilitySets {
        effective: none,
        permitted: none,
        inheritable: none,
    };
    thread::set_capabilities(None, sets).context("cannot give up capabilities")?;
    let left = thread::capabilities(None).context("cannot read the capabilities that are left")?;
    if left.permitted != none {
        bail!(
            "capabilities are left after giving them up ({:?}); refusing to go on",
            left.permitted
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nbroken\n\
        ann:x:1000:1001:Ann,,,:/home/ann:/bin/sh\nnobody:x:65534:65534::/nonexistent:/bin/false\n";

    fn caller(name: &str) -> User {
        User {
            name: name.to_owned(),
            uid: 5000,
            gid: 5001,
            home: String::new(),
        }
    }

    #[test]
    fn named_beats_sudo_beats_nobody() {
        let chosen = |wanted, sudo: Option<&str>| {
            choose(PASSWD, wanted, sudo.map(caller).as_ref()).expect("exists")
        };
        assert_eq!(chosen(Some("ann"), Some("bob")).name, "ann");
        assert_eq!(chosen(None, Some("ann")).uid, 1000, "as /etc/passwd has it");
        assert_eq!(
            chosen(None, Some("domain user")).uid,
            5000,
            "as sudo has it"
        );
        assert_eq!(chosen(None, None).name, "nobody");
        assert_eq!(chosen(Some("1000"), None).gid, 1001);
        assert_eq!(chosen(Some("ann"), None).home, "/home/ann");
    }

    #[test]
    fn root_and_strangers_are_refused() {
        let users = |root| Users {
            root,
            passwd: Ok(PASSWD.to_owned()),
            caller: Some(caller("ann")),
        };
        for who in ["root", "0", "mallory"] {
            for root in [true, false] {
                let refused = users(root).target(Some(who));
                let text = refused.expect_err("must be refused").to_string();
                assert!(text.contains(&format!("user {who} is ")), "{text}");
            }
        }
        let becomes = |root: bool, wanted| {
            let user = users(root).target(wanted).expect("exists");
            user.map(|user| user.name)
        };
        assert_eq!(becomes(true, None).as_deref(), Some("ann"));
        assert_eq!(becomes(false, None), None, "keeps what it is");
        assert_eq!(becomes(false, Some("nobody")).as_deref(), Some("nobody"));
    }

    /// A person's name may be in Latin-1 there.
    #[test]
    fn any_bytes_are_a_text() {
        let read = b"ren\xe9:x:1001:1001:Ren\xe9:/home/rene:/bin/sh\nann:x:1000:1001::/:/bin/sh\n";
        let users = Users {
            root: true,
            passwd: text(Ok(read.to_vec())),
            caller: Some(caller("ann")),
        };
        for (wanted, uid) in [(None, 1000), (Some("ann"), 1000), (Some("1001"), 1001)] {
            let user = users.target(wanted).expect("exists").expect("becomes one");
            assert_eq!(user.uid, uid, "{wanted:?}");
        }
    }

    #[test]
    fn without_etc_passwd_sudos_numbers_will_do() {
        let users = |caller| Users {
            root: true,
            passwd: text(Err(std::io::ErrorKind::PermissionDenied.into())),
            caller,
        };
        for wanted in [None, Some("ann")] {
            let user = users(Some(caller("ann"))).target(wanted).expect("known");
            assert_eq!(user.map(|user| user.uid), Some(5000), "{wanted:?}");
        }
        for (caller, wanted) in [(None, None), (Some(caller("ann")), Some("nobody"))] {
            let refused = users(caller).target(wanted);
            assert!(matches!(refused, Err(Unfit::Unreadable(_))), "{refused:?}");
        }
    }
}
