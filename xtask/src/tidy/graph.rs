//! Dependencies, from cargo's own metadata: directions between rooms, what pure rooms may reach, crates that have one
//! home, crates that are banned, licences.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, MetadataCommand};

use super::map::Room;
use super::{Finding, licence};
use crate::{cargo, places};

/// C code, or crates with known holes. (`ring` is C and assembly, and slow here: librqbit would bring it.)
const BANNED: [(&str, &str); 6] = [
    ("openssl-sys", "C; there is no TLS in this house"),
    ("native-tls", "C; there is no TLS in this house"),
    ("aws-lc-sys", "C; sha1 and sha2 do the hashing"),
    ("ring", "C and assembly, and slower than sha1"),
    ("serde_yml", "has advisories; serde-saphyr reads our YAML"),
    ("libz-sys", "C; flate2 runs on zlib-rs"),
];

/// Runtimes and sockets: a pure room reaches none of them, not even through a crate it uses.
const IMPURE: [&str; 6] = ["async-io", "async-std", "mio", "smol", "socket2", "tokio"];

/// Crates that one room hides from all others.
const HOMES: [(&str, &str); 6] = [
    ("async-tftp", "tftp"),
    ("axum", "server"),
    ("cpio", "initrd"),
    ("dhcproto", "pxe"),
    ("librqbit", "seeder"),
    ("serde-saphyr", "catalog"),
];

/// A package in the graph of what we build; dependencies are positions in the same list.
pub(super) struct Package {
    name: String,
    /// For our own: the folder, from the top.
    folder: Option<String>,
    licence: Option<String>,
    /// What is linked in, and not only used by tests or build scripts.
    normal: Vec<usize>,
}

/// The packages that are built for our target.
pub(super) fn load() -> Result<Vec<Package>> {
    let metadata = MetadataCommand::new()
        .manifest_path(places::root().join("Cargo.toml"))
        .other_options(["--filter-platform".to_owned(), cargo::TARGET.to_owned()])
        .exec()?;
    let nodes = metadata
        .resolve
        .as_ref()
        .context("cargo metadata resolved nothing")?
        .nodes
        .clone();
    let position = |id| nodes.iter().position(|node| &node.id == id);
    nodes
        .iter()
        .map(|node| {
            let package = &metadata[&node.id];
            let folder = package
                .manifest_path
                .parent()
                .context("a manifest lies in a folder")?;
            let ours = metadata.workspace_members.contains(&node.id);
            let normal = node.deps.iter().filter(|dep| {
                dep.dep_kinds
                    .iter()
                    .any(|kind| kind.kind == DependencyKind::Normal)
            });
            Ok(Package {
                name: package.name.to_string(),
                folder: ours.then(|| {
                    folder
                        .strip_prefix(&metadata.workspace_root)
                        .unwrap_or(folder)
                        .to_string()
                }),
                licence: package.license.clone(),
                normal: normal.filter_map(|dep| position(&dep.pkg)).collect(),
            })
        })
        .collect()
}

pub(super) fn check(packages: &[Package], rooms: &[Room]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        if let Some((_, why)) = BANNED.iter().find(|(name, _)| *name == package.name) {
            findings.push(Finding::file(
                "Cargo.lock",
                format!("get rid of {}: {why}", package.name),
            ));
        }
        if let Err(why) = licence::allowed(package.licence.as_deref().unwrap_or_default()) {
            findings.push(Finding::file(
                "Cargo.lock",
                format!("{}: {why}", package.name),
            ));
        }
        let room = package
            .folder
            .as_ref()
            .and_then(|folder| rooms.iter().find(|room| room.folder() == *folder));
        if let (Some(folder), Some(room)) = (&package.folder, room) {
            findings.extend(directions(
                packages,
                package,
                room,
                &format!("{folder}/Cargo.toml"),
            ));
        }
    }
    findings
}

/// What one room depends on.
fn directions(
    packages: &[Package],
    package: &Package,
    room: &Room,
    manifest: &str,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for dependency in package.normal.iter().map(|&i| &packages[i]) {
        if let Some(folder) = &dependency.folder {
            let name = folder.trim_start_matches("crates/");
            if !room.imports.iter().any(|allowed| allowed == name) {
                findings.push(Finding::file(
                    manifest,
                    format!(
                        "`{}` may not import `{name}`: see the map's table",
                        room.name
                    ),
                ));
            }
        }
        if let Some((name, home)) = HOMES
            .iter()
            .find(|(name, home)| *name == dependency.name && *home != room.name)
        {
            findings.push(Finding::file(
                manifest,
                format!("only `{home}` knows {name}; use that room"),
            ));
        }
    }
    if room.pure {
        let reached = reached(packages, package);
        findings.extend(
            IMPURE
                .iter()
                .filter(|name| reached.contains(*name))
                .map(|name| {
                    Finding::file(
                        manifest,
                        format!(
                            "`{}` is pure and reaches {name}; see `cargo tree -p {} -i {name}`",
                            room.name, package.name
                        ),
                    )
                }),
        );
    }
    findings
}

