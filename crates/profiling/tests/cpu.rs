//! CPU profiles tell where the time went.
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

mod support;

use std::ffi::{CStr, CString};
use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use perf_monitor_core::Context;
use perf_monitor_profiling::{ContinuousProfiler, CpuOptions, CpuProfiler, Error, SpanNames};
use support::{burn, process_cpu, share_of_thread, shares_of, thread_cpu, turn};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Keeps its rate, however little CPU time the machine leaves to this program.
fn options() -> CpuOptions {
    CpuOptions::default().budget(1.0)
}

fn profiler() -> CpuProfiler {
    CpuProfiler::with_options(options())
}

#[test]
fn two_threads_have_the_shares_that_they_used() {
    let _turn = turn();
    let mut profiler = profiler();
    let begin = Barrier::new(3);
    thread::scope(|scope| {
        for (name, time) in [("seven", ms(1_400)), ("three", ms(600))] {
            let begin = &begin;
            let burner = move || {
                begin.wait();
                burn(time);
            };
            thread::Builder::new().name(name.into()).spawn_scoped(scope, burner).unwrap();
        }
        profiler.start(199).unwrap();
        begin.wait();
    });
    let report = profiler.stop().unwrap();
    for (name, share) in [("seven", 0.7), ("three", 0.3)] {
        let seen = share_of_thread(&report, name);
        assert!((seen - share).abs() < 0.03, "{name}: {seen} for {share}\n{:?}", report.notes);
    }
}

#[test]
fn what_is_sampled_is_the_cpu_time_that_was_used() {
    let _turn = turn();
    let mut profiler = profiler();
    let before = process_cpu();
    profiler.start(99).unwrap();
    burn(ms(1_000));
    let report = profiler.stop().unwrap();
    let used = (process_cpu() - before).as_secs_f64();
    let seen = report.weight() as f64 / 1e9;
    assert!((seen - used).abs() < 0.1 * used + 0.03, "{seen} s of {used} s: {:?}", report.notes);
    assert_eq!(report.total(0), report.samples.iter().map(|sample| sample.values[0]).sum::<u64>());
}

#[test]
fn the_leaf_is_the_function_that_runs_and_its_caller_is_above_it() {
    let _turn = turn();
    let mut profiler = profiler();
    profiler.start(250).unwrap();
    burn(ms(600));
    let report = profiler.stop().unwrap();
    let (in_spin, at_spin) = shares_of(&report, "::spin");
    let (in_burn, at_burn) = shares_of(&report, "::burn");
    assert!(at_spin > 0.8 && in_spin > 0.9, "{at_spin} {in_spin}");
    assert!(in_burn > 0.97 && at_burn < 0.05, "{in_burn} {at_burn}");
    let drawn = profiler.generate_flamegraph(&report).unwrap();
    assert!(String::from_utf8(drawn).unwrap().contains("::spin"));
}

/// Spends its time in a function of the C library, which has no frame of its own.
#[inline(never)]
fn caller_of_the_library(text: &CStr) {
    for _ in 0..20 {
        // SAFETY: the text ends in a zero.
        black_box(unsafe { libc::strlen(black_box(text.as_ptr())) });
    }
}

#[test]
fn who_called_a_function_without_a_frame_is_found() {
    let _turn = turn();
    let text = CString::new(vec![b'x'; 100_000]).unwrap();
    let mut profiler = profiler();
    profiler.start(250).unwrap();
    let end = thread_cpu() + ms(1_200);
    while thread_cpu() < end {
        caller_of_the_library(&text);
    }
    let report = profiler.stop().unwrap();
    let (within, at) = shares_of(&report, "::caller_of_the_library");
    assert!(within > 0.8 && at < 0.2, "{within} {at}");
}

#[test]
fn samples_have_the_span_and_the_trace_that_they_were_taken_in() {
    let _turn = turn();
    let mut profiler = profiler()
        .span_names(SpanNames::new(|number| (number == 4).then(|| "GET /cart".to_owned())));
    profiler.start(199).unwrap();
    let span = Context { trace_id: 7 << 64 | 9, span_id: 3, name_id: 4 };
    let outside = span.enter();
    burn(ms(600));
    outside.enter();
    burn(ms(200));
    let report = profiler.stop().unwrap();
    let spans = report.by_span();
    assert_eq!(spans.len(), 1, "{spans:?}");
    let share = spans[0].1 as f64 / report.weight() as f64;
    assert!(spans[0].0 == "GET /cart" && (share - 0.75).abs() < 0.1, "{spans:?} {share}");
    let of_trace =
        perf_monitor_profiling::Filter { trace: Some(7 << 64 | 9), ..Default::default() };
    assert_eq!(report.clone().filtered(&of_trace).weight(), spans[0].1);
}

#[test]
fn threads_that_begin_later_are_sampled_too() {
    let _turn = turn();
    let mut profiler = profiler();
    profiler.start(99).unwrap();
    for _ in 0..3 {
        let late = thread::Builder::new().name("late".into());
        late.spawn(|| burn(ms(400))).unwrap().join().unwrap();
    }
    let report = profiler.stop().unwrap();
    let share = share_of_thread(&report, "late");
    assert!(share > 0.6, "{share}: {:?}", report.by_thread());
}

