//! Which names of metrics go together, and with what is registered already.

use crate::desc::Desc;
use crate::error::{Error, ErrorKind};
use crate::metric::Spec;
use crate::series::FamilyCore;
use crate::snapshot::Kind;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Whether a registration is the one that is there.
pub(crate) fn same(
    family: &FamilyCore,
    desc: &Desc,
    spec: Spec,
    labels: &[&str],
) -> Result<(), Error> {
    let info = &family.info;
    let there: Vec<&str> = info.label_names.iter().map(|n| &**n).collect();
    let differs = if family.spec.noun() != spec.noun() {
        format!("a {} and not a {}", family.spec.noun(), spec.noun())
    } else if family.spec != spec {
        "of other digits or another highest value".into()
    } else if info.unit != desc.unit {
        format!("in {:?} and not in {:?}", info.unit, desc.unit)
    } else if there != labels {
        format!("labelled {there:?} and not {labels:?}")
    } else {
        return Ok(());
    };
    let text = format!(
        "metric {:?} is registered already, {differs}: use it so, or another name",
        info.name
    );
    Err(Error::new(ErrorKind::Clash, text))
}

const SAMPLES: [&str; 4] = ["_bucket", "_count", "_sum", "_created"];

/// Refuses a name whose samples would be called as those of another metric.
pub(crate) fn check_samples(
    families: &BTreeMap<Box<str>, Arc<FamilyCore>>,
    name: &str,
    spec: Spec,
) -> Result<(), Error> {
    // OpenMetrics calls a counter's family by its name without `_total`.
    let stem = name.strip_suffix("_total").map(str::to_owned);
    let family = stem.or_else(|| (spec.kind() != Kind::Counter).then(|| format!("{name}_total")));
    let created = match name.strip_suffix("_total") {
        Some(stem) => format!("{stem}_created"),
        None => format!("{}_total", name.strip_suffix("_created").unwrap_or(name)),
    };
    let family = family.into_iter().chain([created]);
    let family = family.into_iter().find(|other| families.contains_key(other.as_str()));
    let taken = SAMPLES.iter().find_map(|suffix| {
        let stem = name.strip_suffix(suffix)?;
        let owner = families.get(stem)?;
        (owner.info.kind == Kind::Histogram).then(|| stem.to_owned())
    });
    let takes = || {
        let sample = SAMPLES.iter().map(|suffix| format!("{name}{suffix}"));
        sample.into_iter().find(|s| families.contains_key(s.as_str()))
    };
    let other = match taken.or(family) {
        Some(other) => Some(other),
        None if spec.kind() == Kind::Histogram => takes(),
        None => None,
    };
    match other {
        None => Ok(()),
        Some(other) => {
            let text =
                format!("metric {name:?} would share a name with {other:?} on export: use another");
            Err(Error::new(ErrorKind::Clash, text))
        }
    }
}
