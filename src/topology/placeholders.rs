//! `{stack}`, `{account}`, `{region}` and `{tables.KEY}` in values.
//!
//! Anything else in braces is left as it is, and reported when it is close to a placeholder: a value may well contain braces of its own.
use indexmap::IndexMap;

use super::{
    codes,
    node::shortened,
    report::{At, Problem},
    suggest,
};

/// What the placeholders stand for at one place. Stack and regions are the same for the whole file.
pub struct Values<'a> {
    /// Nothing when the file's own is missing or wrong, which is reported elsewhere.
    pub stack: Option<&'a str>,
    pub account: Option<&'a str>,
    /// By key. Nothing where a table's name cannot stand: in the name of a table.
    pub tables: Option<&'a IndexMap<String, String>>,
    /// Nothing where the value is the same in all regions.
    pub region: Option<&'a str>,
    /// Whether `{account}` stays as it is when the file sets no account: a plan learns it from AWS.
    pub account_later: bool,
    /// Whether the value may have braces of its own: one that is close to a placeholder is then only doubtful.
    pub braces: bool,
    /// For messages: "the name of a table".
    pub place: &'a str,
}

/// The value with every placeholder filled in; nothing when one of them cannot be, which is then in the problems.
pub fn fill(text: &At<String>, values: &Values<'_>, problems: &mut Vec<Problem>) -> Option<String> {
    let mut filled = String::new();
    let mut failed = false;
    let mut rest = text.value.as_str();
    while let Some((before, name, after)) = next(rest) {
        filled.push_str(before);
        rest = after;
        match value_of(name, values) {
            Ok(Some(value)) => filled.push_str(value),
            Ok(None) => {
                filled.push('{');
                filled.push_str(name);
                filled.push('}');
                if let Some(near) = close_to(name, values) {
                    let code = if values.braces { codes::PLACEHOLDER_DOUBTFUL } else { codes::PLACEHOLDER_CLOSE };
                    problems.push(
                        Problem::new(code, format!("`{{{}}}` is not a placeholder", shortened(name)))
                            .at(text.span, "contains it")
                            .help(format!("did you mean `{{{near}}}`?")),
                    );
                }
            }
            Err(problem) => {
                failed = true;
                problems.push(problem.at(text.span, "contains the placeholder"));
            }
        }
    }
    filled.push_str(rest);
    (!failed).then_some(filled)
}

/// The text before the next pair of braces, what is in it, and the text after it.
fn next(text: &str) -> Option<(&str, &str, &str)> {
    let close = text.find('}')?;
    let Some(open) = text[..close].rfind('{') else {
        let (before, after) = text.split_at(close + 1);
        return next(after).map(|(middle, name, rest)| (&text[..before.len() + middle.len()], name, rest));
    };
    Some((&text[..open], &text[open + 1..close], &text[close + 1..]))
}

fn value_of<'a>(name: &str, values: &Values<'a>) -> Result<Option<&'a str>, Problem> {
    match name {
        "stack" => Ok(Some(values.stack.unwrap_or("stack"))),
        "account" if values.account.is_none() && values.account_later => Ok(Some("{account}")),
        "account" => values.account.map(Some).ok_or_else(|| {
            Problem::new(codes::PLACEHOLDER_ACCOUNT, "`{account}` has no value, because the file sets no `account`")
                .help("add `account: \"123456789012\"` at the top of the file, or write the number out")
        }),
        "region" if values.region.is_some() => Ok(values.region),
        "region" => Err(Problem::new(codes::PLACEHOLDER_REGION, format!("`{{region}}` cannot be used in {}", values.place))
            .help("the value is the same in all regions: leave the region out")),
        _ => match (name.strip_prefix("tables."), values.tables) {
            (None, _) => Ok(None),
            (Some(_), None) => {
                Err(Problem::new(codes::PLACEHOLDER_TABLE, format!("`{{{}}}` cannot be used in {}", shortened(name), values.place))
                    .help("write the name out; here only `{stack}` and `{account}` are filled in"))
            }
            (Some(key), Some(tables)) => tables.get(key).map(|name| Some(name.as_str())).ok_or_else(|| {
                let keys: Vec<&str> = tables.keys().map(String::as_str).collect();
                Problem::new(codes::PLACEHOLDER_TABLE, format!("`{{{}}}` names no table of this file", shortened(name)))
                    .help(suggest::help(key, "tables", &keys))
            }),
        },
    }
}

fn close_to(name: &str, values: &Values<'_>) -> Option<String> {
    let name = name.trim();
    if let Some((head, key)) = name.split_once('.') {
        return (values.tables.is_some() && suggest::nearest(head, ["tables"]).is_some()).then(|| format!("tables.{}", shortened(key)));
    }
    suggest::nearest(name, ["stack", "account", "region"]).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::report::Span;

    const TAG: Values<'static> =
        Values { stack: None, account: None, tables: None, region: None, account_later: false, braces: false, place: "a tag" };

    fn filled(text: &str) -> (Option<String>, Vec<&'static str>) {
        let tables = IndexMap::from([("Orders".to_owned(), "shop-Orders".to_owned())]);
        let values = Values { stack: Some("shop"), account: Some("123456789012"), tables: Some(&tables), ..TAG };
        let mut problems = Vec::new();
        let text = fill(&At { value: text.to_owned(), span: Span::default() }, &values, &mut problems);
        (text, problems.iter().map(|problem| problem.code).collect())
    }

    #[test]
    fn placeholders_are_filled_and_other_braces_stay() {
        let fine = |text: &str, wanted: &str| assert_eq!(filled(text), (Some(wanted.to_owned()), vec![]), "{text}");
        fine("{stack}-x-{account}", "shop-x-123456789012");
        fine("{tables.Orders}", "shop-Orders");
        fine("a}b{stack}c}", "a}bshopc}");
        fine("{ {stack}", "{ shop");
        fine("{}", "{}");
        fine("{anything}", "{anything}");
        fine("é{stack}é", "éshopé");
    }

    #[test]
    fn what_differs_from_region_to_region_knows_its_region_and_learns_its_account() {
        let values = Values { region: Some("eu-west-1"), account_later: true, braces: true, ..TAG };
        let mut problems = Vec::new();
        let text = At { value: "{account}.{region}.{regoin}.{\"a\": 1}".to_owned(), span: Span::default() };
        assert_eq!(fill(&text, &values, &mut problems).as_deref(), Some("{account}.eu-west-1.{regoin}.{\"a\": 1}"));
        assert_eq!(problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), ["placeholder::doubtful"]);
    }

    #[test]
    fn near_misses_are_named_and_what_cannot_be_filled_fails() {
        assert_eq!(filled("{Stack}"), (Some("{Stack}".to_owned()), vec!["placeholder::close"]));
        assert_eq!(filled("{acount}"), (Some("{acount}".to_owned()), vec!["placeholder::close"]));
        assert_eq!(filled("{table.Orders}"), (Some("{table.Orders}".to_owned()), vec!["placeholder::close"]));
        assert_eq!(filled("{region}"), (None, vec!["placeholder::region"]));
        assert_eq!(filled("{tables.Ordres}"), (None, vec!["placeholder::table"]));
    }
}
