//! Files by HTTP where no peer gives anything, and back to peers when they do.

mod common;

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use common::web::{Manner, Web};
use common::{PATIENCE, World, complete, liar, mute, options, slow_visitor, unasked_visitor};
use swarm::net::{Download, Options, Progress, WebSeed};
use tempfile::TempDir;

const MIB: usize = 1 << 20;
/// The web server's address, unlike that of every peer.
const SERVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

fn with(web: &Web, to: &TempDir, peers: &[SocketAddrV4]) -> Options {
    Options {
        web_seed: Some(WebSeed::parse(&web.url()).unwrap()),
        ..options(to, peers)
    }
}

async fn until(download: &Download, what: &str, met: impl FnMut(&Progress) -> bool) -> Progress {
    let mut news = download.progress();
    let waited = tokio::time::timeout(PATIENCE, news.wait_for(met)).await;
    waited
        .unwrap_or_else(|_| panic!("never: {what}"))
        .unwrap()
        .clone()
}

/// Every byte that came, by whom.
fn from(download: &Download, address: Ipv4Addr) -> u64 {
    let now = download.progress().borrow().clone();
    let theirs = now.sources.iter().find(|(from, _)| *from == address);
    theirs.map_or(0, |(_, bytes)| *bytes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_peer_every_byte_comes_by_http_over_two_connections() {
    let world = World::new(9 * MIB);
    let web = Web::new(world.folder.path(), SERVER, Manner::Right);
    let folder = TempDir::new().unwrap();
    let closed = "127.0.0.1:1".parse().unwrap();
    let mut download = Download::start(world.torrent(None), with(&web, &folder, &[closed]))
        .await
        .unwrap();
    complete(&mut download).await;
    assert!(world.is_in(folder.path()));
    let total = download.progress().borrow().total;
    assert_eq!(from(&download, SERVER), total);
    assert_eq!(web.sent(), total, "nothing was fetched twice");
    let (connections, requests) = web.asked();
    assert!(connections <= 2, "{connections} connections");
    assert!(
        requests < total / 65_536,
        "{requests} requests of {total} bytes"
    );
    let now = download.progress().borrow().clone();
    assert_eq!((now.trouble, now.peers), (None, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_seed_that_gives_nothing_is_fetched_by_http() {
    let world = World::new(4 * MIB);
    let web = Web::new(world.folder.path(), SERVER, Manner::Right);
    let seed = world.seed(None, 50).await;
    let folder = TempDir::new().unwrap();
    let mut download = Download::start(world.torrent(None), with(&web, &folder, &[seed.address()]))
        .await
        .unwrap();
    complete(&mut download).await;
    assert!(world.is_in(folder.path()));
    assert_eq!((web.sent(), web.asked()), (0, (0, 0)));
}

/// It takes the requests and never answers: HTTP must not wait for it for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_only_promises_does_not_keep_http_away() {
    let world = World::new(MIB);
    let web = Web::new(world.folder.path(), SERVER, Manner::Right);
    let torrent = world.torrent(None);
    let (silent, folder) = (mute(&torrent), TempDir::new().unwrap());
    let mut download = Download::start(torrent, with(&web, &folder, &[silent]))
        .await
        .unwrap();
    complete(&mut download).await;
    assert!(world.is_in(folder.path()));
    assert_eq!(from(&download, SERVER), download.progress().borrow().total);
}

/// What nobody asked for is no gift: HTTP must not be kept away by it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_that_brings_what_nobody_asked_for_does_not_keep_http_away() {
    let world = World::new(MIB);
    let web = Web::new(world.folder.path(), SERVER, Manner::Right);
    let (torrent, folder) = (world.torrent(None), TempDir::new().unwrap());
    let mut download = Download::start(Arc::clone(&torrent), with(&web, &folder, &[]))
        .await
        .unwrap();
    let often = Duration::from_millis(500);
    unasked_visitor(&torrent, download.address(), often);
    complete(&mut download).await;
    assert!(world.is_in(folder.path()));
    assert_eq!(from(&download, SERVER), download.progress().borrow().total);
}

/// Web and seed have the same speed here, so that the seed is soon trusted to go on alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_a_peer_appears_the_rest_comes_from_it() {
    let world = World::new(24 * MIB);
    let web = Web::slow(world.folder.path(), SERVER, 512 << 10);
    let folder = TempDir::new().unwrap();
    let mut download = Download::start(world.torrent(None), with(&web, &folder, &[]))
        .await
        .unwrap();
    let told = until(&download, "bytes by HTTP", |now| now.have > 0).await;
    assert!(
        told.trouble
            .as_deref()
            .unwrap_or_default()
            .ends_with("the files come by HTTP meanwhile"),
        "{told:?}"
    );
    slow_visitor(
        &world.torrent(None),
        world.folder.path(),
        download.address(),
        1 << 20,
    );
    let left = until(&download, "that HTTP is left", |now| now.trouble.is_none()).await;
    let by_then = web.sent();
    assert!(!left.complete, "it came by HTTP to the end");
    complete(&mut download).await;
    assert!(world.is_in(folder.path()));
    let total = download.progress().borrow().total;
    let by_http = from(&download, SERVER);
    assert!(
        by_http < total / 2,
        "{by_http} of {total} still came by HTTP"
    );
    let after = web.sent() - by_then;
    assert!(
        after < MIB as u64,
        "{after} bytes were sent by HTTP after it was left"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_web_server_that_lies_is_banned_and_the_rest_comes_from_a_peer() {
    let world = World::new(2 * MIB);
    let web = Web::new(world.folder.path(), SERVER, Manner::Lies);
    let folder = TempDir::new().unwrap();
    let mut download = Download::start(world.torrent(None), with(&web, &folder, &[]))
        .await
        .unwrap();
    let begun = tokio::time::timeout(PATIENCE, async {
        while web.sent() == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    begun.await.expect("it was never asked");
    let (other, peers) = (TempDir::new().unwrap(), [download.address()]);
    let seed = world.seed(None, 50).await;
    let honest = Options {
        peers: [seed.address(), peers[0]].to_vec(),
        ..options(&other, &[])
    };
    let mut second = Download::start(world.torrent(None), honest).await.unwrap();
    complete(&mut second).await;
    complete(&mut download).await;
    assert!(world.is_in(folder.path()));
    assert_eq!(from(&download, SERVER), 0, "a lie passed for a piece");
    assert!(web.sent() < 2 * MIB as u64, "it was asked again and again");
}

/// Each of these fails, is told, and is tried again; the last time it works.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_is_told_and_tried_again() {
    let world = World::new(MIB);
    for (manner, told) in [
        (Manner::HasNothing, "status 404"),
        (Manner::Whole, "status 200"),
        (Manner::BreaksOff, "HTTP"),
    ] {
        let web = Web::new(world.folder.path(), SERVER, manner);
        let folder = TempDir::new().unwrap();
        let mut download = Download::start(world.torrent(None), with(&web, &folder, &[]))
            .await
            .unwrap();
        let is_told = |now: &Progress| {
            let trouble = now.trouble.as_deref().unwrap_or_default();
            trouble.contains("nor do the files come by HTTP") && trouble.contains(told)
        };
        let now = until(&download, told, is_told).await;
        assert!(now.have < now.total, "{manner:?}");
        web.behave(Manner::Right);
        complete(&mut download).await;
        assert!(world.is_in(folder.path()));
        download.stop().await;
    }
}

/// The server is restarted: what was fetched stays, the rest comes after.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_web_server_that_goes_and_comes_back_is_used_again() {
    let world = World::new(8 * MIB);
    let web = Web::slow(world.folder.path(), SERVER, 4 << 20);
    let folder = TempDir::new().unwrap();
    let mut download = Download::start(world.torrent(None), with(&web, &folder, &[]))
        .await
        .unwrap();
    until(&download, "bytes by HTTP", |now| now.have > 0).await;
    web.set_down(true);
    let cut = until(&download, "that it is gone", |now| {
        now.trouble
            .as_deref()
            .unwrap_or_default()
            .contains("nor do")
    })
    .await;
    assert!(cut.have < cut.total);
    web.set_down(false);
    complete(&mut download).await;
    assert!(world.is_in(folder.path()));
    let sent = web.sent();
    assert!(
        sent < cut.total + 2 * MIB as u64,
        "{sent} for {}",
        cut.total
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_liar_among_peers_does_not_spoil_what_comes_by_http() {
    let world = World::new(MIB);
    let torrent = world.torrent(None);
    let web = Web::new(world.folder.path(), SERVER, Manner::Right);
    let (lie, folder) = (liar(&torrent), TempDir::new().unwrap());
    let mut download = Download::start(torrent, with(&web, &folder, &[lie]))
        .await
        .unwrap();
    complete(&mut download).await;
    assert!(world.is_in(folder.path()));
    assert_eq!(from(&download, *lie.ip()), 0);
}
