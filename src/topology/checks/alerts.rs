//! The section `alerts`: who is told.
use indexmap::IndexMap;

use super::{
    alarm_names::{gateways, placed},
    own_keys::{Encrypted, arn},
};
use crate::topology::{
    alarms::values,
    codes::{self, Code},
    decode::{Draft, KeysDraft},
    node::shortened,
    placeholders,
    report::{At, Problem},
    suggest,
};

/// Of an address, and of the part before the `@` (RFC 5321 section 4.5.3.1).
const LONGEST_ADDRESS: usize = 254;
const LONGEST_LOCAL_PART: usize = 64;
/// What SNS takes of a URL.
const LONGEST_URL: usize = 2048;

/// What a topic has subscribed is remembered in its tags, which hold 112 digests; when all are exchanged for others, both stand there
/// for a moment, and some may wait to be confirmed.
const MOST_SUBSCRIBERS: usize = 50;

pub fn alerts(draft: &Draft, table_names: &IndexMap<String, String>, problems: &mut Vec<Problem>) {
    let Some(At { value: alerts, span }) = &draft.alerts else { return };
    if draft.alarms.is_empty() && !draft.alarms_unreadable {
        problems.push(
            Problem::new(codes::ALERTS_UNUSED, "there are no alarms that anybody could be told of")
                .at(*span, "does nothing")
                .help("add the section `alarms`"),
        );
    }
    for email in alerts.emails.iter().filter(|email| !is_address(&email.value)) {
        problems.push(
            Problem::new(codes::ALERTS_EMAIL, format!("`{}` is not an e-mail address", shortened(&email.value)))
                .at(email.span, "not an address")
                .help("write it as `ops@example.com`"),
        );
    }
    for url in &alerts.https {
        if let Some(wrong) = wrong_url(&url.value) {
            // It may hold a key, so the message does not repeat it.
            let problem = Problem::new(codes::ALERTS_URL, "SNS cannot call this URL").at(url.span, wrong);
            problems.push(problem.help("write it as `https://hooks.example.com/alerts`"));
        }
    }
    for arn in &alerts.arns {
        let before = problems.len();
        let filled = placeholders::fill(arn, &values(draft, table_names, "`alerts.arns`"), problems);
        if let Some(wrong) = filled.filter(|_| problems.len() == before).and_then(|filled| wrong_arn(&filled)) {
            problems.push(
                Problem::new(codes::ALERTS_ARN, format!("a topic cannot tell `{}`", shortened(&arn.value)))
                    .at(arn.span, wrong)
                    .help("write the ARN of a queue or a function: `arn:aws:sqs:{region}:{account}:alerts`, `arn:aws:lambda:{region}:{account}:function:alerts`"),
            );
        }
    }
    let all = alerts.emails.iter().chain(&alerts.https).chain(&alerts.arns);
    if let (many, Some(first_too_many)) = (all.clone().count(), all.clone().nth(MOST_SUBSCRIBERS)) {
        problems.push(
            Problem::new(codes::ALERTS_TOO_MANY, format!("{many} are to be told, and a topic tells at most {MOST_SUBSCRIBERS}"))
                .at(first_too_many.span, "one too many")
                .help("tell a mailing list, a queue or a function that tells the others"),
        );
    }
    once(codes::ALERTS_EMAIL, "this address", &alerts.emails, problems);
    once(codes::ALERTS_URL, "this URL", &alerts.https, problems);
    once(codes::ALERTS_ARN, "this ARN", &alerts.arns, problems);
    if let Some(keys) = &alerts.encryption {
        encryption(draft, keys, problems);
    }
}

fn encryption(draft: &Draft, keys: &KeysDraft, problems: &mut Vec<Problem>) {
    let code = codes::ALERTS_ENCRYPTION;
    let topics = topics(draft);
    for (region, key) in &keys.keys {
        if !topics.is_empty() && !topics.contains(&region.value.as_str()) {
            let text = format!("`encryption` names `{}`, where no alarm stands", shortened(&region.value));
            let problem = Problem::new(code, text).at(region.span, "no topic here");
            problems.push(problem.help(suggest::help(&region.value, "regions with alarms", &topics)));
        }
        if let Some(key) = key {
            arn(&Encrypted { code, what: "topic", member: "topic", members: &topics, help: "" }, &region.value, key, problems);
        }
    }
    let without: Vec<&str> = topics.into_iter().filter(|topic| !keys.keys.iter().any(|(region, _)| region.value == *topic)).collect();
    if !without.is_empty() {
        problems.push(
            Problem::new(code, format!("`encryption` has no key for {}", suggest::list(&without)))
                .at(keys.key, "keys are for every region with a topic")
                .help("give a key for each region that has alarms, us-east-1 for those on health checks, or remove `encryption`"),
        );
    }
}

/// The regions with a topic, those of the file in its order.
fn topics(draft: &Draft) -> Vec<&str> {
    let placed = draft.alarms.iter().flat_map(|alarm| placed(draft, alarm, |region| gateways(draft, region)));
    let stand: Vec<String> = placed.map(|placement| placement.stands.to_string()).collect();
    let mut topics: Vec<&str> = draft.region_codes().into_iter().filter(|code| stand.iter().any(|region| region == code)).collect();
    // Alarms stand in regions of the file, or in this one.
    let elsewhere = "us-east-1";
    if stand.iter().any(|region| region == elsewhere) && !topics.contains(&elsewhere) {
        topics.push(elsewhere);
    }
    topics
}

/// Nobody is told apart from another by the case of their address; paths of URLs and names in ARNs are.
fn alike(one: &str, other: &str) -> bool {
    if one.contains("://") || one.starts_with("arn:") { one == other } else { one.eq_ignore_ascii_case(other) }
}

