//! The client's messages as bytes.

use crate::pixel::PixelFormat;

/// Answers the server's version with the only one spoken here.
pub(super) const VERSION: &[u8; 12] = b"RFB 003.008\n";
/// The security type without any.
pub(super) const SECURITY_NONE: u8 = 1;
/// Others may look on.
pub(super) const CLIENT_INIT_SHARED: u8 = 1;

pub(super) const RAW: i32 = 0;
pub(super) const COPY_RECT: i32 = 1;
/// The picture has another size (RFC 6143, 7.8.2).
pub(super) const DESKTOP_SIZE: i32 = -223;
/// QEMU: motion is wanted absolute (x is 1) or relative (x is 0).
pub(super) const POINTER_TYPE_CHANGE: i32 = -257;
/// QEMU: keys may come with their scan codes.
pub(super) const EXTENDED_KEY_EVENT: i32 = -258;
/// QEMU: one byte follows, a keyboard's lights.
pub(super) const LED_STATE: i32 = -261;

const ENCODINGS: [i32; 6] = [
    COPY_RECT,
    RAW,
    DESKTOP_SIZE,
    POINTER_TYPE_CHANGE,
    EXTENDED_KEY_EVENT,
    LED_STATE,
];

/// SetPixelFormat and SetEncodings.
pub(super) fn settings(format: PixelFormat) -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, 0];
    bytes.extend(format.to_rfb());
    bytes.extend([2, 0, 0, ENCODINGS.len() as u8]);
    bytes.extend(ENCODINGS.iter().flat_map(|encoding| encoding.to_be_bytes()));
    bytes
}

/// FramebufferUpdateRequest for the whole picture.
pub(super) fn update_request(incremental: bool, (width, height): (u16, u16)) -> [u8; 10] {
    let ([w0, w1], [h0, h1]) = (width.to_be_bytes(), height.to_be_bytes());
    [3, incremental.into(), 0, 0, 0, 0, w0, w1, h0, h1]
}

/// QEMU's extended key event. The key symbol stays 0: QEMU needs it only where a layout was named.
pub(super) fn key(scan_code: u8, down: bool) -> [u8; 12] {
    [255, 0, 0, down.into(), 0, 0, 0, 0, 0, 0, 0, scan_code]
}

/// PointerEvent.
pub(super) fn pointer(buttons: u8, x: u16, y: u16) -> [u8; 6] {
    let ([x0, x1], [y0, y1]) = (x.to_be_bytes(), y.to_be_bytes());
    [5, buttons, x0, x1, y0, y1]
}
