//! Folders that could be used, and all that is in the way of others: told in one sentence with its remedy, and nothing
//! is changed by looking.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use nix::mount::{MsFlags, mount, umount};
use nix::sched::{CloneFlags, unshare};
use tempfile::TempDir;

use super::*;

/// A user whom this test's things belong to: who runs it, or, for root, may do all, somebody else who gets them.
fn ann(base: &Path) -> User {
    let found = fs::metadata(base).expect("there");
    let (uid, gid) = match found.uid() {
        0 => (4_200_000, 4_200_000),
        uid => (uid, found.gid()),
    };
    let to = format!("{uid}:{gid}");
    let given = Command::new("chown").arg("-hR").arg(to).arg(base).status();
    assert!(given.expect("started").success());
    User {
        name: "ann".into(),
        uid,
        gid,
        home: String::new(),
    }
}

/// Somebody who owns nothing here. Not root, and not in any group of who runs this test.
fn bob() -> User {
    User {
        name: "bob".into(),
        uid: 4_200_001,
        gid: 4_200_001,
        home: String::new(),
    }
}

/// A folder on the way that everybody may pass.
fn base() -> TempDir {
    let base = tempfile::tempdir().expect("a folder");
    mode(base.path(), 0o755);
    base
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
}

fn said(wanted: &Path, user: Option<&User>) -> String {
    let problem = look(wanted, user).unwrap_or_else(|| panic!("{} is fine", wanted.display()));
    assert!(problem.is_error());
    problem.to_string()
}

#[test]
fn what_could_be_used_is_nothing_to_tell() {
    let base = base();
    let used = base.path().join("used");
    fs::create_dir(&used).expect("made");
    fs::write(used.join("lock"), "12\n").expect("written");
    fs::create_dir(used.join("seeder")).expect("made");
    let link = base.path().join("link");
    symlink(&used, &link).expect("a link");
    let ann = ann(base.path());
    for user in [Some(&ann), None] {
        for wanted in [&used, &base.path().join("new"), &link.join("new")] {
            assert_eq!(look(wanted, user), None);
        }
    }
    // Root makes it for another one, and gives it away.
    assert_eq!(look(&base.path().join("new"), Some(&bob())), None);
    // Who stays who it is makes what is on the way too, and goes through links.
    assert_eq!(look(&base.path().join("a/b/c"), None), None);
    assert_eq!(look(&link, None), None);
    let files = fs::read_dir(base.path()).expect("there").count();
    assert_eq!(files, 2, "nothing was made");
}

#[test]
fn what_is_in_the_way_is_named_with_the_remedy() {
    let base = base();
    let at = |name: &str| base.path().join(name);
    let shown = base.path().display().to_string();
    fs::write(at("file"), "").expect("written");
    for name in ["closed", "linked", "piped", "full", "theirs"] {
        fs::create_dir(at(name)).expect("made");
    }
    symlink(at("linked"), at("link")).expect("a link");
    symlink(at("file"), at("linked/lock")).expect("a link");
    fs::create_dir(at("piped/lock")).expect("made");
    fs::write(at("full/seeder"), "").expect("written");
    mode(&at("closed"), 0o700);
    mode(&at("theirs"), 0o500);

    let (ann, bob) = (ann(base.path()), bob());
    let nobody_made =
        format!("there is no folder {shown}/no/such\n    remedy: make {shown}/no/such first");
    let table: [(&str, Option<&User>, &str); 14] = [
        ("no/such/dir", Some(&ann), &nobody_made),
        ("file", Some(&ann), "/file is not a folder"),
        ("file", None, "/file is not a folder"),
        ("file/dir", Some(&ann), "/file is not a folder"),
        ("file/dir/dir", None, "/file is not a folder"),
        ("link", Some(&ann), "is a link, which root does not follow"),
        ("link/", Some(&ann), "is a link, which root does not follow"),
        (
            "full",
            Some(&bob),
            "and the server becomes bob\n    remedy: give it to bob (chown -R bob ",
        ),
        ("closed/dir", Some(&bob), "bob cannot enter "),
        ("closed/no/dir", Some(&bob), "bob cannot enter "),
        (
            "theirs",
            Some(&ann),
            "the folder cannot be written to by ann",
        ),
        (
            "linked",
            Some(&ann),
            "/linked/lock is a link\n    remedy: remove it",
        ),
        (
            "piped",
            None,
            "/piped/lock is not a file\n    remedy: remove it",
        ),
        (
            "full",
            None,
            "/full/seeder is not a folder\n    remedy: remove it",
        ),
    ];
    for (name, user, part) in table {
        let said = said(&at(name), user);
        assert!(
            said.starts_with(&format!("--state {shown}/{name}: error: ")),
            "{said}"
        );
        assert!(said.contains(part), "{said}");
        assert_eq!(said.lines().count(), 2, "{said}");
    }
    for odd in [OsStr::new(""), OsStr::from_bytes(b"/tmp/\xff")] {
        assert!(said(Path::new(odd), None).contains("remedy: name a folder"));
    }
}

/// What an earlier server wrote as another user.
#[test]
fn files_of_another_user_are_told() {
    let base = base();
    let lock = base.path().join("lock");
    fs::write(&lock, "").expect("written");
    mode(&lock, 0o400);
    let ann = ann(base.path());
    assert!(said(base.path(), Some(&ann)).contains("/lock cannot be written to by ann"));
    fs::remove_file(lock).expect("removed");
    let seeder = base.path().join("seeder");
    fs::create_dir(&seeder).expect("made");
    mode(&seeder, 0o500);
    let ann = self::ann(base.path());
    assert!(said(base.path(), Some(&ann)).contains("/seeder cannot be written to by ann"));
}

/// Links on the way may lead through folders that are closed.
#[test]
fn what_links_lead_through_must_be_entered_too() {
    let base = base();
    let closed = base.path().join("closed");
    fs::create_dir_all(closed.join("open")).expect("made");
    mode(&closed, 0o700);
    let link = base.path().join("link");
    symlink(closed.join("open"), &link).expect("a link");
    let said = said(&link.join("dir"), Some(&bob()));
    assert!(
        said.contains("bob cannot enter ") && said.contains("/closed\n"),
        "{said}"
    );
}

/// Root may write anywhere but there.
#[test]
#[ignore = "needs root; cargo xtask test runs it"]
fn a_write_protected_disk_is_one_for_root_too() {
    let look_inside = || {
        let base = base();
        let (none, tmpfs) = (None::<&str>, Some("tmpfs"));
        unshare(CloneFlags::CLONE_NEWNS).expect("root");
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).expect("private");
        let flags = MsFlags::MS_RDONLY;
        mount(tmpfs, base.path(), tmpfs, flags, none).expect("mounted");
        let made = said(&base.path().join("dir"), Some(&bob()));
        umount(base.path()).expect("mounted");
        assert!(made.contains("no folder can be made in "), "{made}");
        assert!(made.contains("Read-only file system"), "{made}");
    };
    std::thread::spawn(look_inside).join().expect("no panic");
}
