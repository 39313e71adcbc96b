//! aria2c, transmission-cli and libtorrent: each fetches a folder that is hard to carry from our
//! tracker and seed, then it alone gives all of it to our bttui.

use std::ffi::OsString;
use std::path::Path;
use std::time::Instant;

use crate::client::{Call, Client};
use crate::fetch::Fetch;
use crate::names::{self, SYSTEM, TOTAL, hard};
use crate::tree::{self, Tree};
use crate::world::{Counts, Offer, SERVER, SOON, World, forbid_the_seed};

/// The server's own seed and nobody else.
const ALONE: Counts = Counts {
    complete: 1,
    incomplete: 0,
    downloaded: 0,
};

/// A program that we did not write.
struct Program {
    call: Call,
    /// What is below its folder for downloads when it has this system.
    own: fn(&Tree) -> Tree,
}

/// The torrent's folder with its files as they are.
fn as_they_are(tree: &Tree) -> Tree {
    let files = tree.iter();
    files
        .map(|(path, bytes)| (format!("{SYSTEM}/{path}"), bytes.clone()))
        .collect()
}

/// It makes no empty files, and no names that Windows would not take.
fn as_transmission_has_them(tree: &Tree) -> Tree {
    let files = as_they_are(tree)
        .into_iter()
        .filter(|(_, bytes)| !bytes.is_empty());
    files
        .map(|(path, bytes)| {
            let path = path.replace(['<', '>', ':', '"', '|', '?', '*'], "_");
            let names: Vec<_> = path.split('/').map(|name| name.trim_matches(' ')).collect();
            (names.join("/"), bytes)
        })
        .collect()
}

/// The server and its system after a program has come, shared and gone.
struct After {
    world: World,
    offer: Offer,
    tree: Tree,
}

/// A program fetches the system, shares it with bttui, and leaves.
fn fetches_and_shares(program: &Program) -> After {
    let tree = hard();
    let mut world = World::open(|oss| names::write(oss, &tree));
    let offer = world.offer(SYSTEM);
    assert_eq!(world.counts(&offer.torrent), ALONE);

    let theirs = world.host(2);
    let scratch = world.room.scratch().to_owned();
    let begun = Instant::now();
    let mut client = Client::start(&theirs, &scratch, &offer.file, program.call);
    client.wait_until_complete(SOON);
    println!("it has everything after {:.1?}", begun.elapsed());
    let both = Counts {
        complete: 2,
        downloaded: 1,
        ..ALONE
    };
    world.until_counts("its word to the tracker", &offer.torrent, both);

    let ours = world.host(3);
    forbid_the_seed(&ours);
    let to = scratch.join("ours");
    let fetched = Fetch::start(&ours, &offer, &to).wait(SOON);
    let address = theirs.address().unwrap();
    assert_eq!(fetched.sources, [(address, TOTAL as u64)], "{fetched:?}");
    tree::assert_same(&to.join(SYSTEM), &tree);

    client.leave();
    tree::assert_same(client.to(), &(program.own)(&tree));
    After { world, offer, tree }
}

impl After {
    /// It said farewell: the tracker names it to nobody any more.
    fn forgotten(self) {
        let counts = Counts {
            downloaded: 2,
            ..ALONE
        };
        self.world
            .until_counts("its farewell to the tracker", &self.offer.torrent, counts);
    }

    /// It went without a word: the tracker still names it, and who comes next finds the others.
    fn in_nobodys_way(mut self) {
        let host = self.world.host(4);
        let to = self.world.room.scratch().join("next");
        let fetched = Fetch::start(&host, &self.offer, &to).wait(SOON);
        assert_eq!(fetched.sources, [(SERVER, TOTAL as u64)], "{fetched:?}");
        tree::assert_same(&to.join(SYSTEM), &self.tree);
    }
}

#[test]
#[ignore = "needs root, aria2c and target/dist/bt-server; cargo xtask test runs it"]
fn aria2_fetches_from_us_and_shares_with_us() {
    let after = fetches_and_shares(&Program {
        call: |command, task| {
            let mut aria2 = command("aria2c");
            aria2
                .args(["--no-conf", "--enable-dht=false", "--enable-dht6=false"])
                .args(["--bt-enable-lpd=false", "--listen-port=6901"])
                // It shares until it is told to end.
                .args(["--seed-ratio=0", "--summary-interval=0"])
                .arg(option("--dir", task.to))
                .arg(option("--on-bt-download-complete", task.hook))
                .arg(task.torrent);
            aria2
        },
        own: as_they_are,
    });
    after.forgotten();
}

#[test]
#[ignore = "needs root, transmission-cli and target/dist/bt-server; cargo xtask test runs it"]
fn transmission_fetches_from_us_and_shares_with_us() {
    let after = fetches_and_shares(&Program {
        call: |command, task| {
            // With its default settings. It tries uTP first, and where nothing ever comes by UDP the timer
            // that would make it try TCP is never started (transmission pull request 4897; right
            // since 4.0.1): it has a peer once the server connects to it.
            let mut transmission = command("transmission-cli");
            transmission
                .args(["--port", "6902", "--finish"])
                .arg(task.hook)
                .arg("--config-dir")
                .arg(task.home)
                .arg("--download-dir")
                .args([task.to, task.torrent]);
            transmission
        },
        own: as_transmission_has_them,
    });
    // Its HTTP thread ends before its last announce is sent.
    after.in_nobodys_way();
}

#[test]
#[ignore = "needs root, python3-libtorrent and target/dist/bt-server; cargo xtask test runs it"]
fn libtorrent_fetches_from_us_and_shares_with_us() {
    let after = fetches_and_shares(&Program {
        call: |command, task| {
            let script =
                Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bittorrent/libtorrent_client.py");
            // Debian's own Python: another one in PATH does not have Debian's modules.
            let mut python = command("/usr/bin/python3");
            python
                .arg(script)
                .args([task.torrent, task.to, task.hook])
                .arg("6903");
            python
        },
        own: as_they_are,
    });
    after.forgotten();
}

/// `--name=path`, whatever the path is made of.
fn option(name: &str, path: &Path) -> OsString {
    let mut option = OsString::from(name);
    option.push("=");
    option.push(path);
    option
}
