//! The section `tables`.
use indexmap::IndexMap;

use super::{
    reader::{Block, Place, Reading},
    top::{Places, or_empty, regions_of},
};
use crate::{
    resource::Region,
    topology::{
        AttributeType, KeyAttribute, Model, Table, TableMember, Writes, codes,
        merge::merge,
        node::{Entry, Value, shortened},
        report::{Problem, Span},
        suggest,
    },
};

const NOT_BUILT: [&str; 6] = ["indexes", "ttl_attribute", "table_class", "stream", "encryption", "witness"];
/// What the members of a global table share.
const SHARED: [&str; 9] = ["partition_key", "sort_key", "indexes", "consistency", "name", "regions", "per_region", "writes", "witness"];

/// Reads every table.
pub fn read(reading: &mut Reading, top: &mut Block<'_>, model: &mut Model, places: &Places) {
    top.optional(reading, "tables", |reading, place, path| {
        let mut names: IndexMap<String, Span> = IndexMap::new();
        for entry in reading.entries(place, path)? {
            let Some(table) = table(reading, entry, path, model, places) else { continue };
            if let Some(first) = names.insert(table.name.clone(), entry.key.span) {
                let problem = Problem::new(codes::TABLE_NAME_TAKEN, format!("two tables are called `{}`", table.name));
                reading
                    .problems
                    .push(problem.at(entry.key.span, "this one").at(first, "and this one").help("give one of them another `name`"));
            }
            model.tables.insert(entry.key.value.clone(), table);
        }
        Some(())
    });
}

fn table(reading: &mut Reading, entry: &Entry, path: &str, model: &Model, places: &Places) -> Option<Table> {
    let (key, span) = (entry.key.value.as_str(), entry.key.span);
    let own = format!("{path}.{key}");
    let place = Place { node: &entry.value, key: span };
    let block = if entry.value.is_null() { None } else { reading.block(place, &own, "table") };
    let mut block = or_empty(block, "table", &own, span);
    let name = block.optional(reading, "name", Reading::text);
    // A derived name is judged by what the table's own line gives to it: a wrong stack name is reported where it stands.
    let (judged, name_at) = name.as_ref().map_or((key, span), |name| (name.value.as_str(), name.span));
    let shortest = if name.is_some() { 3 } else { 1 };
    let plain = judged.replace("{stack}", "").bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    if !(shortest..=234).contains(&judged.len()) || !plain {
        let problem = Problem::new(codes::TABLE_NAME, format!("`{}` cannot name a table", shortened(judged)));
        reading
            .problems
            .push(problem.at(name_at, "not a table name").help("3 to 255 letters, digits and `_ . -`, the stack's name included"));
    }
    let name = name.as_ref().map_or_else(|| format!("{}-{key}", model.stack), |name| name.value.replace("{stack}", &model.stack));
    let hint = "for example `partition_key: { name: id, type: string }`";
    let partition_key = block.required(reading, "partition_key", hint, key_attribute);
    let sort_key = block.optional(reading, "sort_key", key_attribute);
    if let (Some(partition), Some(sort)) = (&partition_key, &sort_key)
        && partition.name == sort.name
    {
        let problem = Problem::new(codes::TABLE_SAME_KEY, format!("`{}` cannot be both keys of `{key}`", sort.name));
        reading.problems.push(problem.at(span, "one attribute for both keys").help("choose another attribute for the sort key"));
    }
    let writes = [("any_region", Writes::AnyRegion), ("one_region", Writes::OneRegion), ("by_key", Writes::ByKey)];
    let writes = block.optional(reading, "writes", |reading, place, path| reading.choice(place, path, &writes));
    let consistency = [("eventual", true), ("strong", false)];
    let consistency = block.optional(reading, "consistency", |reading, place, path| reading.choice(place, path, &consistency));
    if let Some(strong) = consistency.filter(|eventual| !eventual.value) {
        later(reading, strong.span, &format!("{own}.consistency"), "leave it `eventual`");
    }
    for key in NOT_BUILT {
        if let Some(entry) = block.entry(reading, key) {
            later(reading, entry.key.span, &format!("{own}.{key}"), "take it out");
        }
    }
    let regions = block.optional(reading, "regions", Reading::texts);
    let regions: Vec<Region> = match regions {
        None => places.keys().cloned().collect(),
        Some(list) if list.value.is_empty() => {
            let problem = Problem::new(codes::TABLE_REGIONS, format!("`{own}.regions` is empty"));
            reading.problems.push(problem.at(list.span, "no region").help("name at least one, or leave the key out for all"));
            Vec::new()
        }
        Some(list) => regions_of(reading, list.value, places, codes::TABLE_REGIONS, &format!("`{own}.regions`")),
    };
    member(reading, &mut block);
    let over = block.optional(reading, "per_region", |reading, place, path| reading.entries(place, path)).unwrap_or_default();
    block.finish(reading);
    per_region(reading, over, &own, &regions);
    let entries: &[Entry] = if let Value::Map(entries) = &entry.value.value { entries } else { &[] };
    let members =
        model.rollout_order().into_iter().chain(regions.iter().cloned()).filter(|region| regions.contains(region)).map(|region| {
            let change = over.iter().find(|entry| entry.key.value == region.as_str()).map(|entry| &entry.value.value);
            let merged = if let Some(Value::Map(change)) = change { merge(entries, change) } else { entries.to_vec() };
            // Problems of the merged block were recorded where they stand.
            let settings = member(&mut Reading::default(), &mut Block::over("table", &own, span, &merged));
            (region, settings)
        });
    let members = members.collect();
    Some(Table { name, partition_key: partition_key?, sort_key, members, writes: writes.map_or(Writes::AnyRegion, |writes| writes.value) })
}

