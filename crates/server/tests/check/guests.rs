//! Systems that start in QEMU, on a bt-server that has it and on one that was built without.

use std::fs;

use bt_server::plan;

use crate::world::World;

#[test]
fn a_guest_without_qemu_is_told_and_keeps_nobody_from_starting() {
    let world = World::new();
    let room = world.serve().oss.expect("named");
    let config = "dispname: A guest\nmethod: bin-qemu-x86_64\nargs: -cdrom disc.iso\n";
    fs::write(room.join("tiny/config.yaml"), config).expect("written");
    let told = || {
        let checked = plan::check_on(&world.serve(), &world.host());
        assert!(checked.plan.is_some(), "{}", world.said(&checked.problems));
        let all = checked.problems.into_iter();
        let about: Vec<_> = all.filter(|one| one.what.contains("QEMU")).collect();
        about
    };
    let [problem] = &told()[..] else {
        panic!("{:?}", told());
    };
    assert!(!problem.is_error());
    assert_eq!(problem.file, world.path("oss/tiny/config.yaml"));
    assert_eq!(problem.line, Some(2));
    assert!(problem.remedy.contains("cargo xtask dist"), "{problem}");

    let phase1 = world.serve().phase1.expect("named");
    fs::write(phase1.join("qemu.squashfs"), "QEMU").expect("written");
    assert_eq!(told(), []);
}
