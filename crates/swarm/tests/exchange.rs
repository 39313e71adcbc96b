//! Machines that know one of a room hear of the others from it.

mod common;

use std::net::{Ipv4Addr, SocketAddrV4};

use common::{PATIENCE, World, slow_visitor};
use swarm::core::PeerExchange;
use swarm::net::{Download, Options};
use tempfile::TempDir;

const MIB: usize = 1 << 20;
/// Bytes per second that come into the room: a quarter of all.
const RATE: u32 = MIB as u32 / 2;

/// A machine with an address of its own that knows these peers.
async fn machine(
    world: &World,
    number: u8,
    peers: &[SocketAddrV4],
    exchange: PeerExchange,
    folder: &TempDir,
) -> Download {
    let options = Options {
        listen: SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, number), 0),
        peers: peers.to_vec(),
        exchange,
        ..Options::new(folder.path())
    };
    Download::start(world.torrent(None), options).await.unwrap()
}

/// The second and the third know the first alone, and the first has its bytes from elsewhere, slowly. Gives
/// the most peers that the latter two had.
async fn room(exchange: PeerExchange) -> (u32, u32) {
    let world = World::new(2 * MIB);
    let folders = [(); 3].map(|()| TempDir::new().unwrap());
    let first = machine(&world, 2, &[], exchange, &folders[0]).await;
    let known = [first.address()];
    let second = machine(&world, 3, &known, exchange, &folders[1]).await;
    let third = machine(&world, 4, &known, exchange, &folders[2]).await;
    let torrent = world.torrent(None);
    slow_visitor(&torrent, world.folder.path(), first.address(), RATE);
    let most = tokio::join!(most_peers(&second), most_peers(&third));
    assert!(folders[1..].iter().all(|to| world.is_in(to.path())));
    most
}

/// Waits until it has everything.
async fn most_peers(download: &Download) -> u32 {
    let (mut news, mut most) = (download.progress(), 0);
    let done = async {
        while !news.borrow_and_update().complete {
            most = most.max(news.borrow().peers);
            news.changed().await.unwrap();
        }
    };
    let done = tokio::time::timeout(PATIENCE, done).await;
    done.expect("it never completed");
    most
}

#[tokio::test]
async fn who_knows_one_hears_of_the_others() {
    assert_eq!(room(PeerExchange::On).await, (2, 2));
}

#[tokio::test]
async fn without_it_everybody_stays_alone_with_the_one_it_knows() {
    assert_eq!(room(PeerExchange::Off).await, (1, 1));
}
