//! The protobuf wire format: records in and out. Knows nothing of schemas.
//!
//! Source: <https://protobuf.dev/programming-guides/encoding/>.

use super::write::BadWire;

/// How a record's value is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireType {
    Varint = 0,
    Fixed64 = 1,
    Bytes = 2,
    Fixed32 = 5,
}

/// A record's value as it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(&'a [u8]),
}

/// Appends a base-128 integer.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends the tag of a record.
pub fn put_tag(out: &mut Vec<u8>, number: u32, wire_type: WireType) {
    put_varint(out, u64::from(number) << 3 | wire_type as u64);
}

/// Appends a record of bytes.
pub fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_tag(out, number, WireType::Bytes);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// How many bytes an integer takes as a varint.
#[must_use]
pub fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Leaves a byte for the length of what follows; [`close`] fills it in.
#[must_use]
pub fn open(out: &mut Vec<u8>) -> usize {
    out.push(0);
    out.len()
}

/// Writes the length of all since [`open`], and moves it up when the length needs more than the byte left for it.
pub fn close(out: &mut Vec<u8>, start: usize) {
    let length = out.len() - start;
    if length < 0x80 {
        out[start - 1] = length as u8;
        return;
    }
    let mut prefix = Vec::with_capacity(5);
    put_varint(&mut prefix, length as u64);
    out.splice(start - 1..start, prefix);
}

/// Reads records one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Records<'a> {
    /// Starts at an offset that an earlier walk reported.
    #[must_use]
    pub fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// Where the next record starts.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.at
    }

    /// Whether all was read.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// The next record: its field number and value.
    ///
    /// # Errors
    /// Truncated or malformed bytes, and groups.
    pub fn next_record(&mut self) -> Result<(u32, Value<'a>), BadWire> {
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).map_err(|_| BadWire("bad tag"))?;
        Ok((number, self.value(tag & 7)?))
    }

    /// The next value of a packed list.
    ///
    /// # Errors
    /// Truncated bytes.
    pub fn next_packed(&mut self, wire_type: WireType) -> Result<Value<'a>, BadWire> {
        self.value(wire_type as u64)
    }

    fn value(&mut self, wire_type: u64) -> Result<Value<'a>, BadWire> {
        Ok(match wire_type {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| BadWire("bad length"))?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.array()?)),
            _ => return Err(BadWire("unknown wire type")),
        })
    }

    fn varint(&mut self) -> Result<u64, BadWire> {
        let mut value = 0;
        for shift in (0..70).step_by(7) {
            let byte = *self.bytes.get(self.at).ok_or(BadWire("truncated"))?;
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift.min(63);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(BadWire("a varint of more than ten bytes"))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], BadWire> {
        let end = self.at.checked_add(length).ok_or(BadWire("bad length"))?;
        let bytes = self.bytes.get(self.at..end).ok_or(BadWire("truncated"))?;
        self.at = end;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BadWire> {
        Ok(self.take(N)?.try_into().expect("take gives N bytes"))
    }
}

/// The last bytes record with a number: a sub-message or a blob.
///
/// # Errors
/// Malformed bytes.
pub fn find_bytes(wire: &[u8], number: u32) -> Result<Option<&[u8]>, BadWire> {
    let mut found = None;
    let mut records = Records::new(wire, 0);
    while !records.is_done() {
        if let (n, Value::Bytes(bytes)) = records.next_record()?
            && n == number
        {
            found = Some(bytes);
        }
    }
    Ok(found)
}

/// The last varint record with a number.
///
/// # Errors
/// Malformed bytes.
pub fn find_varint(wire: &[u8], number: u32) -> Result<Option<u64>, BadWire> {
    let mut found = None;
    let mut records = Records::new(wire, 0);
    while !records.is_done() {
        if let (n, Value::Varint(value)) = records.next_record()?
            && n == number
        {
            found = Some(value);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varint_len_matches_what_is_written() {
        for value in [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(out.len(), varint_len(value), "{value}");
        }
    }

    #[test]
    fn close_makes_room_for_long_lengths() {
        for length in [0, 127, 128, 20_000] {
            let mut out = vec![7];
            let start = open(&mut out);
            out.extend(std::iter::repeat_n(9, length));
            close(&mut out, start);
            let mut expected = vec![7];
            put_varint(&mut expected, length as u64);
            expected.extend(std::iter::repeat_n(9, length));
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn truncated_records_are_refused() {
        for wire in [&[0x0a][..], &[0x0a, 5, 1], &[0x09, 1, 2], &[0x80], &[0x0b], &[0x08, 0x80]] {
            assert!(Records::new(wire, 0).next_record().is_err(), "{wire:?}");
        }
    }
}
