"""A BitTorrent client on libtorrent: FILE.torrent FOLDER HOOK PORT.

Fetches, runs HOOK when it has everything, and shares until SIGINT; then it takes its leave of the
tracker and ends. The only way it finds peers is the tracker.
"""

import signal
import subprocess
import sys
import time

import libtorrent

FAREWELL_SECONDS = 10

torrent, folder, hook, port = sys.argv[1:]
leaving = False


def leave(_signal, _frame):
    global leaving
    leaving = True


signal.signal(signal.SIGINT, leave)
categories = libtorrent.alert.category_t
session = libtorrent.session(
    {
        "listen_interfaces": f"0.0.0.0:{port}",
        "enable_dht": False,
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        "alert_mask": categories.error_notification
        | categories.status_notification
        | categories.tracker_notification,
    }
)
handle = session.add_torrent(
    {"ti": libtorrent.torrent_info(torrent), "save_path": folder}
)


def alerts(milliseconds):
    """What happened since the last call, also printed."""
    session.wait_for_alert(milliseconds)
    for alert in session.pop_alerts():
        print(f"{alert.what()}: {alert.message()}", flush=True)
        yield alert


told = False
while not leaving:
    for _ in alerts(100):
        pass
    if not told and handle.status().is_seeding:
        told = True
        subprocess.run([hook], check=True)

# Pausing announces "stopped"; the answer, or its failure, ends the wait.
handle.pause()
answered = False
deadline = time.monotonic() + FAREWELL_SECONDS
while not answered and time.monotonic() < deadline:
    for alert in alerts(100):
        answered |= isinstance(
            alert, (libtorrent.tracker_reply_alert, libtorrent.tracker_error_alert)
        )
sys.exit(0 if answered else 1)
