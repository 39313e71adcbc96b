//! The responder as firmware and operating systems meet it: bytes in, bytes out, no socket.

mod client;
mod crowd;
mod hostile;
mod kinds;
mod leases;
mod machines;
mod pcap;
mod pool;
mod probe;
mod proxy;
mod recordings;
mod records;
mod relay;
mod scenes;
mod second;
mod show;
mod tshark;
