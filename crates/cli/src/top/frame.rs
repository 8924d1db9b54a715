//! Data of the stream, as `docs/dashboard.md` lays it out.

const VERSION: u8 = 1;
const FULL: u8 = 1;
const CHANGES: u8 = 2;
const HISTORY: u8 = 3;
const HEADER_BYTES: usize = 16;

/// What one binary message says.
#[derive(Debug, PartialEq)]
pub(crate) enum Frame {
    /// All columns of this schema.
    Full { schema: u16, at_ms: f64, values: Vec<f32> },
    /// Those of the columns that changed, by their number.
    Changes { schema: u16, at_ms: f64, changed: Vec<(usize, f32)> },
    /// Points of the past that was asked for by this id: times, and as many values for each column.
    History { id: u16, at_ms: Vec<f64>, columns: Vec<Vec<f32>> },
}

/// Reads a message about `columns` columns; `None` if it is no such message.
pub(crate) fn parse(bytes: &[u8], columns: usize) -> Option<Frame> {
    let (header, body) = bytes.split_at_checked(HEADER_BYTES)?;
    let tag = u16::from_le_bytes([header[2], header[3]]);
    let number = u32::from_le_bytes(header[4..8].try_into().ok()?);
    let at_ms = f64::from_le_bytes(header[8..].try_into().ok()?);
    match (header[0], header[1]) {
        (VERSION, FULL) => {
            let values = floats(body);
            (values.len() == columns).then_some(Frame::Full { schema: tag, at_ms, values })
        }
        (VERSION, CHANGES) => {
            let (map, values) = body.split_at_checked(columns.div_ceil(8))?;
            let set = (0..columns).filter(|index| map[index / 8] >> (index % 8) & 1 == 1);
            let changed: Vec<_> = set.zip(floats(values)).collect();
            Some(Frame::Changes { schema: tag, at_ms, changed })
        }
        (VERSION, HISTORY) => history(tag, number as usize, body, columns),
        _ => None,
    }
}

fn history(id: u16, points: usize, body: &[u8], columns: usize) -> Option<Frame> {
    let (times, values) = body.split_at_checked(points.checked_mul(8)?)?;
    let at_ms = times.as_chunks().0.iter().map(|time| f64::from_le_bytes(*time)).collect();
    let values = floats(values);
    if values.len() != points.checked_mul(columns)? {
        return None;
    }
    let columns = values.chunks(points.max(1)).map(<[f32]>::to_vec).collect();
    Some(Frame::History { id, at_ms, columns })
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|value| f32::from_le_bytes(*value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(kind: u8, tag: u16, number: u32) -> Vec<u8> {
        let mut bytes = vec![1, kind];
        bytes.extend(tag.to_le_bytes());
        bytes.extend(number.to_le_bytes());
        bytes.extend(5.0_f64.to_le_bytes());
        bytes
    }

    #[test]
    fn each_kind_is_read_as_it_is_laid_out() {
        let mut full = header(1, 7, 0);
        [1.0_f32, f32::INFINITY].iter().for_each(|value| full.extend(value.to_le_bytes()));
        let values = vec![1.0, f32::INFINITY];
        assert_eq!(parse(&full, 2), Some(Frame::Full { schema: 7, at_ms: 5.0, values }));

        let mut changes = header(2, 7, 1);
        changes.extend([0b0000_0010, 0b0000_0001]);
        [2.0_f32, 3.0].iter().for_each(|value| changes.extend(value.to_le_bytes()));
        let changed = vec![(1, 2.0), (8, 3.0)];
        assert_eq!(parse(&changes, 9), Some(Frame::Changes { schema: 7, at_ms: 5.0, changed }));

        let mut history = header(3, 9, 2);
        [5.0_f64, 6.0].iter().for_each(|time| history.extend(time.to_le_bytes()));
        [1.0_f32, 2.0, 3.0, 4.0].iter().for_each(|value| history.extend(value.to_le_bytes()));
        let columns = vec![vec![1.0, 2.0], vec![3.0, 4.0]];
        let at_ms = vec![5.0, 6.0];
        assert_eq!(parse(&history, 2), Some(Frame::History { id: 9, at_ms, columns }));
    }

    #[test]
    fn what_is_cut_off_or_of_another_version_is_no_frame() {
        let mut full = header(1, 7, 0);
        full.extend([0; 7]);
        assert_eq!(parse(&full, 2), None);
        assert_eq!(parse(&full[..10], 0), None);
        assert_eq!(parse(&header(3, 7, u32::MAX), 2), None);
        full[0] = 2;
        assert_eq!(parse(&full, 1), None);
    }
}
