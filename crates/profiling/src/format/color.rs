//! A colour for each crate, so that what belongs together is seen at a glance.

/// Red, green and blue.
type Rgb = (u8, u8, u8);

const RUST: Rgb = (245, 184, 110);
const OTHER_LANGUAGE: Rgb = (236, 218, 120);
const NO_NAME: Rgb = (200, 200, 200);

/// The box below all others.
pub(super) const ALL: Rgb = (222, 222, 222);

/// The colour of a function, which is that of its crate.
pub(super) fn of(function: &str) -> Rgb {
    match origin(function) {
        Some("std" | "core" | "alloc") => RUST,
        Some(name) => hue(name),
        None if function.contains("+0x") || function.starts_with("0x") => NO_NAME,
        None if function.starts_with('(') => NO_NAME,
        None => OTHER_LANGUAGE,
    }
}

/// The crate: the first part of a path, also of `<alloc::vec::Vec<T> as core::ops::Index>::index`.
fn origin(function: &str) -> Option<&str> {
    let path = function.trim_start_matches(['<', '&', '*', '[', '(']);
    let path = path.trim_start_matches("mut ").trim_start_matches("dyn ");
    let (name, _) = path.split_once("::")?;
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (is_name && !name.is_empty()).then_some(name)
}

/// One of the cool hues, from green over blue to violet: the warm ones are taken.
fn hue(name: &str) -> Rgb {
    // FNV-1a: the same name has the same colour in every process
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let degrees = 95 + (hash >> 32) % 225;
    pastel(degrees as f64)
}

/// Of 55 % saturation and 72 % lightness, on which black text is read well.
fn pastel(degrees: f64) -> Rgb {
    let (saturation, lightness) = (0.55, 0.72_f64);
    let a = saturation * lightness.min(1.0 - lightness);
    let channel = |n: f64| {
        let k = (n + degrees / 30.0) % 12.0;
        let value = lightness - a * (k - 3.0).min(9.0 - k).clamp(-1.0, 1.0);
        (value * 255.0).round() as u8
    };
    (channel(0.0), channel(8.0), channel(4.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_one_crate_have_one_colour() {
        assert_eq!(
            of("tokio::runtime::run"),
            of("<tokio::task::Task<T> as core::ops::Drop>::drop")
        );
        assert_ne!(of("tokio::runtime::run"), of("hyper::proto::poll"));
        assert_eq!(of("<alloc::vec::Vec<T> as core::ops::Index>::index"), RUST);
        assert_eq!(of("core::fmt::write"), RUST);
        assert_eq!(of("malloc"), OTHER_LANGUAGE);
        assert_eq!([of("libz.so+0x12"), of("0x7f00"), of("(overflow)")], [NO_NAME; 3]);
    }

    #[test]
    fn every_colour_is_light_enough_for_black_text() {
        for degrees in 0..360 {
            let (r, g, b) = pastel(f64::from(degrees));
            let luminance = 0.2126 * f64::from(r) + 0.7152 * f64::from(g) + 0.0722 * f64::from(b);
            assert!(luminance > 140.0, "{degrees}: {luminance}");
        }
    }
}