/// The names of everything a package links in.
fn reached<'a>(packages: &'a [Package], package: &'a Package) -> BTreeSet<&'a str> {
    let (mut open, mut seen) = (package.normal.clone(), BTreeSet::new());
    while let Some(next) = open.pop() {
        if seen.insert(next) {
            open.extend(&packages[next].normal);
        }
    }
    seen.into_iter()
        .map(|i| packages[i].name.as_str())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{BANNED, Package, check, load};
    use crate::tidy::licence::ALLOWED;
    use crate::tidy::map::Room;

    fn package(name: &str, folder: Option<&str>, normal: &[usize]) -> Package {
        let licence = Some("MIT".to_owned());
        Package {
            name: name.to_owned(),
            folder: folder.map(str::to_owned),
            licence,
            normal: normal.to_vec(),
        }
    }

    fn found(packages: &[Package]) -> Vec<String> {
        let room = |name: &str, pure, imports: &[&str]| {
            let imports = imports.iter().map(|&name| name.to_owned()).collect();
            Room {
                name: name.to_owned(),
                pure,
                imports,
            }
        };
        let rooms = [
            room("pxe", true, &["report"]),
            room("report", true, &[]),
            room("server", false, &["pxe", "report"]),
        ];
        check(packages, &rooms)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn the_right_directions_are_fine() {
        let packages = [
            package("report", Some("crates/report"), &[]),
            package("dhcproto", None, &[]),
            package("pxe", Some("crates/pxe"), &[0, 1]),
            package("tokio", None, &[]),
            package("bt-server", Some("crates/server"), &[0, 2, 3]),
        ];
        assert_eq!(found(&packages), Vec::<String>::new());
    }

    #[test]
    fn planted_faults_are_found() {
        let server = || package("bt-server", Some("crates/server"), &[]);
        let cases = [
            (
                vec![server(), package("pxe", Some("crates/pxe"), &[0])],
                "crates/pxe/Cargo.toml: `pxe` may not import `server`",
            ),
            (
                vec![
                    package("dhcproto", None, &[]),
                    package("report", Some("crates/report"), &[0]),
                ],
                "only `pxe` knows dhcproto",
            ),
            (
                vec![
                    package("tokio", None, &[]),
                    package("between", None, &[0]),
                    package("pxe", Some("crates/pxe"), &[1]),
                ],
                "`pxe` is pure and reaches tokio",
            ),
            (
                vec![package("openssl-sys", None, &[])],
                "get rid of openssl-sys",
            ),
            (
                vec![Package {
                    licence: Some("SSPL-1.0".to_owned()),
                    ..package("x", None, &[])
                }],
                "SSPL-1.0",
            ),
            (
                vec![Package {
                    licence: None,
                    ..package("x", None, &[])
                }],
                "x: ",
            ),
        ];
        for (packages, expected) in cases {
            let found = found(&packages);
            assert!(
                found.len() == 1 && found[0].contains(expected),
                "{expected}: {found:?}"
            );
        }
    }

    #[test]
    fn the_real_graph_has_our_rooms_and_their_dependencies() {
        let packages = load().unwrap();
        let server = packages
            .iter()
            .find(|package| package.folder.as_deref() == Some("crates/server"))
            .unwrap();
        assert!(server.normal.iter().any(|&i| packages[i].name == "axum"));
        assert!(
            !server
                .normal
                .iter()
                .any(|&i| packages[i].name == "tempfile"),
            "tests' dependencies are not linked in"
        );
    }

    #[test]
    fn cargo_deny_is_told_the_same() {
        let deny = include_str!("../../../.cargo/deny.toml");
        let said = |name: &str| deny.contains(&format!("\"{name}\""));
        assert!(
            ALLOWED.iter().all(|name| said(name)),
            "a licence is missing from deny.toml"
        );
        assert!(
            BANNED.iter().all(|(name, _)| said(name)),
            "a crate is missing from deny.toml"
        );
        let lines = |start: &str| deny.lines().filter(|line| line.starts_with(start)).count();
        assert_eq!(lines("    \""), ALLOWED.len(), "deny.toml allows more");
        assert_eq!(lines("    { crate"), BANNED.len(), "deny.toml bans more");
    }
}
