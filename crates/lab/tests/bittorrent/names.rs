//! A folder with everything that a name or a size may be, and that HTTP serves all of it.

use std::fs;
use std::path::Path;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::tree::{self, Tree, noise};
use crate::world::World;

/// The system's folder, and with it the torrent's name.
pub(crate) const SYSTEM: &str = "Система №1 系統 🐧 #%41?&+";
/// Bytes of all its files together: whole pieces.
pub(crate) const TOTAL: usize = 24 * MIB;
/// The piece length of a torrent of this size, in bytes.
const PIECE: usize = 64 << 10;
const MIB: usize = 1 << 20;
/// Its description, which is no payload.
const CONFIG: &str = "method: kexec\nkernel: vmlinuz\ninitrd: initrd.img\n";

/// The files of the system.
pub(crate) fn hard() -> Tree {
    let long = "длинное-имя-".repeat(9);
    let files = [
        ("vmlinuz", MIB + 1),
        ("initrd.img", 4 * MIB),
        ("-rf --help", 70_001),
        ("#%41?&+;=~'\"$(x)`|<>*[]{}!^.cfg", 1_234_567),
        (" begins and ends with a space ", 3),
        ("empty", 0),
        (".hidden/.file", 1),
        ("sub/empty", 0),
        ("sub/one block", 16 << 10),
        ("sub/ten pieces", 10 * PIECE),
        ("sub/deep/deeper/файл с пробелами.bin", 5 * MIB + 7),
        ("boot/内核/引导 磁盘.img", 3 * MIB - 1),
        ("مرحبا/עברית.txt", 100_000),
        // The same to the eye: composed, and with a combining accent.
        ("caf\u{e9}", 11),
        ("cafe\u{301}", 12),
        ("🐧/🎉 \u{1f468}\u{200d}\u{1f469}.dat", 2 * MIB + 13),
        (&long, 321),
    ];
    let mut tree: Tree = files
        .iter()
        .zip(1..)
        .map(|((path, length), seed)| ((*path).to_owned(), noise(seed, *length)))
        .collect();
    // Together they fill whole pieces, and the last file of the torrent is an empty one: the two
    // places where a hash too many or too few is easily made.
    let so_far: usize = tree.values().map(Vec::len).sum();
    let rest = TOTAL
        .checked_sub(so_far)
        .expect("the rest is one more file");
    tree.insert("zz/rest".to_owned(), noise(99, rest));
    tree.insert("🛑 last".to_owned(), Vec::new());
    tree
}

/// Writes the system below `oss`.
pub(crate) fn write(oss: &Path, tree: &Tree) {
    tree::write(&oss.join(SYSTEM), tree);
    fs::write(oss.join(SYSTEM).join("config.yaml"), CONFIG).unwrap();
}

#[test]
#[ignore = "needs root and target/dist/bt-server; cargo xtask test runs it"]
fn every_name_is_served_by_http() {
    let tree = hard();
    let world = World::open(|oss| write(oss, &tree));
    let url = |path: &str| {
        let names = path.split('/').map(|name| {
            let escaped = utf8_percent_encode(name, NON_ALPHANUMERIC);
            escaped.to_string()
        });
        format!("/oss/{}", names.collect::<Vec<_>>().join("/"))
    };
    for (path, bytes) in &tree {
        let served = world.get(&url(&format!("{SYSTEM}/{path}")));
        assert!(served == *bytes, "{path}: {} bytes came", served.len());
    }
    let config = url(&format!("{SYSTEM}/config.yaml"));
    assert_eq!(world.status(&config), 404, "it is no payload");
}
