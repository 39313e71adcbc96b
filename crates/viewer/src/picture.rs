//! The guest's picture as it stands, and which parts of it nobody has drawn yet.

use std::ops::Range;

/// The largest width and height of a picture, in pixels: four times the usual screen each way.
pub const LARGEST: u16 = 4096;

/// A rectangle of pixels.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub struct Rect {
    /// Its left edge.
    pub x: usize,
    /// Its upper edge.
    pub y: usize,
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Rect {
    /// Whether there is no pixel in it.
    pub fn is_empty(self) -> bool {
        self.width == 0 || self.height == 0
    }
}

/// Pixels, row after row without gaps.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    width: usize,
    height: usize,
    pixel: usize,
    pixels: Vec<u8>,
    /// For each row the columns from the first to the last that changed.
    damage: Vec<Range<usize>>,
}

impl Picture {
    /// A black picture, all of it to be drawn, with `pixel` bytes for each pixel.
    pub fn new(width: u16, height: u16, pixel: usize) -> Picture {
        let (width, height) = (width.min(LARGEST).into(), height.min(LARGEST).into());
        Picture {
            width,
            height,
            pixel,
            pixels: vec![0; width * height * pixel],
            damage: vec![0..width; height],
        }
    }

    /// Pixels in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Bytes of a pixel.
    pub fn pixel(&self) -> usize {
        self.pixel
    }

    /// Whether all of it lies in the picture.
    pub fn holds(&self, rect: Rect) -> bool {
        rect.x + rect.width <= self.width && rect.y + rect.height <= self.height
    }

    /// The bytes of some columns of a row.
    pub(crate) fn row(&self, y: usize, columns: Range<usize>) -> &[u8] {
        let row = y * self.width;
        &self.pixels[(row + columns.start) * self.pixel..(row + columns.end) * self.pixel]
    }

    /// Puts down some of a rectangle's bytes, `at` of which were put down before. The rectangle lies in
    /// the picture and has so many bytes left.
    pub(crate) fn put(&mut self, rect: Rect, mut at: usize, mut bytes: &[u8]) {
        let row = rect.width * self.pixel;
        while !bytes.is_empty() && row > 0 {
            let (y, column) = (at / row, at % row);
            let count = bytes.len().min(row - column);
            let (now, later) = bytes.split_at(count);
            let start = ((rect.y + y) * self.width + rect.x) * self.pixel + column;
            self.pixels[start..start + count].copy_from_slice(now);
            at += count;
            bytes = later;
        }
    }

    /// Copies what lies at (`x`, `y`) to a rectangle; both lie in the picture and may overlap.
    pub(crate) fn copy(&mut self, x: usize, y: usize, to: Rect) {
        let row = |y: usize, x: usize| (y * self.width + x) * self.pixel;
        let mut step = |line: usize| {
            let from = row(y + line, x);
            let to = (row(to.y + line, to.x), to.width * self.pixel);
            self.pixels.copy_within(from..from + to.1, to.0);
        };
        // The row that is overwritten next must have been copied already.
        if to.y <= y {
            (0..to.height).for_each(&mut step);
        } else {
            (0..to.height).rev().for_each(&mut step);
        }
        self.damage(to);
    }

    /// Has a rectangle of the picture drawn again.
    pub fn damage(&mut self, rect: Rect) {
        if rect.is_empty() {
            return;
        }
        let end = (rect.x + rect.width).min(self.width);
        for row in self.damage.iter_mut().skip(rect.y).take(rect.height) {
            *row = match row.start >= row.end {
                true => rect.x..end,
                false => row.start.min(rect.x)..row.end.max(end),
            };
        }
    }

    /// Has everything drawn again.
    pub fn damage_all(&mut self) {
        self.damage.fill(0..self.width);
    }

    /// The columns of a row that changed since [`Picture::settle`].
    pub fn damaged(&self, y: usize) -> Range<usize> {
        self.damage[y].clone()
    }

    /// Everything was drawn.
    pub fn settle(&mut self) {
        self.damage.fill(0..0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered() -> Picture {
        let mut picture = Picture::new(4, 4, 1);
        let all = Rect {
            x: 0,
            y: 0,
            width: 4,
            height: 4,
        };
        picture.put(all, 0, &(0..16).collect::<Vec<u8>>());
        picture.settle();
        picture
    }

    fn rect(x: usize, y: usize, width: usize, height: usize) -> Rect {
        Rect {
            x,
            y,
            width,
            height,
        }
    }

    #[test]
    fn overlapping_copies_keep_what_they_copy() {
        let table: [(usize, usize, Rect, [u8; 16]); 4] = [
            (
                0,
                0,
                rect(1, 1, 3, 3),
                [0, 1, 2, 3, 4, 0, 1, 2, 8, 4, 5, 6, 12, 8, 9, 10],
            ),
            (
                1,
                1,
                rect(0, 0, 3, 3),
                [5, 6, 7, 3, 9, 10, 11, 7, 13, 14, 15, 11, 12, 13, 14, 15],
            ),
            (
                0,
                0,
                rect(1, 0, 3, 1),
                [0, 0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
            ),
            (
                0,
                2,
                rect(0, 1, 4, 2),
                [0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 12, 13, 14, 15],
            ),
        ];
        for (x, y, to, expected) in table {
            let mut picture = numbered();
            picture.copy(x, y, to);
            assert_eq!(picture.pixels, expected, "from {x} {y} to {to:?}");
            let rows: Vec<_> = (0..4).map(|y| picture.damaged(y)).collect();
            for (y, row) in rows.into_iter().enumerate() {
                let in_it = (to.y..to.y + to.height).contains(&y);
                assert_eq!(row, if in_it { to.x..to.x + to.width } else { 0..0 });
            }
        }
    }

    #[test]
    fn a_rectangle_may_arrive_in_any_pieces() {
        let whole: Vec<u8> = (100..118).collect();
        let to = rect(1, 1, 3, 3);
        let mut expected = Picture::new(4, 4, 2);
        expected.put(to, 0, &whole);
        for cut in 0..=whole.len() {
            let mut picture = Picture::new(4, 4, 2);
            picture.put(to, 0, &whole[..cut]);
            picture.put(to, cut, &whole[cut..]);
            assert_eq!(picture.pixels, expected.pixels, "cut at {cut}");
        }
    }

    #[test]
    fn damage_grows_by_rows() {
        let mut picture = numbered();
        picture.damage(rect(1, 1, 1, 2));
        picture.damage(rect(3, 2, 9, 9));
        picture.damage(rect(0, 0, 0, 4));
        let rows: Vec<_> = (0..4).map(|y| picture.damaged(y)).collect();
        assert_eq!(rows, [0..0, 1..2, 1..4, 3..4]);
    }
}
