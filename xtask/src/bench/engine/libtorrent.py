"""A BitTorrent client on libtorrent: FILE.torrent FOLDER seed|fetch.

Says when it has everything, and shares until it is ended. `seed` believes that it has everything
already. The only way it finds peers is the tracker.
"""

import sys

import libtorrent

torrent, folder, role = sys.argv[1:]
categories = libtorrent.alert.category_t
session = libtorrent.session(
    {
        "listen_interfaces": "0.0.0.0:6881",
        "enable_dht": False,
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        # uTP yields to every queue; in a closed room it is several times slower.
        "enable_outgoing_utp": False,
        "enable_incoming_utp": False,
        "alert_mask": categories.error_notification | categories.status_notification,
    }
)
parameters = {"ti": libtorrent.torrent_info(torrent), "save_path": folder}
if role == "seed":
    parameters["flags"] = (
        libtorrent.torrent_flags.default_flags | libtorrent.torrent_flags.seed_mode
    )
handle = session.add_torrent(parameters)

told = False
while True:
    session.wait_for_alert(50 if not told else 1000)
    for alert in session.pop_alerts():
        print(f"{alert.what()}: {alert.message()}", flush=True)
    if not told and handle.status().is_seeding:
        told = True
        print("has everything", flush=True)
