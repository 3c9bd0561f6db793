//! KMS keys of the user's own, one in each region of what they encrypt.
use crate::topology::{
    codes::Code,
    decode::KeysDraft,
    node::shortened,
    report::{At, Problem},
    suggest,
};

/// What is encrypted.
pub struct Encrypted<'a> {
    pub code: Code,
    /// For messages: "table", "database".
    pub what: &'a str,
    /// What it has in each of its regions.
    pub member: &'a str,
    /// Its regions.
    pub members: &'a [&'a str],
    /// What to do when a region has no key.
    pub help: &'a str,
}

pub fn own_keys(keys: &KeysDraft, encrypted: &Encrypted<'_>, problems: &mut Vec<Problem>) {
    let Encrypted { code, what, member, members, help } = *encrypted;
    for (region, key) in &keys.keys {
        if !members.is_empty() && !members.contains(&region.value.as_str()) {
            let text = format!("`encryption` names `{}`, where the {what} has no {member}", shortened(&region.value));
            let problem = Problem::new(code, text).at(region.span, format!("no {member} here"));
            problems.push(problem.help(suggest::help(&region.value, &format!("regions of the {what}"), members)));
        }
        if let Some(key) = key {
            arn(encrypted, &region.value, key, problems);
        }
    }
    let without: Vec<&str> = members.iter().copied().filter(|code| !keys.keys.iter().any(|(region, _)| region.value == **code)).collect();
    if !without.is_empty() {
        problems.push(
            Problem::new(code, format!("`encryption` has no key for {}", suggest::list(&without)))
                .at(keys.key, format!("keys of your own are for every region of the {what}"))
                .help(help),
        );
    }
}

/// AWS shows the ARN of a key whatever it was given, so only that can be compared (field guide 3.2 item 9).
pub fn arn(encrypted: &Encrypted<'_>, region: &str, key: &At<String>, problems: &mut Vec<Problem>) {
    let parts: Vec<&str> = key.value.split(':').collect();
    let wrong = match parts[..] {
        ["arn", partition, "kms", of, account, id] if partition.starts_with("aws") => {
            let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
            match id.strip_prefix("key/") {
                _ if !is_account => Some("has no account of twelve digits".to_owned()),
                None | Some("") => Some("is not the ARN of a key".to_owned()),
                Some(_) if of != region => Some(format!("is in `{}`", shortened(of))),
                Some(_) => None,
            }
        }
        _ => Some("is not the ARN of a key".to_owned()),
    };
    if let Some(wrong) = wrong {
        let text = format!("this key cannot encrypt the {} in {}", encrypted.what, shortened(region));
        problems.push(
            Problem::new(encrypted.code, text).at(key.span, wrong).help(format!(
                "write the ARN of a key of that region: `arn:aws:kms:{}:ACCOUNT:key/ID`; an alias is none",
                shortened(region)
            )),
        );
    }
}
