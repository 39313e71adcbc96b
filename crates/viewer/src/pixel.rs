//! How a pixel's bits lie. The guest's picture arrives in the screen's own format, so that nothing has
//! to be converted on the way.

use thiserror::Error;

/// Where one colour's bits are in a pixel, as fbdev's `fb_bitfield` says it.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Channel {
    /// Of its lowest bit.
    pub offset: u8,
    /// In bits.
    pub length: u8,
}

impl Channel {
    /// The largest value.
    pub(crate) fn max(self) -> u16 {
        (1 << self.length) - 1
    }

    fn mask(self) -> u32 {
        u32::from(self.max()) << self.offset
    }
}

/// A true-colour pixel of 16, 24 or 32 bits.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct PixelFormat {
    bits: u8,
    channels: [Channel; 3],
}

/// Why a screen cannot be drawn on.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Unsupported {
    /// Palettes, planes, or more than 32 bits.
    #[error("the screen has {0} bits for each pixel; 16, 24 or 32 are needed")]
    Bits(u32),
    /// A mask that is empty, too long, out of the pixel or across another one.
    #[error("the screen's {0} bits lie where no picture can be sent for")]
    Mask(&'static str),
    /// Not one pixel after the other, or colours looked up in a palette.
    #[error("the screen has no true colours in packed pixels (type {kind}, visual {visual})")]
    Layout {
        /// `FB_TYPE_*`.
        kind: u32,
        /// `FB_VISUAL_*`.
        visual: u32,
    },
    /// Rows that overlap, or less memory than the rows need.
    #[error(
        "the screen says {width} x {height} with {stride} bytes a row in {memory} bytes of memory"
    )]
    Size {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
        /// Bytes from one row to the next.
        stride: u32,
        /// Bytes of frame buffer memory.
        memory: u32,
    },
}

impl PixelFormat {
    /// Checks that RFB can name this format.
    ///
    /// # Errors
    /// Where it cannot: other sizes, and masks that no true-colour format has.
    pub fn new(
        bits: u32,
        red: Channel,
        green: Channel,
        blue: Channel,
    ) -> Result<PixelFormat, Unsupported> {
        if !matches!(bits, 16 | 24 | 32) {
            return Err(Unsupported::Bits(bits));
        }
        let mut taken = 0;
        for (name, channel) in [("red", red), ("green", green), ("blue", blue)] {
            let end = u32::from(channel.offset) + u32::from(channel.length);
            // Sixteen bits are the most that RFB's *-max fields hold; ten are the most in use.
            if !(1..=16).contains(&channel.length)
                || end > bits
                || taken & wide(channel).mask() != 0
            {
                return Err(Unsupported::Mask(name));
            }
            taken |= wide(channel).mask();
        }
        Ok(PixelFormat {
            bits: bits as u8,
            channels: [red, green, blue],
        })
    }

    /// Bytes of a pixel as the server sends it: RFB has no 24 bits, so these travel as 32.
    pub fn wire_bytes(self) -> usize {
        if self.bits == 16 { 2 } else { 4 }
    }

    /// Bytes of a pixel on the screen.
    pub fn screen_bytes(self) -> usize {
        usize::from(self.bits) / 8
    }

    /// RFB's PIXEL_FORMAT (RFC 6143, 7.4).
    pub fn to_rfb(self) -> [u8; 16] {
        let mut wire = [0; 16];
        let depth: u8 = self.channels.iter().map(|channel| channel.length).sum();
        // Little-endian (0), true colour (1).
        wire[..4].copy_from_slice(&[self.wire_bytes() as u8 * 8, depth, 0, 1]);
        for (index, channel) in self.channels.iter().enumerate() {
            wire[4 + 2 * index..6 + 2 * index].copy_from_slice(&channel.max().to_be_bytes());
            wire[10 + index] = channel.offset;
        }
        wire
    }

    /// A pixel's three values from its bytes on the wire.
    pub(crate) fn split(self, pixel: &[u8]) -> [u32; 3] {
        let value = match *pixel {
            [a, b] => u32::from(u16::from_le_bytes([a, b])),
            [a, b, c, d] => u32::from_le_bytes([a, b, c, d]),
            _ => 0,
        };
        self.channels
            .map(|channel| value >> channel.offset & u32::from(channel.max()))
    }

    /// Three values as a pixel's bytes, of which a pixel of 24 bits uses the first three.
    pub(crate) fn join(self, values: [u32; 3]) -> [u8; 4] {
        let pixel = self.channels.iter().zip(values);
        pixel
            .fold(0, |pixel, (channel, value)| pixel | value << channel.offset)
            .to_le_bytes()
    }
}

/// Sixteen bits do not overflow in `max`.
fn wide(channel: Channel) -> Channel {
    Channel {
        length: channel.length.min(15),
        ..channel
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn channel(offset: u8, length: u8) -> Channel {
        Channel { offset, length }
    }

    #[test]
    fn rfb_names_the_formats_that_screens_have() {
        let rgb565 =
            PixelFormat::new(16, channel(11, 5), channel(5, 6), channel(0, 5)).expect("565");
        assert_eq!(
            rgb565.to_rfb(),
            [16, 16, 0, 1, 0, 31, 0, 63, 0, 31, 11, 5, 0, 0, 0, 0]
        );
        let xrgb = PixelFormat::new(32, channel(16, 8), channel(8, 8), channel(0, 8)).expect("888");
        assert_eq!(
            xrgb.to_rfb(),
            [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0]
        );
        let packed =
            PixelFormat::new(24, channel(16, 8), channel(8, 8), channel(0, 8)).expect("24");
        assert_eq!(packed.to_rfb(), xrgb.to_rfb());
        assert_eq!((packed.wire_bytes(), packed.screen_bytes()), (4, 3));
        let deep =
            PixelFormat::new(32, channel(20, 10), channel(10, 10), channel(0, 10)).expect("30");
        assert_eq!(deep.to_rfb()[..6], [32, 30, 0, 1, 3, 255]);
    }

    #[test]
    fn split_and_join_are_each_others_opposite() {
        let rgb565 =
            PixelFormat::new(16, channel(11, 5), channel(5, 6), channel(0, 5)).expect("565");
        assert_eq!(rgb565.split(&[0b1110_0101, 0b1000_1011]), [17, 31, 5]);
        assert_eq!(rgb565.join([17, 31, 5])[..2], [0b1110_0101, 0b1000_1011]);
    }

    #[test]
    fn formats_that_are_none_are_refused() {
        let good = channel(0, 5);
        let table = [
            (8, channel(0, 8), channel(0, 8), channel(0, 8)),
            (16, channel(12, 5), channel(5, 6), good), // out of the pixel
            (16, channel(11, 0), channel(5, 6), good), // empty
            (16, channel(11, 5), channel(4, 6), good), // across blue
            (32, channel(0, 17), channel(17, 8), channel(25, 7)),
            (32, channel(255, 255), channel(17, 8), channel(25, 7)),
        ];
        for (bits, red, green, blue) in table {
            assert!(PixelFormat::new(bits, red, green, blue).is_err(), "{red:?}");
        }
    }
}
