//! Reads what a PC's text screen says where only its pixels are to be had: a guest's screen, which a viewer has drawn on
//! the machine's own. A VGA draws each character from a font of 8 x 16 pixels, so a letter is read by comparing.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result};

use crate::Photograph;

/// The VGA firmware of QEMU's machines, which has the font that they show text in. Debian's seabios, on which
/// qemu-system-x86 depends.
const FIRMWARE: &str = "/usr/share/seabios/vgabios-stdvga.bin";
/// A glyph's pixels, of which a row is a byte; the leftmost is its highest bit.
const GLYPH: [usize; 2] = [8, 16];
/// A character's place on the screen: in text modes of 720 pixels there is a ninth column, empty behind letters.
const CELL: [usize; 2] = [9, 16];
const COLUMNS: usize = 80;
const ROWS: usize = 25;
/// The second glyph of code page 437, a face: where it is found, the font begins before it.
const FACE: u128 = 0x0000_7e81_a581_81bd_9981_817e_0000_0000;

/// The letters, digits and signs of a VGA's font.
#[derive(Clone, Debug)]
pub struct Glyphs(HashMap<u128, char>);

impl Glyphs {
    /// Those that QEMU's machines have.
    ///
    /// # Errors
    /// QEMU's VGA firmware is not there, or has another font.
    pub fn of_qemu() -> Result<Glyphs> {
        let path = Path::new(FIRMWARE);
        let rom = std::fs::read(path);
        let rom = rom.with_context(|| format!("{FIRMWARE}: install seabios"))?;
        Glyphs::within(&rom).with_context(|| format!("{FIRMWARE} has no font of 8 x 16 pixels"))
    }

    /// Finds the font in a VGA's firmware.
    fn within(rom: &[u8]) -> Option<Glyphs> {
        let face = FACE.to_be_bytes();
        let second = rom.windows(face.len()).position(|at| at == face)?;
        let font = rom.get(second.checked_sub(face.len())?..)?;
        let glyphs = font.chunks_exact(face.len()).zip(0_u8..=b'~');
        let shown = glyphs.filter(|(_, code)| *code >= b' ');
        let shown = shown.map(|(rows, code)| {
            let rows = rows.iter().fold(0, |all, row| all << 8 | u128::from(*row));
            (rows, char::from(code))
        });
        let found: HashMap<_, _> = shown.collect();
        (found.len() == usize::from(b'~' - b' ') + 1).then_some(Glyphs(found))
    }

    /// The rows of the text screen of 80 x 25 characters, 720 x 400 pixels, in the middle of a larger screen; nothing where
    /// that is too small. What is no ASCII is a middle dot.
    pub fn read(&self, screen: &Photograph) -> Option<String> {
        let left = screen.width.checked_sub(COLUMNS * CELL[0])? / 2;
        let top = screen.height.checked_sub(ROWS * CELL[1])? / 2;
        let mut text = String::new();
        for row in 0..ROWS {
            let y = top + row * CELL[1];
            let cells = (0..COLUMNS).map(|column| self.letter(screen, left + column * CELL[0], y));
            let line: String = cells.collect();
            text.push_str(line.trim_end());
            text.push('\n');
        }
        Some(text)
    }

    /// The character whose place begins here. No letter reaches into the first corner, which has the colour behind it.
    fn letter(&self, screen: &Photograph, x: usize, y: usize) -> char {
        let behind = screen.pixel(x, y);
        let places = (0..GLYPH[1]).flat_map(|row| (0..GLYPH[0]).map(move |column| (column, row)));
        let bits = places.fold(0, |bits, (column, row)| {
            let is_lit = screen.pixel(x + column, y + row) != behind;
            bits << 1 | u128::from(is_lit)
        });
        self.0.get(&bits).copied().unwrap_or('\u{b7}')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INK: [u8; 3] = [255; 3];
    const PAPER: [u8; 3] = [0, 0, 0xaa];

    /// A firmware with a font in it: the face, and as every other glyph its own number, twice.
    fn firmware() -> Vec<u8> {
        let mut rom = vec![0x55, 0xaa, 7];
        for code in 0..=255_u8 {
            match code {
                1 => rom.extend(FACE.to_be_bytes()),
                b' ' => rom.extend([0; 16]),
                _ => rom.extend([0, 0, 0, code, 0, 0, 0, 0, code, 0, 0, 0, 0, 0, 0, 0]),
            }
        }
        rom
    }

    /// A screen of 800 x 600 with a text screen in its middle that says this in its second row.
    fn screen(said: &[u8]) -> Photograph {
        let mut screen = Photograph {
            width: 800,
            height: 600,
            pixels: vec![0; 800 * 600 * 3],
        };
        let mut paint = |x: usize, y: usize, colour: [u8; 3]| {
            let at = (y * 800 + x) * 3;
            screen.pixels[at..at + 3].copy_from_slice(&colour);
        };
        for y in 100..500 {
            (40..760).for_each(|x| paint(x, y, PAPER));
        }
        for (column, code) in said.iter().enumerate() {
            for bit in (0..8).filter(|bit| code & (0x80 >> bit) != 0) {
                for row in [3, 8] {
                    paint(40 + column * 9 + bit, 116 + row, INK);
                }
            }
        }
        screen
    }

    #[test]
    fn text_is_read_in_the_middle_of_a_screen() {
        let glyphs = Glyphs::within(&firmware()).unwrap();
        let text = glyphs.read(&screen(b"up, 7 + 8 \x80")).unwrap();
        assert_eq!(text.lines().count(), ROWS);
        assert!(text.starts_with("\nup,"), "{text}");
        let small = Photograph {
            width: 640,
            height: 400,
            pixels: vec![0; 640 * 400 * 3],
        };
        assert_eq!(glyphs.read(&small), None);
    }

    #[test]
    fn a_firmware_without_a_font_is_none() {
        let rom = firmware();
        assert!(Glyphs::within(&rom[..rom.len() / 3]).is_none());
        assert!(Glyphs::within(&rom[40..]).is_none());
    }

    #[test]
    fn qemu_has_every_letter() {
        let Glyphs(glyphs) = Glyphs::of_qemu().unwrap();
        // As on any PC: `I` has serifs.
        let i = 0x0000_3c18_1818_1818_1818_183c_0000_0000_u128;
        assert_eq!(glyphs.get(&i), Some(&'I'));
    }
}
