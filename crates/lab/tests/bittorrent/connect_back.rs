//! Whom the server connects to because it announced: peers that wait for that, and strangers who announce
//! ports at which nobody behaves.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use lab::{Host, Stop, get, until};
use metainfo::{InfoHash, Torrent};

use crate::world::{HTTP, SERVER, SOON, World};

/// How many the server connects to at one address.
const AT_ONCE: usize = 2;
/// How long it leaves those alone that it cannot talk to.
const LEFT_ALONE: Duration = Duration::from_secs(60);

/// What a port does with whoever connects.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Manner {
    Silent,
    Garbage,
    Closing,
}

/// A port that was announced.
struct Stranger {
    manner: Manner,
    listener: TcpListener,
    open: Vec<TcpStream>,
    calls: usize,
}

impl Stranger {
    fn new(host: &Host, manner: Manner) -> Stranger {
        let (listener, open) = (listen(host), Vec::new());
        listener.set_nonblocking(true).unwrap();
        Stranger {
            manner,
            listener,
            open,
            calls: 0,
        }
    }

    /// Lets in who has come.
    fn let_in(&mut self) {
        while let Ok((mut stream, from)) = self.listener.accept() {
            assert_eq!(from.ip(), SERVER);
            stream.set_nonblocking(true).unwrap();
            self.calls += 1;
            match self.manner {
                Manner::Silent => self.open.push(stream),
                Manner::Garbage => {
                    stream.write_all(&[0x55; 1000]).unwrap();
                    self.open.push(stream);
                }
                Manner::Closing => {}
            }
        }
    }

    /// Lets out who is gone.
    fn let_out(&mut self) {
        let mut bytes = [0; 100];
        self.open
            .retain_mut(|stream| match stream.read(&mut bytes) {
                Ok(read) => read > 0,
                Err(error) => error.kind() == ErrorKind::WouldBlock,
            });
    }
}

/// Looks at all of them. Only when everybody who has come is let in are those let out who went before:
/// the server may close one connection and open the next while this looks.
fn look<'a>(strangers: impl IntoIterator<Item = &'a mut Stranger>) {
    let mut strangers: Vec<_> = strangers.into_iter().collect();
    for stranger in &mut strangers {
        stranger.let_in();
    }
    for stranger in strangers {
        stranger.let_out();
    }
}

fn listen(host: &Host) -> TcpListener {
    let address = host.address().unwrap();
    let bind = || Ok(TcpListener::bind((address, 0))?);
    host.namespace().enter(bind).unwrap()
}

/// Announces from `host` that somebody there lacks something and listens so.
fn announce(host: &Host, torrent: &Torrent, listener: &TcpListener) {
    let InfoHash(hash) = torrent.info_hash();
    let escaped: String = hash.iter().map(|byte| format!("%{byte:02x}")).collect();
    let port = listener.local_addr().unwrap().port();
    let path = format!(
        "/announce?info_hash={escaped}&peer_id=-XX0001-{port:012}&port={port}&left=1&compact=1"
    );
    let (status, _) = get(host.namespace(), HTTP, &path).unwrap();
    assert_eq!(status, 200);
}

/// Answers the server as a peer does, and waits for what the seed has.
fn behave(mut stream: TcpStream, torrent: &Torrent) {
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let mut theirs = [0; 68];
    stream.read_exact(&mut theirs).unwrap();
    assert_eq!(&theirs[48..52], b"-BS0");
    let mut ours = [0; 68];
    ours[..20].copy_from_slice(b"\x13BitTorrent protocol");
    ours[28..48].copy_from_slice(&torrent.info_hash().0);
    ours[48..].copy_from_slice(b"-XX0001-abcdefghijkl");
    assert_eq!(theirs[..20], ours[..20]);
    assert_eq!(theirs[28..48], ours[28..48]);
    stream.write_all(&ours).unwrap();
    let mut message = [0; 6];
    stream.read_exact(&mut message).unwrap();
    assert_eq!(message[4..], [5, 0xff], "the seed's bitfield comes first");
}

#[test]
#[ignore = "needs root and target/dist/bt-server; cargo xtask test runs it"]
fn strangers_who_announce_ports_gain_nothing_and_hinder_nobody() {
    let mut world = World::open(|oss| {
        std::fs::create_dir(oss.join("small")).unwrap();
        std::fs::write(oss.join("small/vmlinuz"), vec![1; 1 << 20]).unwrap();
        std::fs::write(oss.join("small/initrd.img"), vec![2; 1 << 20]).unwrap();
    });
    let torrent = world.offer("small").torrent;
    let (host, other) = (world.host(2), world.host(3));
    let mut silent = [Manner::Silent; 3].map(|manner| Stranger::new(&host, manner));
    let mut rude = [Manner::Garbage, Manner::Closing].map(|manner| Stranger::new(&other, manner));
    let begun = Instant::now();
    // All announce again and again. The third of the silent ones has to wait until the server gives up
    // one of the other two.
    until("a call for each", SOON, &Stop::never(), || {
        for stranger in &mut silent {
            announce(&host, &torrent, &stranger.listener);
        }
        for stranger in &mut rude {
            announce(&other, &torrent, &stranger.listener);
        }
        look(silent.iter_mut().chain(&mut rude));
        let open: usize = silent.iter().map(|stranger| stranger.open.len()).sum();
        assert!(open <= AT_ONCE, "{open} connections to one address");
        let mut all = silent.iter().chain(&rude);
        Ok(all.all(|stranger| stranger.calls > 0).then_some(()))
    })
    .unwrap();
    println!("a call for each after {:.1?}", begun.elapsed());

    let good = listen(&other);
    good.set_nonblocking(true).unwrap();
    let served = until("a call for who behaves", SOON, &Stop::never(), || {
        announce(&other, &torrent, &good);
        look(silent.iter_mut().chain(&mut rude));
        Ok(good.accept().ok())
    });
    behave(served.unwrap().0, &torrent);
    let most = 1 + begun.elapsed().as_secs() / LEFT_ALONE.as_secs();
    for stranger in silent.iter().chain(&rude) {
        let calls = stranger.calls as u64;
        assert!(calls <= most, "{calls} calls to {:?}", stranger.manner);
    }
    let said = world.said();
    assert!(
        !said.contains(&Ipv4Addr::new(10, 77, 0, 2).to_string()),
        "{said}"
    );
}
