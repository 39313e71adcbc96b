//! The machine's screen, from what `FBIOGET_VSCREENINFO` and `FBIOGET_FSCREENINFO` fill in.

use crate::pixel::{Channel, PixelFormat, Unsupported};

/// Bytes of `struct fb_var_screeninfo` (linux/fb.h).
pub const VAR_BYTES: usize = 160;
/// Bytes of `struct fb_fix_screeninfo` on a 64-bit machine.
pub const FIX_BYTES: usize = 80;

/// `FB_TYPE_PACKED_PIXELS`.
const PACKED_PIXELS: u32 = 0;
/// `FB_VISUAL_TRUECOLOR` and `FB_VISUAL_DIRECTCOLOR`, whose palette is a straight line unless somebody
/// changed it.
const COLOURS: [u32; 2] = [2, 4];

/// A frame buffer's visible part.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Screen {
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    /// Bytes from one row to the next.
    pub stride: usize,
    /// Bytes before the first visible pixel.
    pub start: usize,
    /// Its pixels.
    pub format: PixelFormat,
}

impl Screen {
    /// Reads fbdev's two structures.
    ///
    /// # Errors
    /// When it is a screen of palettes or planes, or its numbers contradict each other.
    pub fn from_fbdev(var: &[u8; VAR_BYTES], fix: &[u8; FIX_BYTES]) -> Result<Screen, Unsupported> {
        let [kind, visual, stride, memory] = [28, 36, 48, 24].map(|at| u32_at(fix, at));
        if kind != PACKED_PIXELS || !COLOURS.contains(&visual) {
            return Err(Unsupported::Layout { kind, visual });
        }
        let channel = |at| {
            let [offset, length] = [at, at + 4].map(|at| u32_at(var, at).min(255) as u8);
            Channel { offset, length }
        };
        let format = PixelFormat::new(u32_at(var, 24), channel(32), channel(44), channel(56))?;
        let [width, height, left, top] = [0, 4, 16, 20].map(|at| u32_at(var, at));
        let bytes = format.screen_bytes() as u64;
        let row = (u64::from(left) + u64::from(width)) * bytes;
        let rows = u64::from(top) + u64::from(height);
        let whole = rows.checked_mul(u64::from(stride));
        let fits = row <= u64::from(stride) && whole.is_some_and(|whole| whole <= memory.into());
        if width == 0 || height == 0 || !fits {
            return Err(Unsupported::Size {
                width,
                height,
                stride,
                memory,
            });
        }
        // Everything is below `memory`, which has 32 bits.
        Ok(Screen {
            width: width as usize,
            height: height as usize,
            stride: stride as usize,
            start: top as usize * stride as usize + left as usize * bytes as usize,
            format,
        })
    }

    /// Bytes of memory up to the end of the last visible row.
    pub fn bytes(&self) -> usize {
        self.start + (self.height - 1) * self.stride + self.width * self.format.screen_bytes()
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut value = [0; 4];
    value.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As efifb says it under OVMF: 1280 x 800, rows of 5120 bytes.
    fn efifb() -> ([u8; VAR_BYTES], [u8; FIX_BYTES]) {
        let (mut var, mut fix) = ([0; VAR_BYTES], [0; FIX_BYTES]);
        let numbers = [(0, 1280), (4, 800), (8, 1280), (12, 800), (24, 32)];
        let masks = [(32, 16), (36, 8), (44, 8), (48, 8), (56, 0), (60, 8)];
        for (at, value) in numbers.into_iter().chain(masks) {
            put(&mut var, at, value);
        }
        for (at, value) in [(24, 4_096_000), (28, 0), (36, 2), (48, 5120)] {
            put(&mut fix, at, value);
        }
        (var, fix)
    }

    fn put(bytes: &mut [u8], at: usize, value: u32) {
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    #[test]
    fn efifb_is_understood() {
        let (var, fix) = efifb();
        let screen = Screen::from_fbdev(&var, &fix).expect("a screen");
        assert_eq!(
            (screen.width, screen.height, screen.stride, screen.start),
            (1280, 800, 5120, 0)
        );
        assert_eq!(screen.bytes(), 4_096_000);
        assert_eq!(screen.format.to_rfb()[10..13], [16, 8, 0]);
    }

    #[test]
    fn a_panned_screen_begins_later() {
        let (mut var, mut fix) = efifb();
        put(&mut var, 20, 10);
        put(&mut var, 16, 2);
        put(&mut fix, 48, 5128);
        put(&mut fix, 24, 5128 * 810);
        let screen = Screen::from_fbdev(&var, &fix).expect("a screen");
        assert_eq!(screen.start, 10 * 5128 + 8);
        assert_eq!(screen.bytes(), 5128 * 810);
    }

    #[test]
    fn numbers_that_contradict_each_other_are_refused() {
        let spoil_var: [(usize, u32); 6] =
            [(0, 0), (4, 0), (0, 1281), (4, 801), (20, u32::MAX), (24, 8)];
        for (at, value) in spoil_var {
            let (mut var, fix) = efifb();
            put(&mut var, at, value);
            assert!(Screen::from_fbdev(&var, &fix).is_err(), "var {at} {value}");
        }
        for (at, value) in [
            (24, 4_095_999),
            (28, 1),
            (36, 3),
            (48, 5119),
            (48, u32::MAX),
        ] {
            let (var, mut fix) = efifb();
            put(&mut fix, at, value);
            assert!(Screen::from_fbdev(&var, &fix).is_err(), "fix {at} {value}");
        }
    }
}
