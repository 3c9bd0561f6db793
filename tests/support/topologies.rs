//! The topologies under `tests/topologies`.
use std::{collections::BTreeMap, fs, path::Path};

/// The valid files, by name without the ending.
pub fn valid() -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/topologies/valid");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap())).collect()
}
