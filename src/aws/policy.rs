//! IAM policy documents: written, and read back in one form.
//!
//! IAM gives documents url-encoded and re-serialised, lists in any order and lists of one as a plain value (field guide 1.6), so two
//! documents are compared by what they say: statement by statement, each list sorted, names of statements left out.
use serde_json::{Map, Value, json};

use crate::resource::{Doc, Unordered};

/// The only version there is but for one from 2008 without policy variables (IAM user guide, "IAM JSON policy elements: Version").
const VERSION: &str = "2012-10-17";

/// One statement that allows actions on resources.
#[must_use]
pub fn allow(actions: &[&str], resources: &[String]) -> Doc {
    normal(&json!({ "Effect": "Allow", "Action": actions, "Resource": resources }))
}

/// The same, only for what an AWS service does with the caller's rights: `services` are its names in `kms:ViaService`.
#[must_use]
pub fn allow_through(services: &[String], actions: &[&str], resources: &[String]) -> Doc {
    let condition = json!({ "StringEquals": { "kms:ViaService": services } });
    normal(&json!({ "Effect": "Allow", "Action": actions, "Resource": resources, "Condition": condition }))
}

/// The trust policy that lets one AWS service take on a role.
#[must_use]
pub fn trusted(service: &str) -> Unordered<Doc> {
    Unordered(vec![normal(&json!({ "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole" }))])
}

/// The document that says these statements.
#[must_use]
pub fn written(statements: &Unordered<Doc>) -> String {
    json!({ "Version": VERSION, "Statement": statements.0 }).to_string()
}

/// The statements of a document as IAM gives it. One that does not read is a statement of its own, so that it differs from
/// whatever is wanted.
#[must_use]
pub fn read(text: &str) -> Unordered<Doc> {
    let document: Option<Value> = serde_json::from_str(text).or_else(|_| serde_json::from_str(&decoded(text))).ok();
    let Some(document) = document else { return Unordered(vec![json!({ "Unreadable": text })]) };
    let mut statements: Vec<Doc> = match document.get("Statement") {
        Some(Value::Array(all)) => all.iter().map(normal).collect(),
        Some(one) => vec![normal(one)],
        None => Vec::new(),
    };
    if document.get("Version").and_then(Value::as_str) != Some(VERSION) {
        statements.push(json!({ "Version": document.get("Version") }));
    }
    Unordered(statements)
}

fn normal(statement: &Value) -> Doc {
    let Some(fields) = statement.as_object() else { return statement.clone() };
    let fields = fields.iter().filter(|(key, _)| *key != "Sid");
    let plain = |key: &str, value: &Value| match key {
        "Action" | "NotAction" | "Resource" | "NotResource" => sorted(value),
        "Principal" | "NotPrincipal" => below(value, &sorted),
        "Condition" => below(value, &|operator| below(operator, &sorted)),
        _ => value.clone(),
    };
    Value::Object(fields.map(|(key, value)| (key.clone(), plain(key, value))).collect())
}

fn below(value: &Value, each: &dyn Fn(&Value) -> Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(map.iter().map(|(key, value)| (key.clone(), each(value))).collect::<Map<_, _>>()),
        other => other.clone(),
    }
}

/// A list of texts, sorted and each once; a plain value is a list of one.
fn sorted(value: &Value) -> Value {
    let as_text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut texts: Vec<String> = match value {
        Value::Array(all) => all.iter().map(as_text).collect(),
        one => vec![as_text(one)],
    };
    texts.sort();
    texts.dedup();
    json!(texts)
}

/// `%7B` and the like. What is no such escape stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        let digits = more.get(..2).and_then(|digits| std::str::from_utf8(digits).ok()).filter(|_| *first == b'%');
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &more[2..];
            }
            None => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::doc::diff;

    fn differ(one: &str, other: &str) -> bool {
        let doc = |text| json!({ "policy": read(text) });
        !diff(&doc(one), &doc(other)).is_empty()
    }

    #[test]
    fn documents_are_compared_by_what_they_say() {
        let wanted = r#"{"Version":"2012-10-17","Statement":[
            {"Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:Query"],"Resource":["b","a"]},
            {"Effect":"Allow","Action":["s3:GetObject"],"Resource":["c"]}]}"#;
        let encoded: String = wanted.bytes().map(|byte| format!("%{byte:02X}")).collect();
        assert!(!differ(wanted, &encoded));
        let again = r#"{"Version":"2012-10-17","Statement":[
            {"Sid":"x","Effect":"Allow","Action":"s3:GetObject","Resource":"c"},
            {"Effect":"Allow","Resource":["a","b"],"Action":["dynamodb:Query","dynamodb:GetItem"]}]}"#;
        assert!(!differ(wanted, again));
        assert!(!differ(wanted, &written(&read(wanted))));
        for other in [
            wanted.replace("GetItem", "PutItem"),
            wanted.replace("Allow\",\"Action\":[\"s3", "Deny\",\"Action\":[\"s3"),
            wanted.replace("2012-10-17", "2008-10-17"),
            wanted.replace("\"Resource\":[\"c\"]", "\"Resource\":[\"c\"],\"Condition\":{\"Bool\":{\"aws:SecureTransport\":\"true\"}}"),
            "no document".to_owned(),
        ] {
            assert!(differ(wanted, &other), "{other}");
        }
    }

    #[test]
    fn principals_and_conditions_have_no_order_either() {
        let one = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":["b","a"]},"Action":"sts:AssumeRole",
            "Condition":{"StringEquals":{"aws:SourceAccount":["2","1"]}}}}"#;
        let other = one.replace(r#"["b","a"]"#, r#"["a","b"]"#).replace(r#"["2","1"]"#, r#"["1","2"]"#);
        assert!(!differ(one, &other));
        assert!(differ(one, &one.replace("\"b\"", "\"c\"")));
        let plain = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"x"},"Action":"sts:AssumeRole"}]}"#;
        assert!(diff(&json!({ "trust": trusted("x") }), &json!({ "trust": read(plain) })).is_empty());
    }
}
