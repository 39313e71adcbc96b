//! The door on loopback, with clients that speak it by hand.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use report::{Door, Step};
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::desk::{Desk, PER_CLIENT, TRANSFERS};
use super::run;
use crate::journal::{Journal, Snapshot, journal, record};
use crate::offer::{Offer, Offers};
use crate::shelf::Shelf;

const SOON: Duration = Duration::from_secs(20);

fn offers() -> Offers {
    let mut shelf = Shelf::default();
    shelf.put("loader", vec![7; 1000]);
    shelf.put("text", "a\nb");
    let offer = Offer {
        shelf: Arc::new(shelf),
        ..Offer::default()
    };
    watch::channel(Arc::new(offer)).1
}

/// A door, where it is, and what is written of it.
async fn door() -> (
    SocketAddr,
    watch::Receiver<Arc<Snapshot>>,
    CancellationToken,
) {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("loopback");
    let address = socket.local_addr().expect("bound");
    let (journal, recorder, snapshots) = journal();
    let stop = CancellationToken::new();
    tokio::spawn(record(recorder, vec![[127, 0, 0, 1].into()], stop.clone()));
    tokio::spawn(run(socket, offers(), journal, stop.clone()));
    (address, snapshots, stop)
}

async fn client() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").await.expect("loopback")
}

async fn hear(client: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut packet = [0; 2048];
    let received = tokio::time::timeout(SOON, client.recv_from(&mut packet));
    let (length, from) = received.await.expect("an answer").expect("received");
    (packet[..length].to_vec(), from)
}

async fn say(client: &UdpSocket, packet: &[u8], to: SocketAddr) -> (Vec<u8>, SocketAddr) {
    client.send_to(packet, to).await.expect("sent");
    hear(client).await
}

/// Waits until the journal says so.
async fn until(snapshots: &mut watch::Receiver<Arc<Snapshot>>, told: impl Fn(&Snapshot) -> bool) {
    let told = snapshots.wait_for(|snapshot| told(snapshot));
    let told = tokio::time::timeout(SOON, told).await;
    told.expect("in time").expect("the journal goes on");
}

fn counted(snapshot: &Snapshot, reason: &str, times: u64) -> bool {
    let mut dropped = snapshot.dropped.iter();
    dropped.any(|it| it.door == "tftp" && it.reason == reason && it.count == times)
}

#[tokio::test]
async fn a_file_is_fetched_and_told_of() {
    let (door, mut snapshots, _stop) = door().await;
    let client = client().await;
    let (block, transfer) = say(&client, b"\0\x01/loader\0octet\0", door).await;
    assert_eq!((&block[..4], block.len()), (&[0, 3, 0, 1][..], 516));
    assert_ne!(transfer, door, "a transfer has a port of its own");
    let (block, _) = say(&client, &[0, 4, 0, 1], transfer).await;
    assert_eq!((&block[..4], block.len()), (&[0, 3, 0, 2][..], 492));
    client.send_to(&[0, 4, 0, 2], transfer).await.expect("sent");
    until(&mut snapshots, |snapshot| {
        let mut steps = snapshot.machines.iter().flat_map(|it| it.steps.iter());
        steps.any(|told| {
            matches!(&told.step, Step::File { door: Door::Tftp, name, bytes: 1000, total: 1000, .. }
                if name == "loader")
        })
    })
    .await;
}

#[tokio::test]
async fn text_travels_as_text() {
    let (door, _snapshots, _stop) = door().await;
    let client = client().await;
    let (block, _) = say(&client, b"\0\x01text\0netascii\0", door).await;
    assert_eq!(block, b"\0\x03\0\x01a\r\nb");
}

#[tokio::test]
async fn what_is_refused_is_said_and_counted() {
    let (door, mut snapshots, _stop) = door().await;
    let client = client().await;
    for (request, code) in [
        (&b"\0\x01missing\0octet\0"[..], 1),
        (b"\0\x02loader\0octet\0", 2),
        (b"\0\x01loader\0mail\0", 4),
    ] {
        let (answer, _) = say(&client, request, door).await;
        assert_eq!(answer[..4], [0, 5, 0, code], "{request:?}");
    }
    // What is no request at all is counted and gets no answer.
    client.send_to(b"\0\x01lo", door).await.expect("sent");
    client.send_to(b"hello", door).await.expect("sent");
    until(&mut snapshots, |snapshot| {
        let reasons = [
            "no such file",
            "a write request",
            "a request in an unknown mode",
            "a garbled request",
            "a packet that is no request",
        ];
        reasons.iter().all(|reason| counted(snapshot, reason, 1))
    })
    .await;
}

#[tokio::test]
async fn who_asks_for_something_else_gets_that() {
    let (door, mut snapshots, _stop) = door().await;
    let client = client().await;
    // The same again is no other request.
    for _ in 0..3 {
        let size = b"\0\x01loader\0octet\0tsize\x000\0";
        client.send_to(size, door).await.expect("sent");
    }
    let (answer, first) = hear(&client).await;
    assert_eq!(answer, b"\0\x06tsize\x001000\0");
    let (block, second) = say(&client, b"\0\x01text\0octet\0", door).await;
    assert_eq!(
        (&block[..], first == second),
        (&b"\0\x03\0\x01a\nb"[..], false)
    );
    until(&mut snapshots, |snapshot| {
        counted(snapshot, "a transfer that only asked for the size", 1)
    })
    .await;
}

fn desk() -> (Desk, Journal) {
    let (journal, ..) = journal();
    let local = [127, 0, 0, 1].into();
    (Desk::new(local, offers(), journal.clone()), journal)
}

#[tokio::test]
async fn one_client_cannot_take_every_transfer() {
    let (mut desk, _journal) = desk();
    let mut clients = Vec::new();
    for _ in 0..=PER_CLIENT {
        clients.push(client().await);
    }
    for client in &clients {
        let from = client.local_addr().expect("bound");
        desk.asked(b"\0\x01loader\0octet\0", from);
    }
    assert_eq!(desk.permits.available_permits(), TRANSFERS - PER_CLIENT);
    let (answer, _) = hear(&clients[PER_CLIENT]).await;
    assert_eq!(answer[..4], [0, 5, 0, 0], "busy");
    // An ERROR ends a transfer at once, and its place is free again.
    for client in &clients[..PER_CLIENT] {
        let (_, transfer) = hear(client).await;
        let aborted = client.send_to(b"\0\x05\0\x08\0", transfer).await;
        aborted.expect("sent");
        desk.next_ended().await;
    }
    assert_eq!(desk.permits.available_permits(), TRANSFERS);
    assert!(desk.clients.is_free());
}

#[tokio::test]
async fn who_is_gone_is_let_go_at_once() {
    let (mut desk, _journal) = desk();
    let client = client().await;
    desk.asked(
        b"\0\x01loader\0octet\0",
        client.local_addr().expect("bound"),
    );
    hear(&client).await;
    drop(client);
    let let_go = tokio::time::timeout(SOON / 2, desk.next_ended());
    // Its block goes again after a second, and meets a closed port.
    let_go
        .await
        .expect("before it would be given up, after 12 s");
    assert!(desk.clients.is_free());
}
