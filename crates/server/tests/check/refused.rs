//! Where command line, file and computer do not agree: what is said, and the line to change.

use bt_server::options::{Dhcp, Serve};
use bt_server::plan;
use catalog::Problem;
use pxe::Loader;
use pxe::wire::Role;

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

#[test]
fn a_range_that_does_not_fit_is_an_error_where_it_is_certainly_used() {
    let range = "dnsmasq:\n  dhcp_range: 192.168.1.50,192.168.1.150,12h\n";
    let wanted = format!("{range}  enable_dhcp: True\n");
    for (settings, dhcp, expected) in [
        (range, None, Some(false)),
        (range, Some(Dhcp::Auto), Some(false)),
        (range, Some(Dhcp::Full), Some(true)),
        (range, Some(Dhcp::Proxy), Some(false)),
        (range, Some(Dhcp::Off), None),
        (&wanted, None, Some(true)),
        (&wanted, Some(Dhcp::Auto), Some(false)),
        (&wanted, Some(Dhcp::Full), Some(true)),
    ] {
        let problems = said(settings, |serve| Serve { dhcp, ..serve });
        let about = |problem: &&Problem| problem.what.contains("dhcp_range is not inside");
        let problem = problems.iter().find(about);
        assert_eq!(
            problem.map(Problem::is_error),
            expected,
            "{dhcp:?} {problems:?}"
        );
        let Some(problem) = problem else { continue };
        assert_eq!(problem.line, Some(2), "{problem}");
        assert!(
            problem.remedy.contains("choose addresses from 10.77.0.1"),
            "{problem}"
        );
    }
}

#[test]
fn a_range_that_does_not_fit_stays_in_the_way_of_giving_addresses() {
    let world = World::new();
    let mut case = Case::generate(0);
    case.config = "method: kexec\nkernel: vmlinuz\n".into();
    for (range, fits) in [
        ("192.168.1.50,192.168.1.60", false),
        ("10.77.0.50,10.77.0.60", true),
    ] {
        case.settings = format!("dnsmasq: {{dhcp_range: \"{range}\"}}").into();
        world.write(&case);
        let plan = plan::check_on(&world.serve(), &world.host())
            .plan
            .expect("a plan");
        let first = "10.77.0.2:6969".parse().expect("an address");
        let network = plan.first();
        let in_the_way = network.in_the_way_of(&Role::Full);
        assert_eq!(in_the_way.is_none(), fits, "{range}");
        assert!(network.in_the_way_of(&Role::Second { first }).is_none());
        // What leases of an earlier run are renewed from.
        assert!(pxe::Responder::new(network.pxe.clone()).is_ok(), "{range}");
    }
}
