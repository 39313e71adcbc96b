//! Pictures made smaller by averaging areas, in whole numbers.
//!
//! Along an axis of `many` pixels made `few`, pixel `n` of the result covers the stretch from `n * many` to
//! `(n + 1) * many` of a ruler on which each pixel of the source is `few` long. The weights of a
//! stretch therefore add up to `many`.

use std::ops::Range;

use crate::picture::Picture;
use crate::pixel::PixelFormat;

/// Binary places of the factor that stands for a division by the whole area, of at most 24 bits; values
/// have at most 16.
const PLACES: u32 = 40;

/// What is needed from row to row.
#[derive(Debug, Default)]
pub(super) struct Shrink {
    across: Axis,
    down: Axis,
    /// Each column of the source, averaged over the rows of one row of the result.
    columns: Vec<[u32; 3]>,
}

/// The pixels of a source that each pixel of the result covers.
#[derive(Debug, Default)]
struct Axis {
    many: usize,
    few: usize,
    spans: Vec<Span>,
}

/// What one pixel of the result covers: the first and the last in part, those between as a whole.
#[derive(Clone, Debug)]
struct Span {
    covered: Range<usize>,
    first: u32,
    last: u32,
}

impl Axis {
    /// Computes the spans, unless these are they.
    fn set(&mut self, many: usize, few: usize) {
        if (self.many, self.few) != (many, few) {
            (self.many, self.few) = (many, few);
            self.spans = (0..few).map(|n| Span::new(n, many, few)).collect();
        }
    }

    /// The weights of a span's pixels, in their order.
    fn weights(&self, span: &Span) -> impl Iterator<Item = (usize, u32)> {
        let (few, span) = (self.few as u32, span.clone());
        let last = span.covered.end - 1;
        span.covered.clone().map(move |pixel| {
            let weight = match pixel {
                pixel if pixel == span.covered.start => span.first,
                pixel if pixel == last => span.last,
                _ => few,
            };
            (pixel, weight)
        })
    }
}

impl Span {
    fn new(n: usize, many: usize, few: usize) -> Span {
        let (start, end) = (n * many, (n + 1) * many);
        let covered = start / few..end.div_ceil(few);
        // At most 4096, as sides are.
        let first = ((covered.start + 1) * few).min(end) - start;
        let last = end - (covered.end - 1) * few;
        Span {
            covered,
            first: first as u32,
            last: last as u32,
        }
    }
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
        self.across.set(picture.width(), width);
        self.down.set(picture.height(), height);
        let rows = &self.down.spans[y];
        let changed = rows.covered.clone().map(|y| picture.damaged(y));
        let changed = changed.filter(|columns| !columns.is_empty());
        let Some(changed) =
            changed.reduce(|one, other| one.start.min(other.start)..one.end.max(other.end))
        else {
            return 0..0;
        };
        // All columns of the result that a changed column has a part in.
        let first = changed.start * width / picture.width();
        let last = (changed.end * width).div_ceil(picture.width()).min(width);
        let spans = &self.across.spans[first..last];
        let from = spans[0].covered.start;
        let to = spans[spans.len() - 1].covered.end;

        self.columns.clear();
        self.columns.resize(to - from, [0; 3]);
        for (line, weight) in self.down.weights(rows) {
            let pixels = picture.row(line, from..to).chunks_exact(picture.pixel());
            for (sum, pixel) in self.columns.iter_mut().zip(pixels) {
                // At most 4096 times 65535.
                let values = format.split(pixel);
                (0..3).for_each(|index| sum[index] += weight * values[index]);
            }
        }
        let whole = (picture.width() * picture.height()) as u64;
        let factor = (1 << PLACES) / whole;
        for span in spans {
            let mut sums = [whole / 2; 3];
            for (column, weight) in self.across.weights(span) {
                let values = self.columns[column - from];
                (0..3)
                    .for_each(|index| sums[index] += u64::from(weight) * u64::from(values[index]));
            }
            let pixel = format.join(sums.map(|sum| ((sum * factor) >> PLACES) as u32));
            row.extend(&pixel[..format.screen_bytes()]);
        }
        first..last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_add_up_and_nothing_is_left_out() {
        for (many, few) in [(5, 4), (4, 3), (1280, 1024), (7, 7), (9, 1), (4096, 1023)] {
            let mut of_source = vec![0; many];
            let mut axis = Axis::default();
            axis.set(many, few);
            for span in &axis.spans {
                let weights: Vec<_> = axis.weights(span).collect();
                let sum: u32 = weights.iter().map(|(_, weight)| weight).sum();
                assert_eq!(sum as usize, many, "{span:?} of {many} to {few}");
                for (pixel, weight) in weights {
                    of_source[pixel] += weight;
                }
            }
            assert!(
                of_source.iter().all(|sum| *sum as usize == few),
                "{many} to {few}"
            );
        }
    }
}
