//! How many connections there may be, and how they end.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use bt_server::doors::http;
use report::Step;

use crate::door::{Setup, dropped_when, open};

/// Connections that say nothing take no more than one address's share of the places.
#[test]
fn one_address_has_its_share_of_connections() {
    let door = open(Setup::default());
    let connect = || TcpStream::connect(door.address).unwrap();
    let silent: Vec<TcpStream> = (0..64).map(|_| connect()).collect();
    let mut refused = connect();
    refused
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let read = refused.read(&mut [0; 1]);
    assert!(matches!(read, Ok(0)), "{read:?}");
    drop(silent);
    // the server notices a moment later
    let deadline = Instant::now() + Duration::from_secs(20);
    while !answers(door.address) {
        assert!(Instant::now() < deadline, "no place came back");
        std::thread::sleep(Duration::from_millis(20));
    }
    dropped_when(&door, "http", "too many connections from one address", 1);
}

fn answers(address: SocketAddr) -> bool {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let mut answer = Vec::new();
    stream.write_all(request).is_ok()
        && stream.read_to_end(&mut answer).is_ok()
        && !answer.is_empty()
}

/// A client that stops reading must not keep the server from ending, and what it did not get is
/// told before the door says it has closed.
#[test]
fn stops_in_the_middle_of_a_transfer() {
    let mut door = open(Setup::default());
    let mut stream = TcpStream::connect(door.address).unwrap();
    stream
        .write_all(b"GET /boot/big HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    stream.read_exact(&mut [0; 1000]).unwrap();
    door.stop.cancel();
    let ended = door
        .runtime
        .block_on(async { tokio::time::timeout(http::LAST_WORDS * 10, door.serving).await });
    assert!(
        ended.is_ok(),
        "the door still waits for a client that reads no more"
    );
    let told = door.machines.wait_for(|snapshot| {
        let steps = snapshot.machines.iter().flat_map(|m| m.steps.iter());
        steps.map(|told| &told.step).any(
            |step| matches!(step, Step::File { name, bytes, total, .. } if name == "big" && bytes < total),
        )
    });
    door.runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(20), told)
            .await
            .expect("the broken-off transfer is in the journal")
            .unwrap();
    });
}
