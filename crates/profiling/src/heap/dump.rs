//! Dumps of jemalloc's heap profiler, read.

use std::time::SystemTime;

use super::poisson::one_in;
use super::profile::{HeapProfile, Stack, Values};
use crate::Error;
use crate::maps;

/// Frames of one stack that are read; jemalloc keeps 128 unless built otherwise.
const MOST_FRAMES: usize = 1024;

impl HeapProfile {
    /// Reads what jemalloc dumps: text that begins with `heap_v2/` and the bytes between two samples. What the
    /// profile had before is forgotten.
    ///
    /// The counts in it are of samples; what they stand for is worked out here, stack by stack, as jemalloc's
    /// own tool does it. Blocks that are freed are in it if jemalloc was configured with `prof_accum:true`.
    ///
    /// # Errors
    /// [`Error::Malformed`], with the line, for anything else. The profile then is as it was.
    pub fn parse_dump(&mut self, dump: impl AsRef<[u8]>) -> Result<(), Error> {
        let text = String::from_utf8_lossy(dump.as_ref());
        let parsed = Parser::new(&text)?.parse()?;
        *self = parsed;
        Ok(())
    }
}

struct Parser<'a> {
    lines: std::iter::Enumerate<std::str::Lines<'a>>,
    interval_bytes: u64,
    text: &'a str,
}

/// Counts of samples, as dumped.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Counts {
    live: (u64, u64),
    allocated: (u64, u64),
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Result<Parser<'a>, Error> {
        let mut lines = text.lines().enumerate();
        let interval = lines.next().and_then(|(_, line)| line.strip_prefix("heap_v2/"));
        let interval_bytes = interval.and_then(|n| n.trim().parse().ok()).filter(|n| *n > 0);
        let interval_bytes = interval_bytes.ok_or_else(|| {
            Error::Malformed(
                "this is no dump of jemalloc's: it has to begin with `heap_v2/`".to_owned(),
            )
        })?;
        Ok(Parser { lines, interval_bytes, text })
    }

    fn parse(mut self) -> Result<HeapProfile, Error> {
        let mut profile = HeapProfile {
            interval_bytes: self.interval_bytes,
            started: SystemTime::now(),
            ..HeapProfile::default()
        };
        let mut frames = None;
        while let Some((number, line)) = self.lines.next() {
            let malformed =
                |what| Error::Malformed(format!("line {} of a dump: {what}", number + 1));
            if line == "MAPPED_LIBRARIES:" {
                profile.modules = maps::modules(&self.rest(line));
                break;
            }
            if let Some(addresses) = line.strip_prefix('@') {
                frames = Some(addresses_of(addresses).ok_or_else(|| malformed("no addresses"))?);
            } else if let Some(counts) = line.trim_start().strip_prefix("t*:") {
                let counts = Counts::parse(counts).ok_or_else(|| malformed("no counts"))?;
                // Those before the first stack are of all of them.
                if let Some(frames) = frames.take() {
                    profile.has_allocations |= counts.allocated.1 > 0;
                    let values = counts.values(self.interval_bytes);
                    profile.stacks.push(Stack { frames, name_id: None, values });
                }
            }
        }
        Ok(profile)
    }

    /// What comes after `line`, which is a part of the text.
    fn rest(&self, line: &str) -> String {
        let after = line.as_ptr() as usize - self.text.as_ptr() as usize + line.len();
        self.text.get(after..).unwrap_or_default().to_owned()
    }
}

fn addresses_of(text: &str) -> Option<Vec<u64>> {
    let address = |word: &str| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok();
    text.split_whitespace().take(MOST_FRAMES).map(address).collect()
}

impl Counts {
    /// ` 13: 6688 [0: 0]`
    fn parse(text: &str) -> Option<Counts> {
        let (live, allocated) = text.split_once('[')?;
        let pair = |text: &str| {
            let (objects, bytes) = text.split_once(':')?;
            Some((objects.trim().parse().ok()?, bytes.trim().parse().ok()?))
        };
        Some(Counts {
            live: pair(live)?,
            allocated: pair(allocated.trim_end().strip_suffix(']')?)?,
        })
    }

