//! Looking at the wire before anybody is answered: does another DHCP server live here?
//!
//! It asks for an address as a client would, several times, since switch ports and other servers'
//! own checks swallow the first seconds, and listens to what other machines do meanwhile. It never
//! takes an address and answers nobody.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::Duration;

use nix::ifaddrs::getifaddrs;
use pxe::Foreign;
use report::Mac;
use tokio::time::{Instant, sleep, sleep_until};

use crate::interface::has_link;

/// How long to look. A server that pings before it offers takes 3 s, so three of our questions get
/// the time they need.
pub const WINDOW: Duration = Duration::from_secs(8);

/// How many times we ask, spread evenly over the window's first three quarters.
const QUESTIONS: u32 = 4;
const SERVERS: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::BROADCAST, 67);
const DATAGRAM: usize = 2048;
/// How often an interface without a cable is looked at again.
const LINK_EVERY: Duration = Duration::from_secs(1);

/// Asks from `client` (port 68) with the `mac` of `interface` and listens on it and on `server`
/// (port 67) for `window`, or until somebody is heard. Gives `server` back for serving.
///
/// The window begins once the interface has a link: without a cable our questions would vanish, and
/// a wire that nobody has looked at would pass as silent.
///
/// # Errors
/// The interface cannot send: it is down or gone.
pub async fn listen_and_ask(
    interface: &str,
    server: UdpSocket,
    client: UdpSocket,
    mac: Mac,
    window: Duration,
) -> io::Result<(Option<Foreign>, UdpSocket)> {
    let server = tokio::net::UdpSocket::from_std(server)?;
    let client = tokio::net::UdpSocket::from_std(client)?;
    wait_for_link(interface).await?;
    let ours = own_addresses()?;
    let begun = Instant::now();
    let foreign = tokio::select! {
        foreign = heard(&server, &client, &ours) => Some(foreign?),
        asked = ask(&client, mac, begun, window) => {
            asked?;
            None
        }
    };
    Ok((foreign, server.into_std()?))
}

async fn wait_for_link(interface: &str) -> io::Result<()> {
    if has_link(interface)? {
        return Ok(());
    }
    tracing::info!("no cable on {interface}: waiting for a link");
    while !has_link(interface)? {
        sleep(LINK_EVERY).await;
    }
    Ok(())
}

/// Sends every question at its time, then waits for the window's end.
async fn ask(
    client: &tokio::net::UdpSocket,
    mac: Mac,
    begun: Instant,
    window: Duration,
) -> io::Result<()> {
    for question in 0..QUESTIONS {
        sleep_until(begun + window * question / QUESTIONS).await;
        client
            .send_to(&pxe::probe::discover(rand::random(), mac), SERVERS)
            .await?;
    }
    sleep_until(begun + window).await;
    Ok(())
}

/// The first sign of a stranger: its reply to anybody on port 68, or a machine's choice of it on 67.
async fn heard(
    server: &tokio::net::UdpSocket,
    client: &tokio::net::UdpSocket,
    ours: &[Ipv4Addr],
) -> io::Result<Foreign> {
    let (mut requests, mut replies) = ([0; DATAGRAM], [0; DATAGRAM]);
    loop {
        let foreign = tokio::select! {
            received = server.recv_from(&mut requests) => {
                pxe::probe::foreign_choice(&requests[..received?.0], ours)
            }
            received = client.recv_from(&mut replies) => match received? {
                (length, std::net::SocketAddr::V4(from)) => {
                    pxe::probe::foreign_reply(&replies[..length], *from.ip(), ours)
                }
                _ => None,
            },
        };
        if let Some(foreign) = foreign {
            return Ok(foreign);
        }
    }
}

/// This computer's addresses: a machine that still renews what an earlier run of ours gave it is no
/// sign of a stranger.
fn own_addresses() -> io::Result<Vec<Ipv4Addr>> {
    let addresses = getifaddrs()?.filter_map(|interface| interface.address);
    Ok(addresses
        .filter_map(|address| Some(address.as_sockaddr_in()?.ip()))
        .collect())
}
