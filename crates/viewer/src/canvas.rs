//! The guest's picture on the machine's screen.
//!
//! A picture that fits is shown pixel for pixel, or enlarged by a whole number where that fits too, so
//! that small text stays readable on a large screen and edges stay sharp. One that does not fit is made
//! smaller by averaging areas: a pixel of the screen is the mean of all that it covers, each weighed by
//! how much of it is covered. Leaving out rows and columns would be faster and would take the thin
//! strokes of letters with them; halving would need no weights and would waste half of the screen where
//! a twentieth is missing. What is left of the screen is black.
//!
//! Only what changed is written, since a frame buffer's memory is slow; it is never read.

mod shrink;

use std::ops::Range;

use crate::picture::Picture;
use crate::screen::Screen;
use shrink::Shrink;

/// Where a picture is on a screen, both in pixels.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Placement {
    screen: [usize; 2],
    guest: [usize; 2],
    at: [usize; 2],
    size: [usize; 2],
}

impl Placement {
    /// In the middle, as large as the picture's shape and sharp edges allow.
    pub fn new(screen: [usize; 2], guest: [usize; 2]) -> Placement {
        let guest = guest.map(|size| size.max(1));
        let times = (screen[0] / guest[0]).min(screen[1] / guest[1]);
        let size = if times > 0 {
            guest.map(|size| size * times)
        } else if guest[0] * screen[1] > guest[1] * screen[0] {
            [screen[0], (guest[1] * screen[0] / guest[0]).max(1)]
        } else {
            [(guest[0] * screen[1] / guest[1]).max(1), screen[1]]
        };
        let at = [0, 1].map(|axis| (screen[axis] - size[axis]) / 2);
        Placement {
            screen,
            guest,
            at,
            size,
        }
    }

    /// The screen's width and height.
    pub fn screen(&self) -> [usize; 2] {
        self.screen
    }

    /// The picture's width and height, before it is enlarged or made smaller.
    pub fn guest(&self) -> [usize; 2] {
        self.guest
    }

    /// How often each pixel is repeated in a row and in a column; 0 where the picture is made smaller.
    pub fn times(&self) -> usize {
        match self.size[0] >= self.guest[0] && self.size[1] >= self.guest[1] {
            true => self.size[0] / self.guest[0],
            false => 0,
        }
    }

    /// The guest's pixel at a place on the screen; on its border for places beside the picture.
    pub fn to_guest(&self, place: [i64; 2]) -> [i64; 2] {
        [0, 1].map(|axis| {
            let [at, size, guest] = [self.at, self.size, self.guest].map(|pair| pair[axis] as i64);
            let inside = (place[axis] - at).clamp(0, size - 1);
            (inside * guest / size).clamp(0, guest - 1)
        })
    }
}

/// What stands on the screen.
#[derive(Debug)]
pub struct Canvas {
    screen: Screen,
    placement: Option<Placement>,
    shrink: Shrink,
    /// A row as it goes to the screen.
    row: Vec<u8>,
}

impl Canvas {
    /// A canvas that knows nothing yet of what stands on the screen.
    pub fn new(screen: Screen) -> Canvas {
        Canvas {
            screen,
            placement: None,
            shrink: Shrink::default(),
            row: Vec::new(),
        }
    }

    /// Where a picture of this one's size is.
    pub fn placement(&self, picture: &Picture) -> Placement {
        let screen = [self.screen.width, self.screen.height];
        Placement::new(screen, [picture.width(), picture.height()])
    }

    /// Writes what changed in the picture to the frame buffer's memory; all of it, borders included, when
    /// its size changed. Returns the number of bytes written.
    pub fn draw(&mut self, picture: &mut Picture, memory: &mut [u8]) -> usize {
        if picture.width() == 0 || memory.len() < self.screen.bytes() {
            return 0;
        }
        let placement = self.placement(picture);
        let mut written = 0;
        if self.placement.replace(placement) != Some(placement) {
            picture.damage_all();
            written += self.blacken(placement, memory);
        }
        written += match placement.times() {
            0 => self.draw_smaller(placement, picture, memory),
            times => self.draw_larger(placement, times, picture, memory),
        };
        picture.settle();
        written
    }

    /// Everything but the picture's place.
    fn blacken(&self, placement: Placement, memory: &mut [u8]) -> usize {
        let [left, top] = placement.at;
        let [width, height] = placement.size;
        let mut written = 0;
        for y in 0..self.screen.height {
            let borders = match (top..top + height).contains(&y) {
                true => [0..left, left + width..self.screen.width],
                false => [0..self.screen.width, 0..0],
            };
            for columns in borders {
                let bytes = &mut memory[self.place(y, columns)];
                bytes.fill(0);
                written += bytes.len();
            }
        }
        written
    }

    fn draw_larger(
        &mut self,
        placement: Placement,
        times: usize,
        picture: &Picture,
        memory: &mut [u8],
    ) -> usize {
        let [left, top] = placement.at;
        let is_same = times == 1 && picture.pixel() == self.screen.format.screen_bytes();
        let mut written = 0;
        for y in 0..picture.height() {
            let columns = picture.damaged(y);
            if columns.is_empty() {
                continue;
            }
            let pixels = picture.row(y, columns.clone());
            if !is_same {
                self.repeat(pixels, picture.pixel(), times);
            }
            let row = if is_same { pixels } else { &self.row };
            let columns = left + columns.start * times..left + columns.end * times;
            for line in 0..times {
                let place = self.place(top + y * times + line, columns.clone());
                memory[place].copy_from_slice(row);
                written += row.len();
            }
        }
        written
    }

    /// A row's pixels in the screen's size, each so many times.
    fn repeat(&mut self, pixels: &[u8], pixel: usize, times: usize) {
        let bytes = self.screen.format.screen_bytes();
        self.row.clear();
        for pixel in pixels.chunks_exact(pixel) {
            for _ in 0..times {
                self.row.extend(&pixel[..bytes]);
            }
        }
    }

    fn draw_smaller(
        &mut self,
        placement: Placement,
        picture: &Picture,
        memory: &mut [u8],
    ) -> usize {
        let [left, top] = placement.at;
        let format = self.screen.format;
        let mut written = 0;
        for y in 0..placement.size[1] {
            self.row.clear();
            let shrink = &mut self.shrink;
            let columns = shrink.row(format, picture, placement.size, y, &mut self.row);
            let place = self.place(top + y, left + columns.start..left + columns.end);
            memory[place].copy_from_slice(&self.row);
            written += self.row.len();
        }
        written
    }

    /// Where some columns of a row lie in memory.
    fn place(&self, y: usize, columns: Range<usize>) -> Range<usize> {
        let bytes = self.screen.format.screen_bytes();
        let row = self.screen.start + y * self.screen.stride;
        row + columns.start * bytes..row + columns.end * bytes
    }
}
