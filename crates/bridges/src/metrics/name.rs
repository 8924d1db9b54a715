//! Names as Prometheus takes them.

use std::borrow::Cow;

/// A metric's name: every other character is `_`.
pub(super) fn metric(name: &str) -> Cow<'_, str> {
    clean(name, |c| c == ':')
}

/// A label's name. Those that Prometheus keeps for itself get the word that it gives to labels that clash.
pub(super) fn label(name: &str) -> Cow<'_, str> {
    let clean = clean(name, |_| false);
    let kept = clean.starts_with("__") || matches!(&*clean, "le" | "quantile" | "overflow");
    if kept { format!("exported_{clean}").into() } else { clean }
}

fn clean(name: &str, also: impl Fn(char) -> bool) -> Cow<'_, str> {
    let fits = |index: usize, c: char| {
        c.is_ascii_alphabetic() || c == '_' || also(c) || (index > 0 && c.is_ascii_digit())
    };
    if name.is_empty() {
        return "_".into();
    }
    if name.chars().enumerate().all(|(index, c)| fits(index, c)) {
        return name.into();
    }
    let chars = name.chars().enumerate();
    chars.map(|(index, c)| if fits(index, c) { c } else { '_' }).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metric_names_are_cleaned_as_the_exporter_of_the_metrics_crate_does() {
        for (given, clean) in [
            ("*", "_"),
            ("\"", "_"),
            ("foo_bar", "foo_bar"),
            ("foo1_bar", "foo1_bar"),
            ("1foobar", "_foobar"),
            ("foo1:bar2", "foo1:bar2"),
            ("123", "_23"),
            ("yee_haw:lets go", "yee_haw:lets_go"),
            ("", "_"),
        ] {
            assert_eq!(metric(given), clean);
        }
    }

    #[test]
    fn label_names_are_cleaned_and_kept_apart_from_those_of_prometheus() {
        for (given, clean) in [
            ("*", "_"),
            (":", "_"),
            ("foo_bar", "foo_bar"),
            ("1foobar", "_foobar"),
            ("foo1bar2", "foo1bar2"),
            ("øhno", "_hno"),
            ("http.method", "http_method"),
            ("le", "exported_le"),
            ("overflow", "exported_overflow"),
            ("__name__", "exported___name__"),
            ("", "_"),
        ] {
            assert_eq!(label(given), clean);
        }
    }
}
