//! The sampler of resources starts, samples and stops as it says.

use std::time::{Duration, Instant};

use perf_monitor::Registry;
use perf_monitor::host::HostOptions;
use perf_monitor::instruments::{ResourceMonitor, Resources, Start};
use tokio::runtime::Builder;
use tokio::time::sleep;

/// Far above what anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

fn resources() -> Resources {
    Resources::new(&Registry::new()).unwrap()
}

/// Lets a sampler's thread go on until there are so many samples.
fn wait_for(resources: &Resources, samples: usize) {
    let begun = Instant::now();
    while resources.history().len() < samples {
        assert!(begun.elapsed() < PATIENCE, "{:?}", resources.history());
        std::thread::yield_now();
    }
}

#[tokio::test(start_paused = true)]
async fn a_sample_comes_at_the_start_and_every_five_seconds() {
    let resources = resources();
    let sampler = ResourceMonitor::new(&resources);
    assert!(!sampler.is_running());
    assert_eq!(sampler.start().await.unwrap(), Start::Started);
    assert!(sampler.is_running());
    sleep(Duration::from_millis(10_500)).await;
    sampler.stop().await;
    assert!(!sampler.is_running());
    let samples = resources.history();
    assert_eq!(samples.len(), 3);
    if cfg!(target_os = "linux") {
        assert!(samples.iter().all(|sample| sample.memory_bytes.is_some()));
        assert_eq!(samples[0].cpu_percent, None);
        assert!(samples[1..].iter().all(|sample| sample.cpu_percent.is_some()));
        assert!(resources.metrics().avg_memory_mb.unwrap() > 0.1);
    }
    sleep(Duration::from_secs(60)).await;
    assert_eq!(resources.history().len(), 3, "nothing comes after the stop");
}

#[tokio::test(start_paused = true)]
async fn a_second_start_says_so_and_changes_nothing() {
    let resources = resources();
    let sampler = ResourceMonitor::new(&resources).interval(Duration::from_secs(1));
    assert_eq!(sampler.start().await.unwrap(), Start::Started);
    assert_eq!(sampler.start().await.unwrap(), Start::AlreadyRunning);
    assert_eq!(sampler.start_blocking().unwrap(), Start::AlreadyRunning);
    sleep(Duration::from_millis(3_500)).await;
    sampler.stop().await;
    assert_eq!(resources.history().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_stop_without_a_start_is_safe_and_a_stopped_one_starts_again() {
    let resources = resources();
    let sampler = ResourceMonitor::new(&resources);
    sampler.stop().await;
    sampler.stop_blocking();
    for _ in 0..2 {
        assert_eq!(sampler.start().await.unwrap(), Start::Started);
        sleep(Duration::from_secs(1)).await;
        sampler.stop().await;
        sampler.stop().await;
    }
    assert_eq!(resources.history().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_unknown_and_sampling_goes_on() {
    let resources = resources();
    let nothing = HostOptions::default().root("no such directory");
    let sampler = ResourceMonitor::new(&resources).host_options(nothing);
    assert_eq!(sampler.start().await.unwrap(), Start::Started);
    sleep(Duration::from_secs(12)).await;
    sampler.stop().await;
    let samples = resources.history();
    assert_eq!(samples.len(), 3);
    for sample in samples {
        assert_eq!((sample.cpu_percent, sample.memory_bytes), (None, None));
        assert_eq!((sample.disk_io_bytes, sample.network_io_bytes), (None, None));
    }
    assert_eq!(resources.metrics().cpu_samples, 0);
    assert_eq!(resources.metrics().avg_cpu_percent, None);
}

#[tokio::test(start_paused = true)]
async fn dropping_it_stops_it() {
    let resources = resources();
    let sampler = ResourceMonitor::new(&resources);
    assert_eq!(sampler.start().await.unwrap(), Start::Started);
    sleep(Duration::from_secs(1)).await;
    drop(sampler);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(resources.history().len(), 1);
}

#[test]
fn without_a_runtime_a_thread_samples() {
    let resources = resources();
    let sampler = ResourceMonitor::new(&resources).interval(Duration::from_millis(10));
    assert_eq!(sampler.start_blocking().unwrap(), Start::Started);
    assert_eq!(sampler.start_blocking().unwrap(), Start::AlreadyRunning);
    wait_for(&resources, 3);
    sampler.stop_blocking();
    let kept = resources.history().len();
    assert_eq!(sampler.start_blocking().unwrap(), Start::Started);
    wait_for(&resources, kept + 1);
    drop(sampler);
}

#[test]
fn a_runtime_that_ends_takes_the_sampler_along_and_another_may_go_on() {
    let resources = resources();
    let sampler = ResourceMonitor::new(&resources);
    for _ in 0..2 {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        assert_eq!(runtime.block_on(sampler.start()).unwrap(), Start::Started);
        drop(runtime);
        assert!(!sampler.is_running());
    }
}

#[test]
fn a_start_where_it_cannot_run_is_an_error_with_the_remedy() {
    let sampler = ResourceMonitor::new(&resources());
    let start = std::pin::pin!(sampler.start());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(outside) = start.poll(&mut context) else { panic!("it waits") };
    assert!(outside.unwrap_err().to_string().contains("start_blocking"));
    let bare = Builder::new_current_thread().build().unwrap();
    let timeless = bare.block_on(sampler.start()).unwrap_err();
    assert!(timeless.to_string().contains("enable_time"), "{timeless}");
    assert!(!sampler.is_running());
}

#[test]
fn an_interval_out_of_range_is_an_error_that_names_the_range() {
    for interval in [Duration::ZERO, Duration::from_secs(3_601), Duration::MAX] {
        let sampler = ResourceMonitor::new(&resources()).interval(interval);
        let error = sampler.start_blocking().unwrap_err();
        assert!(error.is_options() && error.to_string().contains("10 ms to 1 h"), "{error}");
    }
}
