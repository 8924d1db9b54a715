//! A client's reading of frames, written from docs/dashboard.md alone.

/// What the wire says a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Full,
    Changes,
}

pub(crate) struct Decoder {
    schema: u16,
    values: Vec<f32>,
    number: Option<u32>,
}

fn f32_at(bytes: &[u8], at: usize) -> f32 {
    f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

impl Decoder {
    pub(crate) fn new(schema: u16, columns: usize) -> Decoder {
        Decoder { schema, values: vec![f32::NAN; columns], number: None }
    }

    pub(crate) fn schema(&self) -> u16 {
        self.schema
    }

    /// All columns after this frame.
    pub(crate) fn decode(&mut self, frame: &[u8]) -> (Kind, Vec<f32>) {
        assert_eq!(frame[0], 1, "version");
        assert_eq!(u16::from_le_bytes([frame[2], frame[3]]), self.schema);
        let number = u32::from_le_bytes(frame[4..8].try_into().unwrap());
        let at_ms = f64::from_le_bytes(frame[8..16].try_into().unwrap());
        assert!(at_ms > 1.7e12, "{at_ms}");
        let body = &frame[16..];
        let kind = match frame[1] {
            1 => {
                assert_eq!(body.len(), 4 * self.values.len());
                for (index, value) in self.values.iter_mut().enumerate() {
                    *value = f32_at(body, 4 * index);
                }
                Kind::Full
            }
            2 => {
                assert_eq!(self.number.map(|number| number.wrapping_add(1)), Some(number));
                let (map, mut rest) = body.split_at(self.values.len().div_ceil(8));
                for (index, value) in self.values.iter_mut().enumerate() {
                    if map[index / 8] >> (index % 8) & 1 == 1 {
                        *value = f32_at(rest, 0);
                        rest = &rest[4..];
                    }
                }
                assert!(rest.is_empty());
                Kind::Changes
            }
            kind => panic!("kind {kind}"),
        };
        self.number = Some(number);
        (kind, self.values.clone())
    }
}
