//! Where command line, file and computer do not agree: what is said, and the line to change.

use bt_server::args::Serve;
use bt_server::plan;
use catalog::Problem;
use pxe::Loader;

use crate::world::{Case, World};

/// What is said of these settings, with these options.
fn said(settings: &str, options: impl FnOnce(Serve) -> Serve) -> Vec<Problem> {
    let world = World::new();
    let mut case = Case::generate(0);
    case.settings = settings.into();
    case.config = "method: kexec\nkernel: vmlinuz\n".into();
    world.write(&case);
    let checked = plan::check_on(&options(world.serve()), &world.host());
    let default = |problem: &Problem| problem.what.contains("default_os");
    let problems = checked.problems.into_iter();
    problems.filter(|problem| !default(problem)).collect()
}

#[test]
fn root_is_refused_with_a_line_to_write() {
    let problems = said("dnsmasq:\n  user: root\n", |serve| serve);
    let [problem] = &problems[..] else {
        panic!("{problems:?}");
    };
    assert!(problem.is_error());
    assert_eq!(problem.line, Some(2), "{problem}");
    assert_eq!(problem.value.as_deref(), Some("root"), "{problem}");
    assert_eq!(problem.remedy, "write user: nobody, or remove the line");
}

#[test]
fn a_loader_by_tftp_needs_tftp() {
    let text = "dnsmasq:\n  interface: eth0\n  enable_tftp: False\n";
    let with = |loader: Loader| {
        let problems = said(text, |serve| Serve { loader, ..serve });
        assert!(!problems[0].is_error(), "{problems:?}");
        assert_eq!(problems[0].line, Some(3), "{problems:?}");
        problems.into_iter().nth(1)
    };
    for (loader, name) in [
        (Loader::Lpxelinux, "lpxelinux"),
        (Loader::Pxelinux, "pxelinux"),
    ] {
        let problem = with(loader).expect(name);
        assert!(problem.is_error(), "{problem}");
        assert_eq!(problem.line, Some(3), "{problem}");
        let what = format!("and --loader {name} is fetched by TFTP");
        assert!(problem.what.contains(&what), "{problem}");
        assert_eq!(
            problem.remedy,
            "write enable_tftp: True, or leave out --loader"
        );
    }
    for loader in [Loader::Auto, Loader::Ipxe] {
        assert_eq!(with(loader), None, "{loader:?}");
    }
}
