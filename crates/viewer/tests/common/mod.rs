//! What a VNC server says, as bytes, and formats of screens.
#![allow(dead_code)] // each test program uses some of it

use viewer::pixel::Channel;
use viewer::{PixelFormat, Screen};

pub(crate) fn rgb888() -> PixelFormat {
    format(32, [(16, 8), (8, 8), (0, 8)])
}

pub(crate) fn rgb565() -> PixelFormat {
    format(16, [(11, 5), (5, 6), (0, 5)])
}

pub(crate) fn packed() -> PixelFormat {
    format(24, [(16, 8), (8, 8), (0, 8)])
}

fn format(bits: u32, masks: [(u8, u8); 3]) -> PixelFormat {
    let [red, green, blue] = masks.map(|(offset, length)| Channel { offset, length });
    PixelFormat::new(bits, red, green, blue).expect("a format")
}

/// A screen whose rows are `gap` bytes longer than what is seen of them, and that begins after `start`.
pub(crate) fn screen(
    width: usize,
    height: usize,
    format: PixelFormat,
    gap: usize,
    start: usize,
) -> Screen {
    Screen {
        width,
        height,
        stride: width * format.screen_bytes() + gap,
        start,
        format,
    }
}

/// All a server says before the first update, for a client that wants no security.
pub(crate) fn hello(width: u16, height: u16, name: &[u8]) -> Vec<u8> {
    let mut bytes = b"RFB 003.008\n".to_vec();
    bytes.extend([2, 2, 1]); // VNC's password, None
    bytes.extend([0; 4]);
    bytes.extend(width.to_be_bytes());
    bytes.extend(height.to_be_bytes());
    bytes.extend([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0]);
    bytes.extend((name.len() as u32).to_be_bytes());
    bytes.extend(name);
    bytes
}

pub(crate) fn update(rectangles: &[Vec<u8>]) -> Vec<u8> {
    let count = (rectangles.len() as u16).to_be_bytes();
    [vec![0, 0, count[0], count[1]], rectangles.concat()].concat()
}

pub(crate) fn rectangle(place: [u16; 4], encoding: i32, rest: &[u8]) -> Vec<u8> {
    let mut bytes = place.map(u16::to_be_bytes).concat();
    bytes.extend(encoding.to_be_bytes());
    bytes.extend(rest);
    bytes
}

pub(crate) fn raw(place: [u16; 4], pixels: &[u8]) -> Vec<u8> {
    rectangle(place, 0, pixels)
}

pub(crate) fn copy(place: [u16; 4], x: u16, y: u16) -> Vec<u8> {
    rectangle(place, 1, &[x.to_be_bytes(), y.to_be_bytes()].concat())
}
