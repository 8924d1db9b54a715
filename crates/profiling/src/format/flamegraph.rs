//! Flame graphs as SVG, to zoom and search in a browser.

use std::io;

use inferno::flamegraph::color::{Color, PaletteMap};
use inferno::flamegraph::{self, Options};

use super::collapsed::{clean, frame};
use super::color;
use super::tree::CallTree;
use crate::report::Report;
use crate::symbols::Names;

/// The most characters of the line below the title.
const SUBTITLE: usize = 300;

/// What is drawn when there is nothing to draw: an empty image would look like a failure.
const NOTHING: &str = "<?xml version=\"1.0\"?>\n\
<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1200\" height=\"60\" viewBox=\"0 0 1200 60\">\
<text x=\"600\" y=\"35\" text-anchor=\"middle\" font-family=\"monospace\" font-size=\"14\">\
nothing was measured: no CPU time was used, no memory was sampled, or the filter fits nothing\
</text></svg>\n";

impl Report {
    /// A flame graph of what was measured, with its names looked up.
    ///
    /// It reads files and may take seconds, as [`Names::of`] says: call it on a thread that may block. To
    /// write a report in several formats, look the names up once and use [`CallTree`].
    ///
    /// ```
    /// # use perf_monitor_profiling::Report;
    /// # fn save(report: &Report) -> std::io::Result<()> {
    /// std::fs::write("cpu.svg", report.to_flamegraph())
    /// # }
    /// ```
    pub fn to_flamegraph(&self) -> Vec<u8> {
        CallTree::of(self, &Names::of(self)).to_flamegraph()
    }
}

impl CallTree {
    /// A flame graph: functions as boxes above those that called them, as wide as their weight.
    ///
    /// A click on a box zooms, Ctrl-F searches: the script for it is in the SVG, which loads nothing. Boxes
    /// have a colour for each crate, orange ones are of Rust's own libraries, yellow ones of other
    /// languages, grey ones have no name. Of a difference, red boxes weigh more than before and blue ones
    /// less, and the widths are those of the later report. Below the title stands how long it took, and
    /// what a reader should know.
    ///
    /// # Cost
    /// 4,000 different stacks, 20 frames deep on average, take about 35 ms and are 1.1 MB.
    pub fn to_flamegraph(&self) -> Vec<u8> {
        let mut image = Vec::new();
        match self.total > 0 && self.draw(&mut image).is_ok() {
            true => image,
            // the one error that a vector of bytes and lines of ours leave: nothing is on the lines
            false => NOTHING.into(),
        }
    }

    fn draw(&self, image: &mut Vec<u8>) -> io::Result<()> {
        let (unit, count_name) = match self.value.unit {
            "nanoseconds" if self.total > 1_000_000 => (1_000, "µs"),
            "nanoseconds" => (1, "ns"),
            unit => (1, unit),
        };
        let mut colors = self.colors();
        let mut options = Options::default();
        options.title = self.title();
        options.subtitle = Some(self.subtitle());
        options.count_name = count_name.to_owned();
        options.palette_map = Some(&mut colors);
        flamegraph::from_lines(&mut options, self.collapsed(unit).lines(), image)
    }

    fn colors(&self) -> PaletteMap {
        let mut colors = PaletteMap::default();
        let (r, g, b) = color::ALL;
        colors.insert("", Color { r, g, b });
        for name in &self.functions {
            let (r, g, b) = color::of(name);
            colors.insert(frame(name), Color { r, g, b });
        }
        colors
    }

    fn title(&self) -> String {
        let what = match self.value.name {
            "cpu" => "CPU time",
            "inuse_space" => "Memory in use",
            "alloc_space" => "Memory allocated",
            name => name,
        };
        match self.before {
            Some(_) => format!("{what}, compared"),
            None => what.to_owned(),
        }
    }

    fn subtitle(&self) -> String {
        let total = match self.value.unit {
            "nanoseconds" => format!("{:.3} s", self.total as f64 / 1e9),
            unit => format!("{} {unit}", self.total),
        };
        let mut text = format!("{total} in {:.1} s", self.duration.as_secs_f64());
        for note in &self.notes {
            text += " · ";
            text += &clean(note);
        }
        if let Some((end, _)) = text.char_indices().nth(SUBTITLE) {
            text.truncate(end);
            text.push('…');
        }
        text
    }
}
