//! A guest's session with a server that is a script, and a file for a frame buffer.

use std::fs::File;
use std::io::{self, PipeWriter, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bttui::guest::Ended;
use bttui::guest::frame_buffer::FrameBuffer;
use bttui::guest::inputs::Inputs;
use bttui::guest::session::Session;
use bttui::sys::Mapping;
use viewer::pixel::Channel;
use viewer::{PixelFormat, Screen};

/// The screen is 4 x 3 pixels of 16 bits, its rows are 10 bytes apart.
const BYTES: usize = 28;

/// What a client says before its first request: version, no security, shared, SetPixelFormat, and
/// SetEncodings for six.
const WORDS: usize = 12 + 1 + 1 + 20 + 4 + 6 * 4;
/// FramebufferUpdateRequest.
const REQUEST: usize = 10;

struct Room {
    server: UnixStream,
    bell: PipeWriter,
    memory: File,
    shown: JoinHandle<anyhow::Result<Ended>>,
    _devices: tempfile::TempDir,
}

/// A session that runs; no device of this computer is touched.
fn session() -> Room {
    let memory = tempfile::tempfile().unwrap();
    memory.set_len(4096).unwrap();
    let channel = |offset, length| Channel { offset, length };
    let screen = Screen {
        width: 4,
        height: 3,
        stride: 10,
        start: 0,
        format: PixelFormat::new(16, channel(11, 5), channel(5, 6), channel(0, 5)).unwrap(),
    };
    assert_eq!(screen.bytes(), BYTES);
    let frame_buffer = FrameBuffer {
        screen,
        memory: Mapping::new(memory.as_fd(), BYTES).unwrap(),
    };
    // What is no input device must not disturb it.
    let devices = tempfile::tempdir().unwrap();
    File::create(devices.path().join("event0")).unwrap();
    std::fs::create_dir(devices.path().join("event1")).unwrap();
    let inputs = Inputs::new(devices.path(), Instant::now());
    let (server, client) = UnixStream::pair().unwrap();
    server
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let (heard, bell) = io::pipe().unwrap();
    let session = Session::new(client, frame_buffer, inputs, heard).unwrap();
    let shown = thread::spawn(move || session.run());
    Room {
        server,
        bell,
        memory,
        shown,
        _devices: devices,
    }
}

/// The handshake and a first picture of 2 x 1 pixels; hands back when the client has drawn it.
fn greet(server: &mut UnixStream) {
    let mut hello = b"RFB 003.008\n\x01\x01\0\0\0\0\0\x02\0\x01".to_vec();
    hello.extend([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0]);
    hello.extend([0; 4]);
    // Byte for byte: the session sees it in pieces.
    for byte in hello {
        server.write_all(&[byte]).unwrap();
    }
    let mut words = [0; WORDS + REQUEST];
    server.read_exact(&mut words).unwrap();
    assert_eq!(words[WORDS..], [3, 0, 0, 0, 0, 0, 0, 2, 0, 1]);
    let update = [0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4];
    server.write_all(&update).unwrap();
    let mut request = [0; REQUEST];
    server.read_exact(&mut request).unwrap();
    assert_eq!(request, [3, 1, 0, 0, 0, 0, 0, 2, 0, 1]);
}

#[test]
fn pictures_are_drawn_until_the_bell() {
    let mut room = session();
    greet(&mut room.server);
    let mut memory = [0; BYTES];
    room.memory.read_exact(&mut memory).unwrap();
    // Twice as large, from the second byte of 0 to 24: two rows of four pixels.
    let row = [1, 2, 1, 2, 3, 4, 3, 4, 0, 0];
    let expected = [row.as_slice(), &row, &[0; 8]].concat();
    assert_eq!(memory.as_slice(), expected);
    drop(room.bell);
    assert_eq!(room.shown.join().unwrap().unwrap(), Ended::Stopped);
}

#[test]
fn a_server_that_hangs_up_ends_it() {
    let mut room = session();
    greet(&mut room.server);
    drop(room.server);
    assert_eq!(room.shown.join().unwrap().unwrap(), Ended::Gone);
    drop(room.bell);
}

#[test]
fn a_server_that_is_not_understood_is_named() {
    let mut room = session();
    room.server.write_all(b"SSH-2.0-nothing\n").unwrap();
    let error = room.shown.join().unwrap().expect_err("no RFB");
    let said = format!("{error:#}");
    assert!(
        said.contains("VNC") && said.contains("ProtocolVersion"),
        "{said}"
    );
}
