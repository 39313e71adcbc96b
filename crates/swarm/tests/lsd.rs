//! Machines that know nobody find each other by multicast, in a room of namespaces.

mod common;

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::{PATIENCE, World, complete};
use lab::{Host, Room, Stop};
use swarm::net::{Download, Options};
use tempfile::TempDir;

const MIB: usize = 1 << 20;
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 192, 152, 143);

fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, number)
}

fn host(room: &mut Room, number: u8) -> Host {
    room.host(Some((address(number), 24))).unwrap()
}

/// Runs on a host: its sockets are all of that host.
fn on<T: Send>(host: &Host, work: impl AsyncFnOnce() -> T + Send) -> T {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok(runtime.block_on(work()))
    };
    host.namespace().enter(run).unwrap()
}

fn options(host: &Host, to: &std::path::Path) -> Options {
    Options {
        lsd: host.address(),
        listen: SocketAddrV4::new(host.address().unwrap(), 0),
        ..Options::new(to)
    }
}

/// Whether it has a peer within one second of its start; it goes on until it is complete.
async fn meets_and_completes(world: &World, options: Options) -> Duration {
    let begun = Instant::now();
    let mut download = Download::start(world.torrent(None), options).await.unwrap();
    let mut news = download.progress();
    let met = tokio::time::timeout(PATIENCE, news.wait_for(|now| now.peers > 0 || now.complete));
    met.await.expect("it met nobody").unwrap();
    let met = begun.elapsed();
    complete(&mut download).await;
    // Others may need it.
    tokio::time::sleep(Duration::from_millis(500)).await;
    download.stop().await;
    met
}

#[test]
#[ignore = "needs root; cargo xtask test runs it"]
fn machines_without_a_tracker_know_each_other_within_a_second() {
    let world = World::new(3 * MIB);
    let mut room = Room::new(&Stop::never()).unwrap();
    let hosts: Vec<Host> = (2..6).map(|number| host(&mut room, number)).collect();
    let seeder = host(&mut room, 9);
    let folders: Vec<TempDir> = hosts.iter().map(|_| TempDir::new().unwrap()).collect();
    let (over, ended) = tokio::sync::oneshot::channel::<()>();
    std::thread::scope(|scope| {
        let (world, seeder) = (&world, &seeder);
        let serving = scope.spawn(move || {
            on(seeder, async || {
                let options = options(seeder, world.folder.path());
                let seed = Download::seed(world.torrent(None), options).await.unwrap();
                let _ = ended.await;
                seed.stop().await;
            });
        });
        let machines: Vec<_> = hosts
            .iter()
            .zip(&folders)
            .map(|(host, folder)| {
                scope.spawn(move || {
                    on(host, async || {
                        meets_and_completes(world, options(host, folder.path())).await
                    })
                })
            })
            .collect();
        let met: Vec<Duration> = machines
            .into_iter()
            .map(|one| one.join().unwrap())
            .collect();
        println!("met after {met:.0?}");
        assert!(
            met.iter().all(|met| *met < Duration::from_secs(1)),
            "{met:?}"
        );
        // Everybody is gone but one that has everything and connects to nobody: it answers who
        // comes late.
        let late = TempDir::new().unwrap();
        let met = on(&hosts[0], async || {
            meets_and_completes(world, options(&hosts[0], late.path())).await
        });
        assert!(met < Duration::from_secs(2), "{met:?}");
        assert!(world.is_in(late.path()));
        over.send(()).unwrap();
        serving.join().unwrap();
    });
    for folder in &folders {
        assert!(world.is_in(folder.path()));
    }
}

/// Raises a flag when it goes.
struct Raised<'a>(&'a AtomicBool);

impl Drop for Raised<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A flood of messages and of nonsense reaches the group while two machines meet.
#[test]
#[ignore = "needs root; cargo xtask test runs it"]
fn a_flood_keeps_nobody_from_the_others() {
    let world = World::new(MIB);
    let mut room = Room::new(&Stop::never()).unwrap();
    let (seeder, machine, stranger) = (host(&mut room, 2), host(&mut room, 3), host(&mut room, 4));
    let stop = AtomicBool::new(false);
    let stopped = || stop.load(Ordering::Relaxed);
    let hash = world.torrent(None).info_hash();
    std::thread::scope(|scope| {
        // However this ends, the stranger ends with it.
        let _end = Raised(&stop);
        scope.spawn(|| {
            let socket = stranger
                .namespace()
                .enter(|| Ok(UdpSocket::bind((address(4), 0))?))
                .unwrap();
            for number in 1_u32.. {
                if stopped() {
                    break;
                }
                let port = number % 65_000 + 1;
                let said = format!(
                    "BT-SEARCH * HTTP/1.1\r\nHost: x\r\nPort: {port}\r\nInfohash: {hash}\r\n\r\n\r\n"
                );
                let noise = [0xff; 1500];
                // The interface's queue may be full.
                let _ = socket.send_to(said.as_bytes(), (GROUP, 6771));
                let _ = socket.send_to(&noise[..1400], (GROUP, 6771));
                std::thread::sleep(Duration::from_micros(200));
            }
        });
        let (over, ended) = tokio::sync::oneshot::channel::<()>();
        let serving = scope.spawn(|| {
            on(&seeder, async || {
                let options = options(&seeder, world.folder.path());
                let seed = Download::seed(world.torrent(None), options).await.unwrap();
                let _ = ended.await;
                seed.stop().await;
            });
        });
        let folder = TempDir::new().unwrap();
        on(&machine, async || {
            meets_and_completes(&world, options(&machine, folder.path())).await
        });
        assert!(world.is_in(folder.path()));
        over.send(()).unwrap();
        serving.join().unwrap();
    });
}
