//! Lists the files of the folder that `BT_PHASE1_DIR` names as `include_bytes!` lines, or none.
//!
//! The file names are read here so that a new loader in phase 1 needs no line of Rust.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-env-changed=BT_PHASE1_DIR");
    println!("cargo::rerun-if-changed=build.rs");
    let listing = match env::var_os("BT_PHASE1_DIR") {
        Some(folder) if !folder.is_empty() => embed(Path::new(&folder)),
        _ => placeholder(),
    };
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(out.join("image.rs"), listing).expect("OUT_DIR can be written");
}

/// No phase 1 was built: `cargo check` and the tests of every other room work without it.
fn placeholder() -> String {
    "static FILES: &[File] = &[];\nstatic MANIFEST: Option<&str> = None;\n".to_owned()
}

fn embed(folder: &Path) -> String {
    let listed = fs::read_dir(folder).unwrap_or_else(|e| {
        panic!(
            "BT_PHASE1_DIR {}: {e}; run `cargo xtask phase1` first",
            folder.display()
        )
    });
    let mut paths: Vec<PathBuf> = listed
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    // Watches for files that come or go; each file below is watched for its content.
    println!("cargo::rerun-if-changed={}", folder.display());

    let mut files = String::from("static FILES: &[File] = &[\n");
    let mut manifest = "None".to_owned();
    for path in &paths {
        println!("cargo::rerun-if-changed={}", path.display());
        let absolute = fs::canonicalize(path).expect("the file was just listed");
        let absolute = absolute
            .to_str()
            .expect("phase 1 lies under a path of UTF-8");
        let name = path
            .file_name()
            .and_then(|n| n.to_str())
            .expect("phase 1 names its files in ASCII");
        if name == "manifest.json" {
            manifest = format!("Some(include_str!({absolute:?}))");
        } else {
            writeln!(
                files,
                "    File {{ name: {name:?}, bytes: include_bytes!({absolute:?}) }},"
            )
            .expect("a String grows");
        }
    }
    assert!(
        paths.iter().any(|path| path.ends_with("bzImage")),
        "BT_PHASE1_DIR {} holds no bzImage; run `cargo xtask phase1` first",
        folder.display()
    );
    format!("{files}];\nstatic MANIFEST: Option<&str> = {manifest};\n")
}