/// What may differ from region to region.
fn member(reading: &mut Reading, block: &mut Block<'_>) -> TableMember {
    let flag =
        |reading: &mut Reading, block: &mut Block<'_>, key| block.optional(reading, key, Reading::boolean).is_none_or(|flag| flag.value);
    block.optional(reading, "billing", |reading, place, path| {
        if matches!(place.node.value, Value::Map(_)) {
            later(reading, place.key, path, "use `billing: on_demand`");
            return Some(());
        }
        reading.choice(place, path, &[("on_demand", ())]).map(drop)
    });
    TableMember {
        point_in_time_recovery: flag(reading, block, "point_in_time_recovery"),
        deletion_protection: flag(reading, block, "deletion_protection"),
    }
}

fn per_region(reading: &mut Reading, over: &[Entry], own: &str, regions: &[Region]) {
    for entry in over {
        let path = format!("{own}.per_region.{}", entry.key.value);
        if !regions.iter().any(|region| region.as_str() == entry.key.value) {
            let known: Vec<&str> = regions.iter().map(Region::as_str).collect();
            let problem = Problem::new(codes::TABLE_PER_REGION, format!("`{path}`: the table is not in that region"));
            reading.problems.push(problem.at(entry.key.span, "not a region of this table").help(suggest::help(
                &entry.key.value,
                "its regions",
                &known,
            )));
        }
        if entry.value.is_null() {
            continue;
        }
        let Some(mut block) = reading.block(Place { node: &entry.value, key: entry.key.span }, &path, "per_region") else { continue };
        member(reading, &mut block);
        for key in SHARED {
            if let Some(shared) = block.entry(reading, key) {
                let problem = Problem::new(codes::TABLE_PER_REGION, format!("`{key}` is the same in all regions of a table"));
                reading.problems.push(problem.at(shared.key.span, "cannot differ").help("set it on the table itself"));
            }
        }
        block.finish(reading);
    }
}

fn key_attribute(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<KeyAttribute> {
    let mut block = reading.block(place, path, "key_attribute")?;
    let name = block.required(reading, "name", "name the attribute", Reading::text);
    let types = [("string", AttributeType::String), ("number", AttributeType::Number), ("binary", AttributeType::Binary)];
    let attribute_type =
        block.required(reading, "type", "`string`, `number` or `binary`", |reading, place, path| reading.choice(place, path, &types));
    block.finish(reading);
    let name = name?;
    if name.value.is_empty() || name.value.len() > 255 {
        let problem = Problem::new(codes::TABLE_ATTRIBUTE, "the name of a key attribute has 1 to 255 characters");
        reading.problems.push(problem.at(name.span, "wrong length").help("shorten it"));
    }
    Some(KeyAttribute { name: name.value, attribute_type: attribute_type?.value })
}

fn later(reading: &mut Reading, span: Span, path: &str, help: &str) {
    let problem = Problem::new(codes::TABLE_NOT_BUILT, format!("`{path}` is not built by this version of mrctl yet"));
    reading.problems.push(problem.at(span, "not built yet").help(help));
}
