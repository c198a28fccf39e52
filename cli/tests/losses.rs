//! What a report says of lost requests: `testdata/losses/*.yaml`, and for each what was wrong and what would have
//! saved them.
mod common;

use std::path::Path;

use common::{files, folder, run};
use expect_test::expect_file;

#[test]
fn advice_is_true_of_the_time_at_which_requests_were_lost() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/losses");
    for name in files(&data).iter().filter(|name| name.ends_with(".yaml")) {
        let file = data.join(name);
        let ran = run(&folder("losses"), &["run", file.to_str().expect("the path is text")]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{name}");
        let (_, lost) = ran.stdout.split_once("\nRequests lost\n").expect("something is lost");
        let lost = lost.split("\n\n").next().unwrap_or(lost).trim_end();
        expect_file![file.with_extension("txt")].assert_eq(&format!("{lost}\n"));
    }
}
