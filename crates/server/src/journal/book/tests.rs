//! Who is who, and what is forgotten.

use super::*;

const MAC: Mac = Mac([2, 0, 0, 0, 0, 1]);
const SHELL: Step = Step::Shell {
    from: report::ShellFrom::Machine,
};
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 101);

fn file(name: &str) -> Step {
    Step::File {
        door: report::Door::Tftp,
        name: name.into(),
        bytes: 1,
        total: 1,
        millis: 1,
    }
}

fn push(book: &mut Book, at: u64, who: Who, step: Step) {
    let who = book.resolve(who);
    book.push(Duration::from_secs(at), who, None, step);
}

#[test]
fn a_file_is_noted_with_the_machine_that_leased_the_address() {
    let mut book = Book::default();
    let firmware = "BIOS PXE".to_owned();
    push(&mut book, 1, Who::Mac(MAC), Step::Discover { firmware });
    push(
        &mut book,
        1,
        Who::Mac(MAC),
        Step::Lease { address: ADDRESS },
    );
    push(&mut book, 2, Who::Address(ADDRESS), file("lpxelinux.0"));
    let all = book.snapshot(&[SERVER], Duration::from_secs(3)).machines;
    assert_eq!(all.len(), 1);
    assert_eq!(
        (all[0].mac, all[0].address, all[0].steps.len()),
        (Some(MAC), Some(ADDRESS), 3)
    );
}

/// A machine that outlived a server is known to the next one, but only once it is heard of.
#[test]
fn leases_of_an_earlier_run_name_machines() {
    let mut book = Book::default();
    let other = Mac([2, 0, 0, 0, 0, 2]);
    let next = Ipv4Addr::new(10, 77, 0, 102);
    book.remember(vec![(ADDRESS, MAC), (next, other)]);
    assert_eq!(book.snapshot(&[SERVER], Duration::ZERO).machines.len(), 0);
    push(&mut book, 1, Who::Mac(MAC), SHELL);
    push(&mut book, 2, Who::Address(next), file("initrd"));
    let all = book.snapshot(&[SERVER], Duration::from_secs(3)).machines;
    let known: Vec<_> = all
        .iter()
        .map(|machine| (machine.mac, machine.address))
        .collect();
    assert_eq!(
        known,
        [(Some(MAC), Some(ADDRESS)), (Some(other), Some(next))]
    );
    let moved = Ipv4Addr::new(10, 77, 0, 103);
    push(&mut book, 4, Who::Mac(MAC), Step::Lease { address: moved });
    assert_eq!(book.address(Who::Mac(MAC)), Some(moved));
    assert_eq!(book.resolve(Who::Address(ADDRESS)), Who::Address(ADDRESS));
}

#[test]
fn a_machine_that_the_configuration_names_is_called_so() {
    let mut book = Book::default();
    book.name(vec![(MAC, "pc01".to_owned())]);
    assert_eq!(book.snapshot(&[SERVER], Duration::ZERO).machines.len(), 0);
    push(&mut book, 1, Who::Address(ADDRESS), file("pxelinux.0"));
    let unknown = book.snapshot(&[SERVER], Duration::ZERO).machines;
    assert_eq!(unknown[0].name, None);
    push(&mut book, 2, Who::Mac(MAC), awake(ADDRESS));
    let known = book.snapshot(&[SERVER], Duration::ZERO).machines;
    assert_eq!(known[0].name.as_deref(), Some("pc01"));
    assert_eq!(book.name_of(Who::Mac(MAC)), Some("pc01"));
}

/// Beside a foreign DHCP server the loader's requests come first, the machine's name later.
#[test]
fn what_came_before_the_name_is_kept() {
    let mut book = Book::default();
    push(&mut book, 1, Who::Address(ADDRESS), file("pxelinux.0"));
    push(&mut book, 2, Who::Mac(MAC), awake(ADDRESS));
    let all = book.snapshot(&[SERVER], Duration::from_secs(3)).machines;
    assert_eq!(all.len(), 1, "one machine, not two");
    assert_eq!(all[0].steps[0].step, file("pxelinux.0"));
}