    /// What the samples stand for.
    fn values(self, interval: u64) -> Values {
        let all = |(objects, bytes): (u64, u64)| {
            let size = if objects > 0 { bytes as f64 / objects as f64 } else { 0.0 };
            let one_in = one_in(size, interval as f64);
            // A cast from a float keeps within the integer.
            ((objects as f64 * one_in).round() as u64, (bytes as f64 * one_in).round() as u64)
        };
        let ((live_objects, live_bytes), (alloc_objects, alloc_bytes)) =
            (all(self.live), all(self.allocated));
        Values { alloc_objects, alloc_bytes, live_objects, live_bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DUMP: &str = "\
heap_v2/524288
  t*: 3: 1049088 [4: 2097664]
  t0: 3: 1049088 [4: 2097664]
@ 0x55d0c2a21010 0x55d0c2a21500
  t*: 1: 1048576 [2: 2097152]
  t0: 1: 1048576 [2: 2097152]
@ 0x55d0c2a22000
  t*: 2: 512 [2: 512]
  t1: 2: 512 [2: 512]

MAPPED_LIBRARIES:
55d0c2a21000-55d0c2b00000 r-xp 00021000 fe:00 1234                       /opt/service
7ffd0c3f8000-7ffd0c3fa000 r-xp 00000000 00:00 0                          [vdso]
";

    fn parsed(dump: &str) -> Result<HeapProfile, Error> {
        let mut profile = HeapProfile::default();
        profile.parse_dump(dump).map(|()| profile)
    }

    #[test]
    fn samples_count_for_what_they_stand_for() {
        let profile = parsed(DUMP).unwrap();
        assert_eq!((profile.interval_bytes(), profile.modules.len()), (524_288, 2));
        let [large, small] = [0, 1].map(|i: usize| profile.stacks[i].values);
        // 1 / (1 - exp(-2)) of 1 MiB; 1 / (1 - exp(-1 / 2048)) of 256 bytes.
        assert_eq!((large.live_objects, large.live_bytes), (1, 1_212_697));
        assert_eq!((large.alloc_objects, large.alloc_bytes), (2, 2_425_393));
        assert_eq!((small.live_objects, small.live_bytes), (4097, 1_048_832));
        let report = profile.report();
        assert_eq!(report.weight(), large.live_bytes + small.live_bytes);
        assert_eq!(report.frames(report.samples[0].leaf).count(), 2);
    }

    #[test]
    fn freed_blocks_are_reported_only_if_jemalloc_remembered_them() {
        let dump = "heap_v2/1024\n  t*: 1: 64 [0: 0]\n@ 0x10\n  t*: 1: 64 [0: 0]\n";
        let profile = parsed(dump).unwrap();
        assert_eq!(profile.allocated_bytes(), None);
        assert_eq!(profile.report().values.len(), 2);
    }

    #[test]
    fn what_is_no_dump_is_refused_with_its_line_and_changes_nothing() {
        let mut profile = parsed(DUMP).unwrap();
        for dump in ["", "heap profile: 1: 2", "heap_v2/0", "heap_v2/x", "heap_v2/1\n@ 12"] {
            assert!(profile.parse_dump(dump).is_err(), "{dump}");
        }
        let error = profile.parse_dump("heap_v2/1\n@ 0x12\n  t*: 1: 2").unwrap_err();
        assert_eq!(error.to_string(), "line 3 of a dump: no counts");
        assert_eq!(profile.live_bytes(), parsed(DUMP).unwrap().live_bytes());
    }

    proptest! {
        #[test]
        fn hostile_text_neither_panics_nor_takes_memory(
            lines in prop::collection::vec(prop_oneof![
                "[@ t*:0x\\[\\]a-f0-9 -]{0,40}", "@( 0x[0-9a-f]{1,17}){0,4}",
                "  t\\*: [0-9]{1,21}: [0-9]{1,21} \\[[0-9]{1,21}: [0-9]{1,21}\\]",
                Just("MAPPED_LIBRARIES:".to_owned()), "\\PC{0,20}",
            ], 0..40),
            interval in any::<u64>(), bytes in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let _ = HeapProfile::default().parse_dump(&bytes);
            let text = format!("heap_v2/{interval}\n{}", lines.join("\n"));
            let mut profile = HeapProfile::default();
            if profile.parse_dump(&text).is_ok() {
                prop_assert!(profile.memory_bytes() <= 64 * text.len() + 1024);
                let _ = profile.report();
            }
        }
    }
}
