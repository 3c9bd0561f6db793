//! Strong consistency: what DynamoDB asks of the regions and settings of such a table.
use super::tables::member_codes;
use crate::topology::{
    codes,
    decode::{Draft, TableDraft},
    model::Consistency,
    node::shortened,
    report::{At, Problem, Span},
    suggest,
};

/// The sets of regions between which a table can be strongly consistent (field guide 3.3 item 3).
const SETS: [&[&str]; 3] = [
    &["us-east-1", "us-east-2", "us-west-2"],
    &["eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1"],
    &["ap-northeast-1", "ap-northeast-2", "ap-northeast-3"],
];

pub fn strong(draft: &Draft, table: &TableDraft, problems: &mut Vec<Problem>) {
    let mut refuse = |message: String, span: Span, label: &str, help: String| {
        problems.push(Problem::new(codes::TABLE_STRONG, message).at(span, label).help(help));
    };
    let key = shortened(&table.key.value);
    let Some(At { span, .. }) = table.consistency.as_ref().filter(|consistency| consistency.value == Consistency::Strong) else {
        if let Some(witness) = &table.witness {
            let message = format!("the table `{key}` is not strongly consistent and has no use for a witness");
            refuse(message, witness.span, "a witness", "remove `witness`, or write `consistency: strong`".to_owned());
        }
        return;
    };
    let span = *span;
    let members = member_codes(draft, table);
    let witness = table.witness.as_ref().map(|witness| witness.value.as_str());
    if members.len() + usize::from(witness.is_some()) != 3 && !members.is_empty() {
        let with = if witness.is_some() { " and a witness" } else { "" };
        let message = format!("a strongly consistent table is in three regions, `{key}` is in {}{with}", members.len());
        let help = "list three regions in `regions`, or two and a `witness` in a third; or write `consistency: eventual`";
        refuse(message, span, "needs three regions, or two and a witness", help.to_owned());
    }
    if let Some(At { value, span }) = &table.witness
        && members.contains(&value.as_str())
    {
        let message = format!("the witness cannot be in `{value}`, where the table has a member");
        refuse(message, *span, "has a member", "name another region of the same set".to_owned());
    }
    let all: Vec<&str> = members.iter().copied().chain(witness).collect();
    let set = SETS.iter().find(|set| all.first().is_some_and(|first| set.contains(first)));
    let strange = all.iter().find(|code| set.is_none_or(|set| !set.contains(code)));
    if let Some(strange) = strange {
        let at = table.witness.as_ref().filter(|witness| witness.value == **strange).map_or(span, |witness| witness.span);
        let message = match set {
            Some(_) => format!("a strongly consistent table cannot span `{}` and `{}`", all[0], shortened(strange)),
            None => format!("a strongly consistent table cannot be in `{}`", shortened(strange)),
        };
        let sets: Vec<String> = SETS.iter().map(|set| suggest::list(set)).collect();
        refuse(message, at, "all three regions are of one set", format!("the sets are {}", sets.join("; ")));
    }
    if let Some(attribute) = &table.ttl_attribute {
        let message = format!("items of the strongly consistent table `{key}` cannot expire");
        refuse(message, attribute.span, "not with `consistency: strong`", "remove `ttl_attribute`".to_owned());
    }
    if let Some(local) = table.indexes.iter().find(|index| index.is_local()) {
        let message = format!("the strongly consistent table `{key}` cannot have local indexes");
        refuse(message, local.name.span, "a local index", "make the index global, or remove it".to_owned());
    }
}
