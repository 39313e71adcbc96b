//! Pictures made smaller by averaging areas, in whole numbers.
//!
//! Along an axis of `many` pixels made `few`, pixel `n` of the result covers the stretch from `n * many` to
//! `(n + 1) * many` of a ruler on which each pixel of the source is `few` long. The weights of a
//! stretch therefore add up to `many`.

use std::ops::Range;

use crate::picture::Picture;
use crate::pixel::PixelFormat;

/// What is needed from row to row.
#[derive(Debug, Default)]
pub(super) struct Shrink {
    /// Each column of the source, averaged over the rows of one row of the result.
    columns: Vec<[u32; 3]>,
}

impl Shrink {
    /// Appends the changed part of a row of the result, as the screen has it, and says which of its
    /// columns these are.
    pub(super) fn row(
        &mut self,
        format: PixelFormat,
        picture: &Picture,
        [width, height]: [usize; 2],
        y: usize,
        row: &mut Vec<u8>,
    ) -> Range<usize> {
        let rows = covered(y, picture.height(), height);
        let changed = rows.clone().map(|y| picture.damaged(y));
        let changed = changed.filter(|columns| !columns.is_empty());
        let changed = changed
            .reduce(|one, other| one.start.min(other.start)..one.end.max(other.end))
            .unwrap_or(0..0);
        if changed.is_empty() {
            return 0..0;
        }
        // All columns of the result that a changed column has a part in.
        let first = changed.start * width / picture.width();
        let last = ((changed.end * width).div_ceil(picture.width())).min(width);
        let from = covered(first, picture.width(), width).start;
        let to = covered(last - 1, picture.width(), width).end;

        self.columns.clear();
        self.columns.resize(to - from, [0; 3]);
        for line in rows {
            let weight = weight(y, line, picture.height(), height) as u32;
            let pixels = picture.row(line, from..to).chunks_exact(picture.pixel());
            for (sum, pixel) in self.columns.iter_mut().zip(pixels) {
                // At most 4096 times 65535.
                let values = format.split(pixel);
                (0..3).for_each(|index| sum[index] += weight * values[index]);
            }
        }
        let whole = (picture.width() * picture.height()) as u64;
        for x in first..last {
            let mut sums = [whole / 2; 3];
            for column in covered(x, picture.width(), width) {
                let weight = weight(x, column, picture.width(), width) as u64;
                let values = self.columns[column - from];
                (0..3).for_each(|index| sums[index] += weight * u64::from(values[index]));
            }
            let pixel = format.join(sums.map(|sum| (sum / whole) as u32));
            row.extend(&pixel[..format.screen_bytes()]);
        }
        first..last
    }
}

/// The pixels of the source that pixel `n` of the result covers in part or whole.
fn covered(n: usize, many: usize, few: usize) -> Range<usize> {
    n * many / few..((n + 1) * many).div_ceil(few)
}

/// How much of a pixel of the source lies in pixel `n` of the result.
fn weight(n: usize, source: usize, many: usize, few: usize) -> usize {
    let start = (source * few).max(n * many);
    let end = ((source + 1) * few).min((n + 1) * many);
    end.saturating_sub(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_add_up_and_nothing_is_left_out() {
        for (many, few) in [(5, 4), (4, 3), (1280, 1024), (7, 7), (9, 1), (4096, 1023)] {
            let mut of_source = vec![0; many];
            for n in 0..few {
                let range = covered(n, many, few);
                let weights: usize = range.clone().map(|s| weight(n, s, many, few)).sum();
                assert_eq!(weights, many, "{n} of {many} to {few}");
                range.for_each(|s| of_source[s] += weight(n, s, many, few));
            }
            assert!(of_source.iter().all(|sum| *sum == few), "{many} to {few}");
        }
    }
}
