//! Who the server becomes once its ports are open, and the step of becoming it.
//!
//! Static programs have no name service, so `/etc/passwd` is read directly. Dropping acts on the
//! whole process and must happen before the runtime starts threads.

use anyhow::{Context, bail};
use nix::unistd::{Gid, Uid};

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

/// The user to drop to: `wanted` (from `--user` or the configuration), else the user who called
/// sudo, else `nobody`. `None` when the process is not root and keeps what it is.
///
/// # Errors
/// The user does not exist, or is root, or `/etc/passwd` cannot be read.
pub fn target(wanted: Option<&str>) -> anyhow::Result<Option<User>> {
    if !nix::unistd::geteuid().is_root() {
        return Ok(None);
    }
    let passwd = std::fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
    let sudo_user = std::env::var("SUDO_USER")
        .ok()
        .filter(|name| name != "root");
    choose(&passwd, wanted, sudo_user.as_deref()).map(Some)
}

fn choose(passwd: &str, wanted: Option<&str>, sudo_user: Option<&str>) -> anyhow::Result<User> {
    let name = wanted.or(sudo_user).unwrap_or("nobody");
    let Some(user) = find(passwd, name) else {
        bail!(
            "user {name}: there is no such user in /etc/passwd; name one that exists with --user"
        );
    };
    if user.uid == 0 {
        bail!(
            "user {name}: is root, and the server does not go on as root; \
             leave --user and `user:` out, or name an ordinary user"
        );
    }
    Ok(user)
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

/// Becomes `user` for good: no supplementary groups, no way back, no capability.
/// The kernel clears every capability when the last uid 0 goes (capabilities(7)).
///
/// # Errors
/// The kernel refuses, or root could be had back.
pub fn drop_to(user: &User) -> anyhow::Result<()> {
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    nix::unistd::setgroups(&[]).context("cannot give up root's groups")?;
    nix::unistd::setresgid(gid, gid, gid).with_context(|| format!("cannot take group {gid}"))?;
    nix::unistd::setresuid(uid, uid, uid)
        .with_context(|| format!("cannot become {}", user.name))?;
    rustix::thread::set_no_new_privs(true).context("cannot forbid new privileges")?;
    if nix::unistd::setuid(Uid::from_raw(0)).is_ok() {
        bail!("root could be had back after dropping it; refusing to go on");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nbroken\n\
        ann:x:1000:1001:Ann,,,:/home/ann:/bin/sh\nnobody:x:65534:65534::/nonexistent:/bin/false\n";

    #[test]
    fn named_beats_sudo_beats_nobody() {
        let name = |wanted, sudo| choose(PASSWD, wanted, sudo).expect("exists").name;
        assert_eq!(name(Some("ann"), Some("nobody")), "ann");
        assert_eq!(name(None, Some("ann")), "ann");
        assert_eq!(name(None, None), "nobody");
        assert_eq!(
            choose(PASSWD, Some("1000"), None).expect("by uid").gid,
            1001
        );
        assert_eq!(
            choose(PASSWD, Some("ann"), None).expect("exists").home,
            "/home/ann"
        );
    }

    #[test]
    fn root_and_strangers_are_refused() {
        for who in ["root", "0", "mallory"] {
            let text = choose(PASSWD, Some(who), None)
                .expect_err("must be refused")
                .to_string();
            assert!(text.contains(who) && text.contains("--user"), "{text}");
        }
    }
}