fn once(code: Code, what: &str, list: &[At<String>], problems: &mut Vec<Problem>) {
    for (index, again) in list.iter().enumerate() {
        if let Some(first) = list[..index].iter().find(|other| alike(&other.value, &again.value)) {
            problems.push(
                Problem::new(code, format!("{what} is listed twice"))
                    .at(again.span, "again here")
                    .at(first.span, "first here")
                    .help("remove one of the two"),
            );
        }
    }
}

fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let possible = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let dots = |part: &str| !part.starts_with('.') && !part.ends_with('.') && !part.contains("..");
    text.len() <= LONGEST_ADDRESS
        && !local.is_empty()
        && local.len() <= LONGEST_LOCAL_PART
        && local.chars().all(possible)
        && dots(local)
        && domain.contains('.')
        && is_host(domain)
}

fn is_host(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').all(|label| {
            let inside = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            inside && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
        })
}

fn wrong_url(text: &str) -> Option<&'static str> {
    let Some(rest) = text.strip_prefix("https://") else { return Some("must begin with `https://`") };
    if text.len() > LONGEST_URL {
        return Some("has more than 2048 characters");
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some("may have only printable ASCII characters, and no spaces");
    }
    if text.contains('#') {
        return Some("has a part after `#`, which is never sent");
    }
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let address = authority.rsplit_once('@').map_or(authority, |(_, address)| address);
    let (host, port) = address.split_once(':').unwrap_or((address, "443"));
    if !is_host(host) {
        return Some("has no host");
    }
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0);
    (!is_port).then_some("has a port that is none")
}

/// The region and the account may still be placeholders.
fn wrong_arn(arn: &str) -> Option<&'static str> {
    let parts: Vec<&str> = arn.split(':').collect();
    let account = |text: &str| text == "{account}" || text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    let region = |text: &str| text == "{region}" || super::regions::well_formed(text);
    let name = |text: &str, most: usize| {
        let possible = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let text = text.replace("{region}", "us-east-1").replace("{account}", "123456789012");
        !text.is_empty() && text.len() <= most && text.chars().all(possible)
    };
    let [first, partition, service, of, owner, rest @ ..] = parts.as_slice() else { return Some("is not an ARN") };
    if *first != "arn" || !partition.starts_with("aws") {
        return Some("is not an ARN");
    }
    match (*service, rest) {
        ("sqs" | "lambda", _) if !region(of) => Some("has no region"),
        ("sqs" | "lambda", _) if !account(owner) => Some("has no account of twelve digits"),
        ("sqs", [queue]) if queue.ends_with(".fifo") => Some("a FIFO queue takes nothing from a standard topic"),
        ("sqs", [queue]) if name(queue, 80) => None,
        ("lambda", ["function", function]) if name(function, 64) => None,
        ("lambda", ["function", function, version]) if name(function, 64) && (*version == "$LATEST" || name(version, 128)) => None,
        ("sns", _) => Some("a topic cannot tell a topic: alarms tell the one of their own region"),
        ("sqs" | "lambda", _) => Some("is not the ARN of a queue or a function"),
        _ => Some("is neither a queue nor a function"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_tells_paths_and_names_apart_but_no_addresses() {
        assert!(alike("ops@example.com", "Ops@Example.com"));
        assert!(!alike("https://h.example.com/AbC", "https://h.example.com/aBc"));
        assert!(!alike("arn:aws:sqs:{region}:{account}:Pager", "arn:aws:sqs:{region}:{account}:pager"));
    }

    #[test]
    fn addresses() {
        for good in ["ops@example.com", "o.p-s+eu@mail.example.co.uk", "o'neil@example.com"] {
            assert!(is_address(good), "{good}");
        }
        for bad in [
            "ops",
            "ops@",
            "@example.com",
            "ops@example",
            "ops@exa mple.com",
            "o ps@example.com",
            ".ops@example.com",
            "ö@example.com",
            "a@b@",
        ] {
            assert!(!is_address(bad), "{bad}");
        }
    }

    #[test]
    fn urls() {
        for good in ["https://hooks.example.com", "https://hooks.example.com:8443/a/b?key=1", "https://user:pass@hooks.example.com/x"] {
            assert_eq!(wrong_url(good), None, "{good}");
        }
        for bad in [
            "http://a.example.com",
            "https://",
            "https:///x",
            "https://a b.com",
            "https://a.com/#x",
            "https://a.com:0/",
            "https://a.com:x",
            "HTTPS://a.com",
        ] {
            assert!(wrong_url(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn arns() {
        for good in [
            "arn:aws:sqs:{region}:{account}:alerts",
            "arn:aws:sqs:eu-west-1:123456789012:alerts-{region}",
            "arn:aws:lambda:{region}:123456789012:function:alerts",
            "arn:aws:lambda:us-east-1:123456789012:function:alerts:live",
            "arn:aws:lambda:us-east-1:123456789012:function:alerts:$LATEST",
        ] {
            assert_eq!(wrong_arn(good), None, "{good}");
        }
        for bad in [
            "",
            "alerts",
            "arn:aws:sns:us-east-1:123456789012:alerts",
            "arn:aws:sqs:us-east-1:123456789012:alerts.fifo",
            "arn:aws:sqs::123456789012:alerts",
            "arn:aws:sqs:us-east-1:1234:alerts",
            "arn:aws:sqs:us-east-1:123456789012:",
            "arn:aws:sqs:us-east-1:123456789012:a:b",
            "arn:aws:lambda:us-east-1:123456789012:layer:x",
            "arn:aws:s3:::bucket",
            "arn:aws:firehose:us-east-1:123456789012:deliverystream/x",
        ] {
            assert!(wrong_arn(bad).is_some(), "{bad}");
        }
    }
}