#[test]
fn invented_machines_push_out_the_silent_ones_only() {
    let mut book = Book::default();
    push(&mut book, 1_000_000, Who::Mac(MAC), SHELL);
    for n in 0..2 * MACHINES as u32 {
        let [a, b, c, d] = n.to_be_bytes();
        push(
            &mut book,
            u64::from(n),
            Who::Mac(Mac([6, 0, a, b, c, d])),
            SHELL,
        );
    }
    let all = book.snapshot(&[SERVER], Duration::ZERO).machines;
    assert!((MACHINES - MAKE_ROOM..=MACHINES).contains(&all.len()));
    assert!(
        all.iter().any(|machine| machine.mac == Some(MAC)),
        "the one heard last stays"
    );
}

fn awake(address: Ipv4Addr) -> Step {
    let facts = report::Facts {
        memory_bytes: 1,
        cpus: 1,
        cpu: String::new(),
        nic: String::new(),
        address,
        kernel: String::new(),
    };
    Step::Awake { facts }
}

/// A machine that claims address after address has one, and gives up the others.
#[test]
fn an_address_has_one_owner_and_a_machine_one_address() {
    let mut book = Book::default();
    for n in 0..50_000u32 {
        push(
            &mut book,
            1,
            Who::Mac(MAC),
            awake(Ipv4Addr::from(0x0a4d_0000 + n)),
        );
    }
    assert_eq!(book.owners.len(), 1);
}

/// A lease ran out while the machine was off, and went to another one.
#[test]
fn an_address_that_another_machine_took_is_no_longer_the_first_one_s() {
    let mut book = Book::default();
    let other = Mac([2, 0, 0, 0, 0, 2]);
    let next = Ipv4Addr::new(10, 77, 0, 102);
    let lease = |address| Step::Lease { address };
    let addresses = |book: &mut Book| -> Vec<_> {
        let all = book.snapshot(&[SERVER], Duration::from_secs(9)).machines;
        all.iter().map(|machine| machine.address).collect()
    };
    push(&mut book, 1, Who::Mac(MAC), lease(ADDRESS));
    push(&mut book, 2, Who::Mac(other), lease(ADDRESS));
    assert_eq!(addresses(&mut book), [None, Some(ADDRESS)]);
    assert_eq!(book.address(Who::Mac(MAC)), None);
    // Nor is it when the other one gives it up.
    push(&mut book, 3, Who::Mac(other), lease(next));
    assert_eq!(addresses(&mut book), [None, Some(next)]);
    push(&mut book, 4, Who::Mac(MAC), lease(ADDRESS));
    assert_eq!(addresses(&mut book), [Some(ADDRESS), Some(next)]);
}

#[test]
fn steps_are_bounded_in_all() {
    let mut book = Book::default();
    for n in 0..400u32 {
        let [a, b, c, d] = n.to_be_bytes();
        for k in 0..256 {
            push(
                &mut book,
                u64::from(n),
                Who::Mac(Mac([6, 0, a, b, c, d])),
                file(&k.to_string()),
            );
        }
    }
    let all = book.snapshot(&[SERVER], Duration::ZERO).machines;
    let steps: usize = all.iter().map(|machine| machine.steps.len()).sum();
    assert!(
        steps <= STEPS && steps == book.steps,
        "{steps}, counted {}",
        book.steps
    );
    assert_eq!(
        all.last().map(|machine| machine.mac),
        Some(Some(Mac([6, 0, 0, 0, 1, 143])))
    );
}

#[test]
fn a_machine_is_where_it_was_heard_last() {
    let mut book = Book::default();
    let mut on = |interface: Option<&str>, step| {
        book.push(
            Duration::from_secs(1),
            Who::Mac(MAC),
            interface.map(Into::into),
            step,
        );
        let snapshot = book.snapshot(&[SERVER], Duration::from_secs(1));
        snapshot.machines[0].interface.clone()
    };
    assert_eq!(on(None, SHELL), None);
    assert_eq!(on(Some("eth0"), SHELL).as_deref(), Some("eth0"));
    assert_eq!(on(Some("eth1"), SHELL).as_deref(), Some("eth1"));
    assert_eq!(on(None, SHELL).as_deref(), Some("eth1"));
}
