//! How `per_region` changes a block: maps key by key, lists and scalars replace, `null` restores the default.
use super::node::{Entry, Node, Value};

/// The entries of a block as they are in a region.
#[must_use]
pub fn merge(base: &[Entry], over: &[Entry]) -> Vec<Entry> {
    let mut merged = base.to_vec();
    for change in over {
        let at = merged.iter().position(|entry| entry.key.value == change.key.value);
        // Null takes the key away, so that the reader finds nothing and uses the default.
        if change.value.is_null() {
            if let Some(at) = at {
                merged.remove(at);
            }
            continue;
        }
        match at {
            Some(at) => merged[at] = Entry { key: change.key.clone(), value: merged_value(&merged[at].value, &change.value) },
            None => merged.push(change.clone()),
        }
    }
    merged
}

fn merged_value(base: &Node, over: &Node) -> Node {
    match (&base.value, &over.value) {
        (Value::Map(base), Value::Map(entries)) => Node { span: over.span, value: Value::Map(merge(base, entries)) },
        _ => over.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::node::read;

    fn plain(node: &Node) -> String {
        match &node.value {
            Value::Scalar { text, .. } => text.clone(),
            Value::List(items) => format!("[{}]", items.iter().map(plain).collect::<Vec<_>>().join(",")),
            Value::Map(entries) => entries.iter().map(|e| format!("{}={};", e.key.value, plain(&e.value))).collect(),
        }
    }

    fn merged(base: &str, over: &str) -> String {
        let (base, over) = (read(base).0.unwrap(), read(over).0.unwrap());
        plain(&merged_value(&base, &over))
    }

    #[test]
    fn maps_merge_others_replace_and_null_restores() {
        assert_eq!(merged("{a: 1, b: 2}", "{b: 3, c: 4}"), "a=1;b=3;c=4;");
        assert_eq!(merged("{a: {x: 1, y: 2}}", "{a: {y: 3}}"), "a=x=1;y=3;;");
        assert_eq!(merged("{a: [1, 2]}", "{a: [3]}"), "a=[3];");
        assert_eq!(merged("{a: 1, b: 2}", "{a: null}"), "b=2;");
        assert_eq!(merged("{a: {x: 1}}", "{a: 5}"), "a=5;");
    }
}
