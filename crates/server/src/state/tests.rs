//! State folders as people name them, and as others leave or take them.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Child, Command, Stdio};

use super::*;

/// Set for a child of [`a_killed_server_holds_nothing`].
const HOLD: &str = "BT_SERVER_TEST_HOLDS";

fn take(dir: &Path) -> anyhow::Result<State> {
    take_within(dir, Duration::ZERO)
}

fn take_within(dir: &Path, patience: Duration) -> anyhow::Result<State> {
    let mut places = places(Some(dir), None)?;
    places.patience = patience;
    places.take()
}

fn refused(dir: &Path) -> String {
    format!("{:#}", take(dir).expect_err("must be refused"))
}

fn usual(dirs: &[PathBuf]) -> Places {
    Places {
        wanted: None,
        usual: dirs.to_vec(),
        refused: Vec::new(),
        patience: Duration::ZERO,
    }
}

#[test]
fn wanted_folder_is_made_private() {
    let base = tempfile::tempdir().expect("a folder");
    let dir = base.path().join("a/b");
    assert_eq!(take(&dir).expect("made").folder(), dir);
    let mode = fs::metadata(&dir).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn a_file_in_the_way_is_named() {
    let base = tempfile::tempdir().expect("a folder");
    let file = base.path().join("state");
    fs::write(&file, "").expect("written");
    for dir in [file.join("x"), file] {
        let text = refused(&dir);
        assert!(
            text.contains("--state") && text.contains("name a folder"),
            "{text}"
        );
    }
}

/// Root goes on as this user, so a folder of somebody else is of no use.
#[test]
fn somebody_elses_folder_is_refused_with_the_remedy() {
    let base = tempfile::tempdir().expect("a folder");
    let uid = fs::metadata(base.path()).expect("there").uid();
    let user = |uid| User {
        name: "ann".into(),
        uid,
        gid: 0,
        home: base.path().display().to_string(),
    };
    assert!(make_for(&user(uid), base.path()).is_ok());
    let text = format!(
        "{:#}",
        places(Some(base.path()), Some(&user(uid + 1))).expect_err("not hers")
    );
    assert!(text.contains("chown -R ann"), "{text}");
    let link = base.path().join("link");
    symlink(base.path(), &link).expect("a link");
    assert!(make_for(&user(uid), &link).is_err(), "root follows no link");
    assert_eq!(
        xdg(Some(&user(uid))),
        Some(base.path().join(".local/state/bt-server"))
    );
    let homeless = User {
        home: "/nonexistent".into(),
        ..user(uid)
    };
    assert_eq!(xdg(Some(&homeless)), None);
}

#[test]
fn a_folder_has_one_server_at_a_time() {
    let base = tempfile::tempdir().expect("a folder");
    let first = take(base.path()).expect("free");
    let text = refused(base.path());
    let pid = format!("process {}", std::process::id());
    for part in [base.path().to_str().expect("UTF-8"), &pid, "a --state each"] {
        assert!(text.contains(part), "{text}");
    }
    fs::write(
        base.path().join("lock"),
        "not a number, and too long for one",
    )
    .expect("written");
    assert!(refused(base.path()).contains("not known"));
    fs::write(base.path().join("lock"), [0xff; 9]).expect("written");
    assert!(refused(base.path()).contains("not known"));
    first.give_back();
    take(base.path()).expect("free again").give_back();
    assert!(base.path().is_dir(), "only what is in memory is removed");
}

/// A restart begins before the old server has ended.
#[test]
fn a_server_that_is_ending_is_waited_for() {
    let base = tempfile::tempdir().expect("a folder");
    let old = take(base.path()).expect("free");
    assert!(places(None, None).expect("usual").patience >= Duration::from_secs(2));
    std::thread::scope(|scope| {
        let long = Duration::from_secs(120);
        let (asked, asking) = std::sync::mpsc::channel();
        let new = scope.spawn(move || {
            asked.send(()).expect("heard");
            take_within(base.path(), long).map(State::give_back)
        });
        asking.recv().expect("asked");
        // Who does not wait has most probably been refused by now; for who waits this is no matter.
        std::thread::sleep(Duration::from_millis(300));
        assert!(!new.is_finished());
        old.give_back();
        new.join().expect("no panic").expect("free in time");
    });
}

#[test]
fn where_others_are_the_next_place_is_taken() {
    let base = tempfile::tempdir().expect("a folder");
    let [one, two] = ["one", "two"].map(|name| base.path().join(name));
    let both = [one.clone(), two.clone()];
    let first = usual(&both).take().expect("the first");
    assert_eq!(first.folder(), one);
    let second = usual(&both).take().expect("the second");
    assert_eq!(second.folder(), two);

    // No process has such a number.
    let killed = Path::new(memory::VOLATILE).join(format!("bt-server-{}", u32::MAX));
    fs::create_dir_all(&killed).expect("made");
    let third = usual(&both).take().expect("in memory");
    assert!(!killed.exists(), "left by a killed server");
    let memory = third.folder().to_owned();
    assert!(memory.starts_with(memory::VOLATILE), "{}", memory.display());
    third.give_back();
    assert!(!memory.exists());
    first.give_back();
    assert_eq!(usual(&both).take().expect("free again").folder(), one);
}

/// What somebody who may write to the folder could put there.
#[test]
fn what_is_planted_for_the_lock_is_left_alone() {
    let base = tempfile::tempdir().expect("a folder");
    let victim = base.path().join("victim");
    fs::write(&victim, "precious").expect("written");
    type Plant = fn(&Path, &Path);
    let plants: [(&str, Plant); 3] = [
        ("a link", |lock, victim| {
            symlink(victim, lock).expect("a link");
        }),
        ("a folder", |lock, _| {
            fs::create_dir(lock).expect("a folder");
        }),
        ("a pipe", |lock, _| {
            let made = Command::new("mkfifo").arg(lock).status().expect("started");
            assert!(made.success());
        }),
    ];
    for (what, plant) in plants {
        let dir = base.path().join(what);
        fs::create_dir(&dir).expect("a folder");
        plant(&dir.join("lock"), &victim);
        let text = refused(&dir);
        assert!(text.contains("cannot be used"), "{what}: {text}");
        assert!(
            text.contains(&format!("{}/lock is ", dir.display())),
            "{text}"
        );
        assert!(text.contains("; remove it"), "{text}");
    }
    assert_eq!(fs::read(&victim).expect("there"), b"precious");
}

/// librqbit's folder would be refused when all else is done.
#[test]
fn a_folder_with_a_file_for_the_seed_is_passed_by() {
    let base = tempfile::tempdir().expect("a folder");
    let [one, two] = ["one", "two"].map(|name| base.path().join(name));
    fs::create_dir(&one).expect("a folder");
    fs::write(one.join("seeder"), "").expect("written");
    assert!(refused(&one).contains("/one/seeder is not a folder; remove it"));
    let taken = usual(&[one, two.clone()]).take().expect("the second");
    assert_eq!(taken.folder(), two);
}

#[test]
fn a_killed_server_holds_nothing() {
    if let Some(dir) = std::env::var_os(HOLD) {
        let _held = take(Path::new(&dir)).expect("free");
        println!("held");
        std::thread::park();
    }
    let base = tempfile::tempdir().expect("a folder");
    let mut holder = Holder::start(base.path());
    let pid = holder.0.id();
    assert!(refused(base.path()).contains(&format!("process {pid})")));
    holder.0.kill().expect("killed");
    holder.0.wait().expect("ended");
    take(base.path()).expect("free at once");
}

/// Another process that holds a folder: this test itself, started once more.
struct Holder(Child);

impl Holder {
    fn start(dir: &Path) -> Self {
        let program = std::env::current_exe().expect("a program");
        let mut child = Command::new(program)
            .args([
                "--exact",
                "--nocapture",
                "state::tests::a_killed_server_holds_nothing",
            ])
            .env(HOLD, dir)
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let said = io::BufReader::new(child.stdout.take().expect("piped"));
        let held = io::BufRead::lines(said).any(|line| line.expect("text").contains("held"));
        assert!(held, "it never took the folder");
        Self(child)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
