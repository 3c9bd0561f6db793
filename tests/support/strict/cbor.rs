//! CBOR, as CloudWatch is spoken to (RFC 8949), read into JSON and written from it.
use serde_json::{Map, Number, Value, json};

/// A body as JSON; nothing when it is no CBOR. Bytes and simple values are null.
pub fn read(mut bytes: &[u8]) -> Option<Value> {
    item(&mut bytes)?
}

fn take<'a>(bytes: &mut &'a [u8], many: usize) -> Option<&'a [u8]> {
    let (head, rest) = bytes.split_at_checked(many)?;
    *bytes = rest;
    Some(head)
}

/// The inner nothing is the end of something of no stated length.
#[allow(clippy::option_option)]
fn item(bytes: &mut &[u8]) -> Option<Option<Value>> {
    let first = take(bytes, 1)?[0];
    let (major, short) = (first >> 5, first & 31);
    let argument = match short {
        0..=23 => Some(u64::from(short)),
        24 => Some(u64::from(take(bytes, 1)?[0])),
        25 => Some(u64::from(u16::from_be_bytes(take(bytes, 2)?.try_into().ok()?))),
        26 => Some(u64::from(u32::from_be_bytes(take(bytes, 4)?.try_into().ok()?))),
        27 => Some(u64::from_be_bytes(take(bytes, 8)?.try_into().ok()?)),
        31 => None,
        _ => return None,
    };
    let many = argument.map_or(usize::MAX, |many| usize::try_from(many).unwrap_or(usize::MAX));
    Some(Some(match (major, argument) {
        (0, Some(number)) => json!(number),
        (1, Some(number)) => json!(-1 - i64::try_from(number).ok()?),
        (2 | 3, Some(_)) => {
            let text = take(bytes, many)?;
            if major == 3 { json!(std::str::from_utf8(text).ok()?) } else { Value::Null }
        }
        (2 | 3, None) => {
            let mut whole = String::new();
            while let Some(part) = item(bytes)? {
                whole.push_str(part.as_str().unwrap_or_default());
            }
            json!(whole)
        }
        (4, _) => {
            let mut all = Vec::new();
            while all.len() < many {
                match item(bytes)? {
                    Some(one) => all.push(one),
                    None => break,
                }
            }
            json!(all)
        }
        (5, _) => {
            let mut all = Map::new();
            let mut seen = 0;
            while seen < many {
                let Some(key) = item(bytes)? else { break };
                all.insert(key.as_str()?.to_owned(), item(bytes)??);
                seen += 1;
            }
            Value::Object(all)
        }
        (6, Some(_)) => item(bytes)??,
        (7, Some(number)) => match short {
            20 => json!(false),
            21 => json!(true),
            26 => json!(f32::from_bits(u32::try_from(number).ok()?)),
            27 => json!(f64::from_bits(number)),
            _ => Value::Null,
        },
        (7, None) => return Some(None),
        _ => return None,
    }))
}

/// JSON as CBOR.
pub fn write(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    put(value, &mut out);
    out
}

fn head(major: u8, number: u64, out: &mut Vec<u8>) {
    out.push(major << 5 | 27);
    out.extend(number.to_be_bytes());
}

fn put(value: &Value, out: &mut Vec<u8>) {
    let length = |many: usize| u64::try_from(many).unwrap_or_default();
    match value {
        Value::Null => out.push(0xf6),
        Value::Bool(on) => out.push(if *on { 0xf5 } else { 0xf4 }),
        Value::Number(number) => put_number(number, out),
        Value::String(text) => {
            head(3, length(text.len()), out);
            out.extend(text.bytes());
        }
        Value::Array(all) => {
            head(4, length(all.len()), out);
            all.iter().for_each(|one| put(one, out));
        }
        Value::Object(all) => {
            head(5, length(all.len()), out);
            for (key, one) in all {
                put(&json!(key), out);
                put(one, out);
            }
        }
    }
}

fn put_number(number: &Number, out: &mut Vec<u8>) {
    match (number.as_u64(), number.as_i64()) {
        (Some(number), _) => head(0, number, out),
        (None, Some(number)) => head(1, u64::try_from(-1 - number).unwrap_or_default(), out),
        (None, None) => {
            out.push(0xfb);
            out.extend(number.as_f64().unwrap_or_default().to_be_bytes());
        }
    }
}

#[test]
fn what_is_written_is_read() {
    let value = json!({ "a": [1, -5, 2.5, true, null, "ü"], "b": { "c": [] } });
    assert_eq!(read(&write(&value)), Some(value));
    // {_ "a": [_ 1, 2], "b": (_ "x", "y"), "c": 1(0.5 as f32)}, as RFC 8949 writes what has no stated length.
    let open =
        [0xbf, 0x61, b'a', 0x9f, 1, 2, 0xff, 0x61, b'b', 0x7f, 0x61, b'x', 0x61, b'y', 0xff, 0x61, b'c', 0xc1, 0xfa, 0x3f, 0, 0, 0, 0xff];
    assert_eq!(read(&open), Some(json!({ "a": [1, 2], "b": "xy", "c": 0.5 })));
    assert_eq!(read(&[0x62, b'a']), None);
}
