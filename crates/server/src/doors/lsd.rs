//! The LSD door (BEP 14): says by multicast which torrents the seed has, so that machines find it
//! without a tracker. Open only where `bt_enable_lpd` is on.
//!
//! It speaks on the served interface alone and answers nothing but who looks for a torrent of ours.

use std::net::Ipv4Addr;

use swarm::net::Lsd;
use tokio_util::sync::CancellationToken;

use crate::offer::Offers;

/// Speaks on `interface`, an address of ours, for the seed at `port` and the torrents that are offered, until `stop`.
/// An interface without multicast is told once: machines still have the seed's address from the manifest.
///
/// # Errors
/// None; a door has them.
pub async fn run(
    (interface, port): (Ipv4Addr, u16),
    mut offers: Offers,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    loop {
        let torrents = offers.borrow_and_update().torrents();
        let lsd = Lsd {
            interface,
            port,
            torrents: torrents.clone(),
        };
        let changed = offers.wait_for(|offer| offer.torrents() != torrents);
        let said = tokio::select! {
            said = lsd.seed(stop.clone()) => said,
            Ok(_) = changed => continue,
        };
        if let Err(why) = said {
            tracing::warn!(
                "bt_enable_lpd has no effect on the server: no multicast on {interface}: {why}\n    \
                 remedy: ip link set DEVICE multicast on, then start again"
            );
            stop.cancelled().await;
        }
        return Ok(());
    }
}