#[test]
fn one_profile_is_taken_at_a_time_and_only_after_a_start() {
    let _turn = turn();
    let (mut first, mut second) = (profiler(), profiler());
    assert!(matches!(first.stop(), Err(Error::ProfilerNotStarted)));
    for wrong in [i32::MIN, -1, 0, 1001] {
        assert!(matches!(first.start(wrong), Err(Error::Frequency(hz)) if hz == wrong));
    }
    first.start(99).unwrap();
    assert!(matches!(first.start(99), Err(Error::AlreadyStarted)));
    assert!(matches!(second.start(99), Err(Error::AlreadyStarted)));
    assert!(first.is_running() && !second.is_running());
    drop(first);
    second.start(99).unwrap();
    assert!(second.stop().is_ok());
    assert!(matches!(second.stop(), Err(Error::ProfilerNotStarted)));
}

#[test]
fn a_profile_that_is_ended_by_force_has_what_was_seen_until_then() {
    let _turn = turn();
    for always in [false, true] {
        let always = always.then(|| ContinuousProfiler::start(19, options()).unwrap());
        let (mut first, mut second) = (profiler(), profiler());
        first.start(199).unwrap();
        burn(ms(400));
        second.start_by_force(99).unwrap();
        assert!(
            first.is_running() && matches!(first.start_by_force(99), Err(Error::AlreadyStarted))
        );
        burn(ms(800));
        let seen = |weight: u64| weight as f64 / 1e9;
        let after = second.stop().unwrap();
        assert!((seen(after.weight()) - 0.8).abs() < 0.2, "{}", seen(after.weight()));
        assert!(after.period == 1_000_000_000 / 99, "{}", after.period);
        burn(ms(300));
        for report in [first.report().unwrap(), first.stop().unwrap()] {
            assert!((seen(report.weight()) - 0.4).abs() < 0.15, "{}", seen(report.weight()));
            assert!(
                report.notes.iter().any(|note| note.contains("by force")),
                "{:?}",
                report.notes
            );
        }
        assert!(matches!(first.stop(), Err(Error::ProfilerNotStarted)));
        second.start(99).unwrap();
        burn(ms(200));
        assert!(seen(second.stop().unwrap().weight()) < 0.4);
        drop(always);
    }
}

/// Calls one of two functions for each bit: so many bits, so many stacks.
#[inline(never)]
fn left(bits: u64, more: u32) -> u64 {
    if more == 0 {
        burn(ms(1));
        return bits;
    }
    black_box(if bits & 1 == 0 { left(bits >> 1, more - 1) } else { right(bits >> 1, more - 1) })
        + 1
}

#[inline(never)]
fn right(bits: u64, more: u32) -> u64 {
    black_box(left(bits.rotate_left(7), more)) + 2
}

#[test]
fn a_profile_on_demand_has_room_for_its_stacks_whatever_was_before() {
    let _turn = turn();
    let always = ContinuousProfiler::start(1_000, options()).unwrap();
    let mut bits = 1_u64;
    while always.stats().unwrap().without_stack == 0 {
        bits = bits.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        black_box(left(bits >> 11, 40));
    }
    let mut profiler = profiler();
    profiler.start(250).unwrap();
    burn(ms(400));
    let report = profiler.stop().unwrap();
    let (within, at) = shares_of(&report, "::spin");
    assert!(at > 0.7 && within > 0.8, "{within} {at}: {:?}", report.notes);
    assert!(report.notes.iter().any(|note| note.contains("slices of time went early")));
}

#[test]
fn a_continuous_profile_goes_on_beside_one_on_demand() {
    let _turn = turn();
    let names = SpanNames::default();
    let always = ContinuousProfiler::start(19, options()).unwrap();
    assert!(ContinuousProfiler::start(19, options()).is_err());
    burn(ms(300));
    let mut profiler = profiler();
    profiler.start(199).unwrap();
    assert_eq!(always.stats().unwrap().rate_hz, 199);
    burn(ms(500));
    let report = profiler.stop().unwrap();
    assert_eq!(always.stats().unwrap().rate_hz, 19);
    burn(ms(300));
    let seen = |weight: u64| weight as f64 / 1e9;
    assert!((seen(report.weight()) - 0.5).abs() < 0.15, "{}", seen(report.weight()));
    let all = always.report(Duration::from_secs(60)..Duration::ZERO, &names).unwrap();
    assert!((seen(all.weight()) - 1.1).abs() < 0.3, "{}", seen(all.weight()));
    assert!(always.report(Duration::from_secs(900)..Duration::from_secs(600), &names).is_none());
}

#[test]
fn a_thread_that_waits_costs_no_samples() {
    let _turn = turn();
    let mut profiler = profiler();
    let (begin, end) = (Barrier::new(2), Barrier::new(2));
    thread::scope(|scope| {
        let waiting = thread::Builder::new().name("waiting".into());
        waiting
            .spawn_scoped(scope, || {
                begin.wait();
                end.wait();
            })
            .unwrap();
        begin.wait();
        profiler.start(250).unwrap();
        burn(ms(300));
        let report = profiler.stop().unwrap();
        end.wait();
        assert!(share_of_thread(&report, "waiting") < 0.02);
    });
}

#[test]
fn what_it_keeps_is_bounded() {
    let _turn = turn();
    let mut profiler = profiler();
    profiler.start(99).unwrap();
    assert!(profiler.stats().unwrap().bytes <= 256 * 1024, "{:?}", profiler.stats());
}
