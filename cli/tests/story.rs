//! What a report tells: `testdata/story/*.yaml`, and the story of each.
mod common;

use std::path::Path;

use common::{files, folder, run};
use expect_test::expect_file;

#[test]
fn a_story_tells_causes_that_are_true() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/story");
    for name in files(&data).iter().filter(|name| name.ends_with(".yaml")) {
        let file = data.join(name);
        let ran = run(&folder("story"), &["run", file.to_str().expect("the path is text")]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{name}");
        let (_, story) = ran.stdout.split_once("\nStory\n").expect("every run has a story");
        let story = story.split("\n\n").next().unwrap_or(story).trim_end();
        expect_file![file.with_extension("txt")].assert_eq(&format!("{story}\n"));
    }
}
