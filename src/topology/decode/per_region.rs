//! `per_region` of a service and of a record.
use super::{Block, Place, Reading};
use crate::topology::{
    codes::Code,
    merge,
    node::{Entry, Value},
    report::{At, Problem},
};

/// What is known of the block that `per_region` stands in.
pub struct Whose<'a> {
    /// The entries of the block itself.
    pub entries: &'a [Entry],
    /// Keys of the block that are the same in every region, or name their regions themselves.
    pub shared: &'a [&'a str],
    /// The kind of what stands below a region, as the schema calls it.
    pub kind: &'static str,
    /// For messages: "a service".
    pub what: &'a str,
    /// For what cannot differ.
    pub code: Code,
}

/// By region, what `read` makes of the block as it is there: the entries of the region merged over those of the block. `read`
/// also gets the entries that the region itself has.
pub fn per_region<T>(
    reading: &mut Reading,
    place: Place<'_>,
    path: &str,
    whose: &Whose<'_>,
    read: impl Fn(&mut Reading, &mut Block<'_>, &[Entry]) -> T,
) -> Option<Vec<(At<String>, T)>> {
    let entries = reading.entries(place, path)?;
    let differs = |entry: &&Entry| entry.key.value != "per_region" && !whose.shared.contains(&entry.key.value.as_str());
    let base: Vec<Entry> = whose.entries.iter().filter(differs).cloned().collect();
    let block_path = path.rsplit_once('.').map_or(path, |(before, _)| before);
    let mut regions = Vec::new();
    for entry in entries {
        let region_path = format!("{path}.{}", entry.key.value);
        let over = match &entry.value.value {
            Value::Scalar { .. } if entry.value.is_null() => &[],
            _ => match reading.entries(Place { node: &entry.value, key: entry.key.span }, &region_path) {
                Some(over) => over,
                None => continue,
            },
        };
        let (shared, own): (Vec<&Entry>, Vec<&Entry>) = over.iter().partition(|change| whose.shared.contains(&change.key.value.as_str()));
        for change in shared {
            let text = format!("`{}` of {} cannot differ from region to region", change.key.value, whose.what);
            let problem = Problem::new(whose.code, text).at(change.key.span, "the same in every region");
            reading.problems.push(problem.help(format!("set it in `{block_path}`")));
        }
        let own: Vec<Entry> = own.into_iter().cloned().collect();
        let merged = merge::merge(&base, &own);
        // Read under the block's own path: a mistake in the shared part is then the same problem and reported once.
        let mut merged = Block::over(whose.kind, block_path, entry.key.span, &merged);
        let value = read(reading, &mut merged, &own);
        merged.alike(&region_path, entry.key.span, &own).finish(reading);
        regions.push((entry.key.clone(), value));
    }
    Some(regions)
}
