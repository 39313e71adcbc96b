//! What is on a machine's screen, pixel by pixel.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// A machine's screen at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Photograph {
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    /// Red, green and blue of each, row by row.
    pub pixels: Vec<u8>,
}

impl Photograph {
    /// A pixel's red, green and blue.
    ///
    /// # Panics
    /// Beside the screen.
    pub fn pixel(&self, x: usize, y: usize) -> [u8; 3] {
        let at = (y * self.width + x) * 3;
        [self.pixels[at], self.pixels[at + 1], self.pixels[at + 2]]
    }

    /// Whether something is written in the first rows, where a guest in the middle has its border.
    pub fn has_light_at_the_top(&self) -> bool {
        let end = self.pixels.len().min(self.width * 3 * 64);
        self.pixels[..end].iter().any(|value| *value > 100)
    }

    /// Whether a picture of this size is in the middle, four fifths of it or more in this colour, and nothing beside it.
    pub fn has_in_the_middle(&self, [width, height]: [usize; 2], colour: [u8; 3]) -> bool {
        if self.width < width || self.height < height {
            return false;
        }
        let left = (self.width - width) / 2;
        let top = (self.height - height) / 2;
        let mut alike = 0;
        for y in 0..self.height {
            for x in 0..self.width {
                let inside = (left..left + width).contains(&x) && (top..top + height).contains(&y);
                let pixel = self.pixel(x, y);
                // A screen of 16 bits rounds.
                let is_close = pixel.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 8);
                match inside {
                    true => alike += usize::from(is_close),
                    false if pixel != [0; 3] => return false,
                    false => {}
                }
            }
        }
        alike > width * height * 8 / 10
    }

    /// Reads a PPM file, `P6`, as QEMU writes it.
    ///
    /// # Errors
    /// A file that cannot be read or is something else.
    pub fn read(path: &Path) -> Result<Photograph> {
        Photograph::parse(&fs::read(path)?).with_context(|| format!("{}", path.display()))
    }

    fn parse(bytes: &[u8]) -> Result<Photograph> {
        let mut words = bytes.splitn(4, |byte| *byte == b'\n' || *byte == b' ');
        let mut next = || words.next().context("no PPM");
        ensure!(next()? == b"P6", "no PPM");
        let mut number = || -> Result<usize> { Ok(str::from_utf8(next()?)?.parse()?) };
        let (width, height) = (number()?, number()?);
        let rest = words.next().context("no PPM")?;
        let pixels = rest.strip_prefix(b"255\n").context("no PPM of 8 bits")?;
        ensure!(pixels.len() == width * height * 3, "half a photograph");
        Ok(Photograph {
            width,
            height,
            pixels: pixels.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Black, with a picture of 4 x 2 in the middle of 8 x 6.
    fn picture(colour: [u8; 3]) -> Photograph {
        let mut ppm = b"P6\n8 6\n255\n".to_vec();
        for y in 0..6 {
            for x in 0..8 {
                let inside = (2..6).contains(&x) && (2..4).contains(&y);
                ppm.extend(if inside { colour } else { [0; 3] });
            }
        }
        Photograph::parse(&ppm).unwrap()
    }

    #[test]
    fn a_picture_in_the_middle_is_found_there_and_nowhere_else() {
        let blue = picture([0, 0, 0xad]);
        assert_eq!(blue.pixel(2, 2), [0, 0, 0xad]);
        assert!(blue.has_in_the_middle([4, 2], [0, 0, 0xaa]));
        assert!(!blue.has_in_the_middle([2, 2], [0, 0, 0xaa]), "larger");
        assert!(
            !blue.has_in_the_middle([8, 6], [0, 0, 0xaa]),
            "mostly black"
        );
        assert!(
            !blue.has_in_the_middle([9, 6], [0, 0, 0xaa]),
            "beyond the screen"
        );
        assert!(!picture([0xaa, 0, 0]).has_in_the_middle([4, 2], [0, 0, 0xaa]));
        assert!(blue.has_light_at_the_top());
    }

    #[test]
    fn what_is_no_photograph_is_told() {
        for bytes in [&b""[..], b"P5\n1 1\n255\n", b"P6\n1 1\n255\nab", b"P6\nx"] {
            assert!(Photograph::parse(bytes).is_err());
        }
    }
}
