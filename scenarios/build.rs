//! Lists the scenario library, so that an installed program has it with it.
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let library =
        Path::new(&env::var_os("CARGO_MANIFEST_DIR").expect("cargo names the crate")).join("library");
    println!("cargo::rerun-if-changed={}", library.display());
    let entries = fs::read_dir(&library).expect("the library is a folder");
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.expect("the folder can be read").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    let mut list = String::from("&[\n");
    for file in files {
        let name = file.file_stem().expect("a scenario has a name").to_string_lossy();
        writeln!(list, "    ({name:?}, include_str!({:?})),", file.display().to_string())
            .expect("a text takes everything");
    }
    list.push_str("]\n");
    let target = Path::new(&env::var_os("OUT_DIR").expect("cargo names a folder")).join("library.rs");
    fs::write(target, list).expect("the folder can be written to");
}
