//! A guest's screen on the machine's own frame buffer, its keyboards and mice in the guest: all that
//! can be decided about it.
//!
//! [`rfb`] is the client's side of RFB 3.8 (RFC 6143) as far as QEMU's VNC server needs it: bytes in,
//! a [`Picture`] and bytes out. [`canvas`] puts the picture on a [`Screen`], whose geometry comes from
//! fbdev's two structures. [`seat`] makes of what evdev [`devices`](device) say what the guest gets,
//! with [`keys`] between Linux' key codes and a PC's scan codes.
//!
//! It never opens, maps, reads or waits for anything: no sockets, files, clock or threads. It knows
//! nothing of keyboard layouts, since scan codes travel as they are, and nothing of what runs in the
//! guest. Whatever a server sends, memory stays below one picture of 4096 x 4096 and some KiB.
//!
//! Machines are little-endian here, as all are that phase 1 runs on.
//!
//! # What QEMU has to be told
//! - `-vnc unix:PATH`, and no `-k`: with a layout of its own it ignores scan codes. All the same it does not
//!   start without its file `keymaps/en-us`.
//! - `-monitor none -serial none -parallel none` or these elsewhere: otherwise Ctrl+Alt+2 and so on
//!   show QEMU's own consoles instead of reaching the guest.
//! - An absolute pointer (`-usb -device usb-tablet`) where the guest has a driver for it; with PS/2 alone
//!   motion is handed on as motion, which works too.
//! - `-device VGA,xres=W,yres=H` with the screen's size: guests that read EDID then take that mode,
//!   and nothing has to be scaled. A card with a cursor of its own (`virtio-vga`) shows none here.
#![forbid(unsafe_code)]

pub mod canvas;
pub mod device;
pub mod evdev;
pub mod keys;
pub mod picture;
pub mod pixel;
pub mod rfb;
pub mod screen;
pub mod seat;

pub use canvas::{Canvas, Placement};
pub use device::{Capabilities, Device};
pub use picture::{Picture, Rect};
pub use pixel::PixelFormat;
pub use screen::Screen;
pub use seat::{Action, Seat};
