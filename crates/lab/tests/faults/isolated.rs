//! Machines that may not meet ("client isolation", as Wi-Fi access points have it).

use lab::Apart;

use crate::machine::{Cable, Class, FAST};
use crate::world::{HTTP, SERVER, forbid_the_seed};

#[test]
#[ignore = "needs root and target/dist/bt-server; cargo xtask test runs it"]
fn machines_that_may_not_meet_fetch_everything_from_the_server() {
    let mut class = Class::open(8 << 20, FAST);
    let cable = Cable {
        down: FAST,
        up: FAST,
    };
    let mut machines = class.machines(3, cable);
    for machine in &mut machines {
        class
            .world
            .room
            .keep_apart(&machine.host, Apart::Yes)
            .unwrap();
        class.start(machine);
    }
    for complete in class.until_complete(&machines) {
        assert_eq!(complete.sources, [(SERVER, class.size())]);
    }
}

/// Of what the server has, its web port alone can be reached. Nobody tells the machine; it takes the time of
/// the rule: three seconds alone, and five in which a peer gives steadily.
#[test]
#[ignore = "needs root, nft and target/dist/bt-server; cargo xtask test runs it"]
fn a_machine_alone_fetches_by_http_and_goes_back_to_peers_when_it_meets_one() {
    let slow = Cable { down: FAST, up: 8 };
    let fast = Cable {
        down: FAST,
        up: FAST,
    };
    let mut class = Class::open(24 << 20, FAST);
    let mut neighbour = [class.machine(slow)];
    class.start(&mut neighbour[0]);
    class.until_complete(&neighbour);

    let mut alone = [class.machine(fast)];
    forbid_the_seed(&alone[0].host);
    for machine in neighbour.iter().chain(&alone) {
        class
            .world
            .room
            .keep_apart(&machine.host, Apart::Yes)
            .unwrap();
    }
    class.world.limit_sending(8);
    let url = format!("http://{HTTP}/oss/");
    class.start_with(&["--web-seed", &url], &mut alone[0]);
    class.wait("bytes by HTTP", &alone, |alone| {
        let trouble = alone[0].trouble().unwrap_or_default();
        (alone[0].have() > 0 && trouble.contains("the files come by HTTP")).then_some(())
    });
    class
        .world
        .room
        .keep_apart(&neighbour[0].host, Apart::No)
        .unwrap();
    let by_then = class.wait("no more HTTP", &alone, |alone| {
        (alone[0].trouble().is_none() && alone[0].news() > 0).then(|| alone[0].have())
    });
    let size = class.size();
    assert!(by_then < size, "too late to show anything");
    neighbour[0].host.limit_sending(FAST).unwrap();
    let complete = class.until_complete(&alone).remove(0);
    println!(
        "{by_then} of {size} when HTTP was left; {:?}",
        complete.sources
    );
    let by = |address| {
        let mut all = complete.sources.iter();
        all.find(|(from, _)| *from == address)
            .map_or(0, |(_, bytes)| *bytes)
    };
    let theirs = by(neighbour[0].host.address().unwrap());
    assert_eq!(theirs + by(SERVER), size);
    // What was asked by HTTP before it was left may be counted after.
    assert!(theirs + (2 << 20) > size - by_then, "{complete:?}");
    assert!(by(SERVER) > 0, "{complete:?}");
}
