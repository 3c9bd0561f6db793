//! From a file to a model, or to a report of everything that is wrong with it.
use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use super::{
    Model, codes,
    decode::{self, Reading},
    node,
    report::{Problem, Report, Span, position},
};

/// Reads a file, and no more of it than a topology may have.
///
/// # Errors
/// It is missing, unreadable or too large.
pub fn read_file(path: &Path) -> Result<Vec<u8>, Report> {
    let name = path.display().to_string();
    let refuse = |code, message: String, help: &str| Report::without_text(&name, Problem::new(code, message).help(help));
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => refuse(
            codes::FILE_MISSING,
            format!("there is no file `{name}`"),
            "name another with `--file`, or start from `topology.example.yaml`",
        ),
        _ => refuse(codes::FILE_UNREADABLE, format!("`{name}` cannot be read: {error}"), "check its permissions"),
    })?;
    let mut bytes = Vec::new();
    let limit = node::LARGEST_FILE as u64 + 1;
    file.take(limit)
        .read_to_end(&mut bytes)
        .map_err(|error| refuse(codes::FILE_UNREADABLE, format!("`{name}` cannot be read: {error}"), "is it a folder?"))?;
    if bytes.len() > node::LARGEST_FILE {
        return Err(refuse(codes::FILE_TOO_LARGE, format!("`{name}` is larger than 1 MiB"), "is it the right file?"));
    }
    Ok(bytes)
}

/// The model and its warnings.
///
/// # Errors
/// Everything that is wrong, when anything is an error.
pub fn load(name: &str, bytes: &[u8]) -> Result<(Model, Report), Report> {
    if bytes.len() > node::LARGEST_FILE {
        return Err(Report::without_text(name, Problem::new(codes::FILE_TOO_LARGE, format!("`{name}` is larger than 1 MiB"))));
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => {
            let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned();
            let at = Span { start: valid.len(), end: valid.len() };
            let problem = Problem::new(codes::FILE_NOT_UTF8, format!("`{name}` is not UTF-8")).at(at, "the first wrong byte");
            return Err(Report::new(name, &valid, vec![problem.help("save the file as UTF-8")]));
        }
    };
    let (root, problems) = node::read(text);
    let mut reading = Reading { problems, ..Reading::default() };
    let mut model = match &root {
        Some(root) => decode::read(root, &mut reading),
        None => Model::default(),
    };
    for asked in &mut model.not_built {
        asked.line = position(text, asked.line).0;
    }
    let report = Report::new(name, text, reading.problems);
    if root.is_none() || report.has_errors() { Err(report) } else { Ok((model, report)) }
}
