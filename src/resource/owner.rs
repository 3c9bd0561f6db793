//! Ownership marks: how a resource says that it is ours. There is no state file; this is all mrctl remembers.
use std::collections::{BTreeMap, BTreeSet};

use super::{Addr, doc::Tags};

/// The stack's name. Nothing without it is ever changed or deleted.
pub const STACK: &str = "mrctl:stack";
/// The resource's address.
pub const RESOURCE: &str = "mrctl:resource";
/// The tag keys that came from the file: sorted, joined by a space, going on in `mrctl:keys-2` to `-4`.
pub const KEYS: [&str; 4] = ["mrctl:keys", "mrctl:keys-2", "mrctl:keys-3", "mrctl:keys-4"];
/// The console's own label.
pub const NAME: &str = "Name";
/// Characters in a tag value (the strictest of EC2, ELB, IAM, ECS, ACM, Logs and RDS).
pub const LONGEST_VALUE: usize = 256;

/// Whose resources these are.
#[derive(Clone, Debug, Default)]
pub struct Owner {
    pub stack: String,
    /// The file's `tags`.
    pub tags: BTreeMap<String, String>,
}

impl Owner {
    /// The tags a resource is wanted with.
    #[must_use]
    pub fn wanted(&self, name: &str) -> Tags {
        let mut all = self.tags.clone();
        all.insert(NAME.to_owned(), name.to_owned());
        Tags { all, keys: self.tags.keys().cloned().collect(), marked: true, stack: Some(self.stack.clone()) }
    }

    /// Everything to send in a create call: the marks and the wanted tags.
    #[must_use]
    pub fn to_send(&self, addr: &Addr, wanted: &Tags) -> BTreeMap<String, String> {
        let mut all = wanted.all.clone();
        all.insert(STACK.to_owned(), self.stack.clone());
        all.insert(RESOURCE.to_owned(), mark_of(addr));
        all.extend(pack(&wanted.keys));
        all
    }

    /// What to set and which keys to remove so that a found resource carries the wanted tags and marks.
    #[must_use]
    pub fn to_change(&self, addr: &Addr, found: &Tags, wanted: &Tags) -> (BTreeMap<String, String>, Vec<String>) {
        let send = self.to_send(addr, wanted);
        let mut remove: Vec<String> =
            found.keys.iter().filter(|key| !wanted.all.contains_key(*key) && found.all.contains_key(*key)).cloned().collect();
        let before = pack(&found.keys);
        remove.extend(before.keys().filter(|key| !send.contains_key(*key)).cloned());
        let set = send.into_iter().filter(|(key, value)| {
            let now = found.all.get(key).or_else(|| before.get(key));
            let is_mark = key == STACK || key == RESOURCE;
            if is_mark { !found.marked } else { now != Some(value) }
        });
        (set.collect(), remove)
    }
}

/// Whose a found resource is, and its tags without the marks.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    pub stack: Option<String>,
    pub addr: Option<Addr>,
    pub tags: Tags,
}

/// Reads the raw tags of a resource. Tags that AWS itself sets (`aws:`) are left out.
pub fn read<'a>(raw: impl IntoIterator<Item = (&'a str, &'a str)>) -> Marks {
    let mut all: BTreeMap<String, String> = raw.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let stack = all.remove(STACK);
    let addr = all.remove(RESOURCE).and_then(|text| text.replace("_wildcard", "*").parse().ok());
    let keys: BTreeSet<String> = KEYS
        .iter()
        .filter_map(|key| all.remove(*key))
        .flat_map(|value| value.split(' ').filter(|key| !key.is_empty()).map(str::to_owned).collect::<Vec<_>>())
        .collect();
    all.retain(|key, _| !key.starts_with("aws:"));
    let marked = stack.is_some();
    Marks { stack: stack.clone(), addr, tags: Tags { all, keys, marked, stack } }
}

impl Marks {
    /// The address, when the resource belongs to that stack.
    #[must_use]
    pub fn addr_in(&self, stack: &str) -> Option<&Addr> {
        self.addr.as_ref().filter(|_| self.stack.as_deref() == Some(stack))
    }
}

/// The address as a tag value: `*` is not allowed there by several services.
fn mark_of(addr: &Addr) -> String {
    addr.to_string().replace('*', "_wildcard")
}

/// Spreads the remembered keys over as many `mrctl:keys` tags as they need; what does not fit four is refused by `validate`.
fn pack(keys: &BTreeSet<String>) -> BTreeMap<String, String> {
    let mut values: Vec<String> = Vec::new();
    for key in keys {
        match values.last_mut().filter(|value| value.len() + 1 + key.len() <= LONGEST_VALUE) {
            Some(value) => {
                value.push(' ');
                value.push_str(key);
            }
            None => values.push(key.clone()),
        }
    }
    KEYS.iter().map(|key| (*key).to_owned()).zip(values).collect()
}

/// Whether the file's tag keys can be remembered at all.
#[must_use]
pub fn fits(keys: &BTreeSet<String>) -> bool {
    let packed = pack(keys);
    let remembered: usize = packed.values().map(|value| value.split(' ').count()).sum();
    remembered == keys.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner() -> Owner {
        Owner { stack: "shop".into(), tags: [("team".to_owned(), "payments".to_owned())].into() }
    }

    #[test]
    fn what_is_sent_is_what_is_read() {
        let addr: Addr = "eu-west-1/route53.record/*.example.com".parse().unwrap();
        let wanted = owner().wanted("shop-api");
        let sent = owner().to_send(&addr, &wanted);
        assert_eq!(sent["mrctl:resource"], "eu-west-1/route53.record/_wildcard.example.com");
        let read = read(sent.iter().map(|(k, v)| (k.as_str(), v.as_str())));
        assert_eq!(read.addr_in("shop"), Some(&addr));
        assert_eq!(read.addr_in("other"), None);
        assert_eq!(read.tags, wanted);
        assert_eq!(owner().to_change(&addr, &read.tags, &wanted), (BTreeMap::new(), vec![]));
    }

    #[test]
    fn an_unmarked_member_gets_every_mark_and_a_forgotten_key_goes() {
        let addr: Addr = "eu-west-1/dynamodb.table/Orders".parse().unwrap();
        let (set, remove) = owner().to_change(&addr, &Tags::default(), &owner().wanted("x"));
        assert_eq!(set.keys().collect::<Vec<_>>(), ["Name", "mrctl:keys", "mrctl:resource", "mrctl:stack", "team"]);
        assert!(remove.is_empty());
        let found = Tags {
            all: [("team".into(), "payments".into()), ("Name".into(), "x".into())].into(),
            keys: ["team".into()].into(),
            marked: true,
            stack: Some("shop".into()),
        };
        let bare = Owner { stack: "shop".into(), tags: BTreeMap::new() };
        let (set, remove) = bare.to_change(&addr, &found, &bare.wanted("x"));
        assert!(set.is_empty(), "{set:?}");
        assert_eq!(remove, ["team", "mrctl:keys"]);
    }

    #[test]
    fn keys_go_on_in_further_tags_and_too_many_do_not_fit() {
        let many = |n: usize| (0..n).map(|i| format!("{i:0>100}")).collect::<BTreeSet<_>>();
        assert_eq!(pack(&many(4)).len(), 2);
        assert!(fits(&many(8)));
        assert!(!fits(&many(9)));
    }
}
