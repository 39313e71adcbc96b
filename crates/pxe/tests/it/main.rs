//! The responder as firmware and operating systems meet it: bytes in, bytes out, no socket.

mod client;
mod hostile;
mod kinds;
mod pcap;
mod pool;
mod probe;
mod recordings;
mod scenes;
mod show;
