//! Records without quotes, which most are: 64 bytes of the file looked at at once, a field at a time taken.

use wide::u8x64;

use super::{super::Options, ColumnFacts};

/// How many bytes are looked at at once.
const LANES: usize = 64;

/// The bytes of a block that mean something: delimiters, line ends and quotes, found one after the other.
pub(super) struct Marks<'a> {
    block: &'a [u8],
    /// What is looked for, each in every lane.
    wanted: [u8x64; 4],
    /// Where the bytes begin that were looked at last.
    start: usize,
    /// A bit for each of them that means something and was not given yet.
    found: u64,
}

impl<'a> Marks<'a> {
    pub fn new(block: &'a [u8], options: &Options) -> Self {
        let wanted = [options.delimiter, options.quote, b'\n', b'\r'].map(u8x64::splat);
        let mut this = Self { block, wanted, start: 0, found: 0 };
        this.found = this.marks(0);
        this
    }

    /// Goes to a place of the block.
    fn seek(&mut self, at: usize) {
        let within = at.wrapping_sub(self.start);
        if within < LANES {
            self.found &= u64::MAX << within;
        } else {
            self.start = at;
            self.found = self.marks(at);
        }
    }

    fn marks(&self, at: usize) -> u64 {
        let rest = self.block.get(at..).unwrap_or_default();
        let bytes = match rest.first_chunk() {
            Some(bytes) => *bytes,
            None => {
                // No mark is a zero byte.
                let mut bytes = [0; LANES];
                bytes[..rest.len()].copy_from_slice(rest);
                bytes
            }
        };
        let bytes = u8x64::new(bytes);
        let [delimiter, quote, line_feed, carriage_return] = self.wanted.map(|wanted| bytes.simd_eq(wanted));
        (delimiter | quote | line_feed | carriage_return).to_bitmask()
    }

    /// The place of the next one; none when the block is over.
    fn next(&mut self) -> Option<usize> {
        while self.found == 0 {
            self.start += LANES;
            if self.start >= self.block.len() {
                return None;
            }
            self.found = self.marks(self.start);
        }
        let at = self.start + self.found.trailing_zeros() as usize;
        self.found &= self.found - 1;
        Some(at)
    }

    /// Where the record that begins at `at` ends, if it is plain: whole within the block, without quotes, and with a field
    /// for each column. None when a slower look is needed; what was noted of its values is then noted again.
    pub fn record(&mut self, at: usize, options: &Options, columns: &mut [ColumnFacts]) -> Option<usize> {
        self.seek(at);
        let mut columns = columns.iter_mut();
        let mut from = at;
        loop {
            let mark = self.next()?;
            let byte = self.block[mark];
            if byte == options.quote {
                return None;
            }
            columns.next()?.see(&self.block[from..mark]);
            if byte != options.delimiter {
                return columns.next().is_none().then_some(mark);
            }
            from = mark + 1;
        }
    }
}

impl ColumnFacts {
    fn see(&mut self, field: &[u8]) {
        self.longest = self.longest.max(field.len() as u64);
        if let [b'0', second, ..] = field {
            self.leading_zero |= second.is_ascii_digit();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::Scanner, *};

    /// How many rows, for each column whether a zero leads and its longest field, and whether it cannot be split.
    type Found = (u64, Vec<(bool, u64)>, bool);

    fn scanned(text: &str, block_bytes: usize) -> Result<Found, String> {
        let options = Options::default();
        let mut scanner = Scanner::new(&options);
        for block in text.as_bytes().chunks(block_bytes) {
            scanner.take(block).map_err(|fault| fault.message)?;
        }
        let found = scanner.finish().map_err(|fault| fault.message)?;
        // Why: within quotes, whether a zero leads is seen only when the whole field lies in one block.
        let unquoted = !text.contains('"');
        let columns = found.columns.iter().map(|column| (unquoted && column.leading_zero, column.longest)).collect();
        Ok((found.rows, columns, found.unsplittable))
    }

    proptest! {
        /// In blocks of a byte no record is whole, so that each goes the slow way.
        #[test]
        fn the_quick_way_finds_what_the_slow_one_finds(
            plain in proptest::collection::vec("[a0 7]{0,3}(,[a0 7]{0,12}){1,2}(\n|\r\n|\r|\n\n)", 0..12),
            quoted in proptest::collection::vec("[a0 7]{0,3},\"[a0,\n\"]{0,4}\"(\n|\r\n|\r|\n\n)", 0..3),
        ) {
            let records = [plain.clone(), quoted, plain].concat();
            let text = format!("a,b\n{}", records.concat());
            prop_assert_eq!(scanned(&text, text.len()), scanned(&text, 1));
            prop_assert_eq!(scanned(&text, 13), scanned(&text, 1));
        }
    }
}
