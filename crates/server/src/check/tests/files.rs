//! What may lie in a system's folder, and who must be able to read it.

use super::*;

#[test]
fn links_stay_inside_oss() {
    let environment = Environment::new();
    environment
        .write("elsewhere/secret", "x")
        .link("oss/tiny/inside", "vmlinuz")
        .link("oss/again", "tiny")
        .write("oss/linked/x", "x")
        .link("oss/linked/vmlinuz", "../tiny/vmlinuz")
        .link("oss/linked/initrd", "../tiny/initrd");
    let loaded = environment.load();
    assert_eq!(loaded.systems.len(), 3, "{}", environment.said(&loaded));
    let linked = &loaded.systems[1];
    assert_eq!((linked.system.name.as_str(), linked.size()), ("linked", 14));

    environment
        .link("oss/tiny/out", "../../elsewhere/secret")
        .link("oss/tiny/passwd", "/etc/passwd")
        .link("oss/tiny/dangling", "nowhere")
        .link("oss/tiny/loop", "..")
        .link("oss/tiny/self", "self")
        .link("oss/outside", "../elsewhere");
    let loaded = environment.load();
    let said = environment.said(&loaded);
    for expected in [
        "ENV/oss/tiny/out: error: is a symbolic link that leaves oss, to ../../elsewhere/secret",
        "ENV/oss/tiny/passwd: error: is a symbolic link that leaves oss, to /etc/passwd",
        "ENV/oss/tiny/dangling: error: is a symbolic link to nowhere, which cannot be reached",
        "ENV/oss/tiny/self: error: is a symbolic link to self, which cannot be reached",
        "ENV/oss/tiny/loop: error: is a symbolic link to a folder it lies in",
        "ENV/oss/outside: error: is a symbolic link that leaves oss, to ../elsewhere",
        "remedy: copy what it points to into its place, or mount that there",
    ] {
        assert!(said.contains(expected), "{expected}\nnot in\n{said}");
    }
    // `again` is the same folder once more.
    assert_eq!(said.matches("error:").count(), 5 + 5 + 1, "{said}");
}

#[test]
fn what_is_no_file_is_refused() {
    let environment = Environment::new();
    let socket = environment.path("oss/tiny/socket");
    let _listener = std::os::unix::net::UnixListener::bind(socket).expect("a socket");
    nix::unistd::mkfifo(
        &environment.path("oss/tiny/pipe"),
        nix::sys::stat::Mode::S_IRWXU,
    )
    .expect("a pipe");
    nix::unistd::mkfifo(
        &environment.path("Boottorrent.yaml"),
        nix::sys::stat::Mode::S_IRWXU,
    )
    .expect("a pipe");
    let said = environment.said(&environment.load());
    assert!(
        said.contains("ENV/oss/tiny/socket: error: is neither a file nor a folder"),
        "{said}"
    );
    assert!(
        said.contains("ENV/oss/tiny/pipe: error: is neither a file nor a folder"),
        "{said}"
    );
    assert!(
        said.contains("ENV/Boottorrent.yaml: error: is not a file"),
        "{said}"
    );
}

/// A link is followed as whoever serves, folder by folder.
#[test]
fn a_link_through_a_closed_folder_is_refused() {
    let environment = Environment::new();
    for name in ["vmlinuz", "initrd", "more/modules"] {
        environment.write(&format!("oss/.store/deb/{name}"), "x");
    }
    environment
        .write("oss/files/README", "x")
        .link("oss/deb", ".store/deb")
        .link("oss/files/vmlinuz", "../.store/deb/vmlinuz")
        .link("oss/files/initrd", "../.store/deb/initrd")
        .link("oss/tiny/kernel", "../files/vmlinuz");
    let said = environment.said(&environment.load_as(NOBODY));
    assert!(
        !said.contains("ENV/oss"),
        "all of it can be reached: {said}"
    );

    environment.mode("oss/.store", 0o700);
    let loaded = environment.load_as(NOBODY);
    let said = environment.said(&loaded);
    for link in ["deb", "files/initrd", "tiny/kernel"] {
        let expected = format!(
            "ENV/oss/{link}: error: is a symbolic link through ENV/oss/.store, which cannot be entered by user 65534, to whom the server drops (found: mode 0700"
        );
        assert!(said.contains(&expected), "{expected}\nnot in\n{said}");
    }
    assert_eq!(
        said.matches("ENV/oss/").count(),
        3 * 3,
        "once for each system: {said}"
    );
    assert!(
        said.contains("remedy: run `chmod a+x ENV/oss/.store`, or name a user who may with --user"),
        "{said}"
    );
    assert!(loaded.systems.is_empty());

    // It need not be listed, as long as it can be passed.
    environment.mode("oss/.store", 0o711);
    let said = environment.said(&environment.load_as(NOBODY));
    assert!(!said.contains("ENV/oss"), "{said}");

    environment.mode("oss/.store/deb", 0o711);
    let said = environment.said(&environment.load_as(NOBODY));
    assert!(
        said.contains("ENV/oss/deb: error: . cannot be read by user 65534"),
        "{said}"
    );
    assert_eq!(
        said.matches("error:").count(),
        1,
        "files in it can be opened: {said}"
    );
}

/// Nobody's numbers, as Debian has them; no file here belongs to them.
const NOBODY: u32 = 65534;

#[test]
fn what_the_user_it_drops_to_cannot_read_is_said_with_the_remedy() {
    let environment = Environment::new();
    environment
        .write("oss/tiny/sub/module", "x")
        .write("oss/tiny/sub/other", "x");
    let open = environment.load_as(NOBODY);
    assert!(
        !environment.said(&open).contains("oss/tiny"),
        "all of it is readable"
    );

    environment.mode("oss/tiny/vmlinuz", 0o600);
    let said = environment.said(&environment.load_as(NOBODY));
    assert!(said.contains("ENV/oss/tiny: error: vmlinuz cannot be read by user 65534, to whom the server drops (found: mode 0600"), "{said}");
    assert!(
        said.contains(
            "remedy: run `chmod -R a+rX ENV/oss/tiny`, or name a user who may with --user"
        ),
        "{said}"
    );

    environment
        .mode("oss/tiny/sub", 0o700)
        .mode("oss/tiny/initrd", 0o640);
    let said = environment.said(&environment.load_as(NOBODY));
    assert!(
        said.contains("ENV/oss/tiny: error: initrd and 2 more cannot be read"),
        "{said}"
    );
    assert_eq!(said.matches("error:").count(), 1, "{said}");

    environment.mode("", 0o700);
    let said = environment.said(&environment.load_as(NOBODY));
    assert!(
        said.contains("ENV: error: cannot be entered by user 65534"),
        "{said}"
    );
    assert!(
        said.contains("run `chmod a+x ENV`, put oss into /srv, or name a user who may"),
        "{said}"
    );
    assert_eq!(
        environment.said(&environment.load_as(0)),
        "",
        "root reads everything"
    );
}
