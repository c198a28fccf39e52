//! Work that is spread over the processors, with a bar that shows how far it is.
use indicatif::ProgressBar;
use rayon::ThreadPoolBuilder;

/// Does some work on so many threads, or on one a processor. Whoever works moves the bar.
pub(crate) fn run<R: Send>(jobs: Option<u16>, bar: &ProgressBar, work: impl FnOnce() -> R + Send) -> R {
    let threads = jobs.map_or(0, usize::from);
    let pool = ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started");
    let result = pool.install(work);
    bar.finish_and_clear();
    result
}
