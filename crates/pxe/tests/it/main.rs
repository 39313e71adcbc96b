//! The responder as firmware and operating systems meet it: bytes in, bytes out, no socket.

mod client;
mod hostile;
mod kinds;
mod leases;
mod pcap;
mod pool;
mod probe;
mod recordings;
mod records;
mod scenes;
mod show;
