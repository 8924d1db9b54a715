//! The continuous profiler's rate, as the page's configuration has it.

use perf_monitor_dashboard::Setting;
use tokio::task::spawn_blocking;

use super::Profiler;
use crate::builder::Context;

/// Lets the page change the rate.
pub(super) fn join(context: &mut Context, profiler: &Profiler) {
    let (shown, changed) = (profiler.clone(), profiler.clone());
    let help =
        "Samples of each second of CPU time, all the time; 0: none, at other times than on demand.";
    let setting = Setting::new("profiler_hz", "Hz", 0.0..=1_000.0, help)
        .whole()
        .reads(move || f64::from(shown.always.hz()))
        .applies(move |hz| {
            let profiler = changed.clone();
            Box::pin(async move {
                let set = move || profiler.always.set(hz as i32, &profiler.options);
                let set = spawn_blocking(set).await.map_err(|e| e.to_string())?;
                set.map_err(|e| e.to_string())
            })
        });
    context.page.settings([setting]);
}
