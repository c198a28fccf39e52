fn main() {
    let mut paths: Vec<std::path::PathBuf> = Vec::new();
    let mut options = conformance::orchestration::Options::default();
    for a in std::env::args().skip(1) {
        if let Some(n) = a.strip_prefix("--seeds=") {
            let (x, y) = n.split_once("..").unwrap();
            options.seeds = Some(x.parse().unwrap()..y.parse().unwrap());
        } else {
            paths.push(a.into());
        }
    }
    let t = std::time::Instant::now();
    println!("{}", conformance::orchestration::run(&paths, &options).unwrap());
    println!("{:?}", t.elapsed());
}
