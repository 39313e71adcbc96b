//! The LSD door (BEP 14): says by multicast which torrents the seed has, so that machines find it
//! without a tracker. Open only where `bt_enable_lpd` is on.
//!
//! It speaks on the served interface alone and answers nothing but who looks for a torrent of ours.

use swarm::net::Lsd;
use tokio_util::sync::CancellationToken;

/// Speaks until `stop`. An interface without multicast is told once: machines still have the seed's
/// address from the manifest.
///
/// # Errors
/// None; a door has them.
pub async fn run(lsd: Lsd, stop: CancellationToken) -> anyhow::Result<()> {
    let interface = lsd.interface;
    if let Err(why) = lsd.seed(stop.clone()).await {
        tracing::warn!(
            "bt_enable_lpd has no effect on the server: no multicast on {interface}: {why}\n    \
             remedy: ip link set DEVICE multicast on, then start again"
        );
        stop.cancelled().await;
    }
    Ok(())
}
