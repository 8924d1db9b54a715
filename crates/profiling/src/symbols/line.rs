//! A function at a line of its source.

use crate::maps::Module;
use crate::report::Place;

/// The longest name that is kept, in bytes: those of generic code go on for pages.
const MOST_BYTES: usize = 1_024;

/// A function, and where in its source the machine was.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Line {
    /// Its name, as one reads it; of what has no name, module and address.
    pub function: String,
    /// Whether that is a name.
    pub is_known: bool,
    /// The file of the source, as the compiler was given it; `None` without line tables.
    pub file: Option<String>,
    /// The line, from 1 on; `None` without line tables, or for code of no line.
    pub line: Option<u32>,
}

impl Line {
    /// A function by the name that the linker knows it by.
    pub(super) fn named(symbol: &str, file: Option<&str>, line: Option<u32>) -> Line {
        Line {
            function: demangled(symbol),
            is_known: true,
            file: file.map(|file| cut(file.to_owned())),
            line: line.filter(|line| *line > 0),
        }
    }

    /// What is known of a place without a name; `offset` is where it is by the file's own addresses.
    pub(super) fn at(module: &Module, offset: u64) -> Line {
        let path = module.path.strip_suffix(" (deleted)").unwrap_or(&module.path);
        let name = path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("[anon]");
        Line::unknown(cut(format!("{name}+{offset:#x}")))
    }

    pub(super) fn unnamed(modules: &[Module], place: Place) -> Line {
        match place {
            Place::Code { module, address } => match modules.get(usize::from(module)) {
                Some(module) => {
                    let offset = address.wrapping_sub(module.range.start);
                    Line::at(module, offset.wrapping_add(module.file_offset))
                }
                None => Line::unknown(format!("{address:#x}")),
            },
            Place::Unknown { address } => Line::unknown(format!("{address:#x}")),
            Place::Overflow => Line::unknown("(overflow)".to_owned()),
            Place::Truncated => Line::unknown("(truncated)".to_owned()),
        }
    }

    fn unknown(function: String) -> Line {
        Line { function, is_known: false, file: None, line: None }
    }
}

/// The name of Rust's source without the hash of the crate; others' as they are.
fn demangled(symbol: &str) -> String {
    // the version of a symbol of glibc, `memcpy@@GLIBC_2.14`, is not of its name
    let symbol = symbol.split('@').next().filter(|name| !name.is_empty()).unwrap_or(symbol);
    match rustc_demangle::try_demangle(symbol) {
        Ok(name) => cut(format!("{name:#}")),
        Err(_) => cut(symbol.to_owned()),
    }
}

fn cut(mut name: String) -> String {
    if name.len() > MOST_BYTES {
        let most = MOST_BYTES - '…'.len_utf8();
        let end = (0..=most).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
        name.truncate(end);
        name.push('…');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_in_the_source_and_of_bounded_length() {
        let name = |symbol: &str| Line::named(symbol, None, Some(0)).function;
        assert_eq!(
            name("_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE"),
            "core::fmt::Write::write_fmt"
        );
        assert_eq!(name("_RNvNtCs123_3foo3bar3baz"), "foo::bar::baz");
        assert_eq!(name("malloc@@GLIBC_2.2.5"), "malloc");
        assert_eq!(name("@odd"), "@odd");
        let long = name(&"ü".repeat(1_000));
        assert!(long.len() <= MOST_BYTES && long.ends_with('…'));
    }

    #[test]
    fn what_has_no_name_is_called_by_module_and_offset() {
        let module =
            |path: &str| Module { range: 0x5000..0x6000, file_offset: 0x1000, path: path.into() };
        let modules = [module("/lib/libz.so.1 (deleted)"), module("")];
        let code =
            |module| Line::unnamed(&modules, Place::Code { module, address: 0x5010 }).function;
        assert_eq!([code(0), code(1), code(2)], ["libz.so.1+0x1010", "[anon]+0x1010", "0x5010"]);
    }
}
