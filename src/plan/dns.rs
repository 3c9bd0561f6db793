//! Whether the hosted zone that a topology refers to is there and fit for its records. Pure.
use super::{Finding, Severity};
use crate::{resource::Addr, topology::Model};

/// What was seen of the zones that have the name of `dns.zone`, and of what stands in the one that is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZonesSeen {
    /// Ids of the public ones.
    pub public: Vec<String>,
    /// Those of them that this stack made.
    pub ours: Vec<String>,
    pub private: usize,
    /// What this stack did not make and stands where one of its records is to be: the name in the topology, and what it is.
    pub foreign: Vec<(String, String)>,
}

/// What is wrong with `dns.zone`.
#[must_use]
pub fn check(model: &Model, seen: &ZonesSeen) -> Vec<Finding> {
    let Some(dns) = &model.dns else { return Vec::new() };
    let name = &dns.zone.name;
    let mut findings = Vec::new();
    let mut say = |code, address: Option<Addr>, message: String, help: &str| {
        findings.push(Finding { code, severity: Severity::Error, address, line: None, message, help: Some(help.to_owned()) });
    };
    match (&seen.public[..], seen.private) {
        // Nobody would ask a second one: the name leads to the first, and with it to every record that is not in ours.
        ([only], _) if dns.zone.create && !seen.ours.contains(only) => say(
            "dns::zone-foreign",
            None,
            format!("the account has a public hosted zone {name} already ({only}), which this stack did not make"),
            "use it as it is: `zone: NAME` without `create`; or remove it in Route 53, when nobody needs it",
        ),
        ([_], _) => {}
        (_, _) if dns.zone.create && seen.public.is_empty() => {}
        ([], 0) => say(
            "dns::zone-missing",
            None,
            format!("the account has no hosted zone {name}"),
            "make it in Route 53, or let mrctl make it: `zone: { name: …, create: true }`",
        ),
        ([], _) => say(
            "dns::zone-private",
            None,
            format!("the hosted zone {name} is private: clients outside of its VPCs would not find its records"),
            "make a public zone of that name in Route 53, or let mrctl make it: `zone: { name: …, create: true }`",
        ),
        (several, _) => say(
            "dns::zone-doubled",
            None,
            format!("the account has {} public hosted zones {name}: {}", several.len(), several.join(", ")),
            "find out which one the zone above names, and remove the other",
        ),
    }
    for (record, what) in &seen.foreign {
        let message = format!("{record} has what this stack did not make: {what}; it is left alone");
        // The set identifier of another stack's record says whose it is.
        let other = what.split("mrctl/").nth(1).and_then(|rest| rest.split('/').next());
        let help = other.map_or_else(
            || "remove it in Route 53, or give the record of the topology another name".to_owned(),
            |other| {
                format!(
                    "it is the record of the stack `{other}`: if that is this one's old name, write it back under `stack`, because a stack \
                     cannot be renamed; otherwise give the record of the topology another name"
                )
            },
        );
        say("dns::foreign-record", None, message, &help);
    }
    findings
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::*;
    use crate::topology::{Dns, HostedZone};

    fn said(create: bool, seen: &ZonesSeen) -> Vec<String> {
        let zone = HostedZone { name: "example.com".into(), create };
        let model = Model { dns: Some(Dns { zone, records: IndexMap::new() }), ..Model::default() };
        check(&model, seen).into_iter().map(|finding| format!("{}: {}", finding.code, finding.message)).collect()
    }

    #[test]
    fn a_zone_has_to_be_there_public_and_one() {
        let seen = |public: &[&str], private| ZonesSeen {
            public: public.iter().map(|id| (*id).to_owned()).collect(),
            ours: public.iter().filter(|id| id.starts_with("ours")).map(|id| (*id).to_owned()).collect(),
            private,
            foreign: Vec::new(),
        };
        assert_eq!(said(true, &seen(&["ours"], 1)), [""; 0]);
        let foreign = "dns::zone-foreign: the account has a public hosted zone example.com already (Z1), which this stack did not make";
        assert_eq!(said(true, &seen(&["Z1"], 0)), [foreign]);
        assert_eq!(said(false, &seen(&["Z1"], 1)), [""; 0]);
        assert_eq!(said(true, &seen(&[], 0)), [""; 0]);
        assert_eq!(said(true, &seen(&[], 1)), [""; 0]);
        assert_eq!(said(false, &seen(&[], 0)), ["dns::zone-missing: the account has no hosted zone example.com"]);
        assert!(said(false, &seen(&[], 1))[0].starts_with("dns::zone-private"));
        let doubled = "dns::zone-doubled: the account has 2 public hosted zones example.com: Z1, Z2";
        assert_eq!(said(false, &seen(&["Z1", "Z2"], 0)), [doubled]);
        assert_eq!(said(true, &seen(&["Z1", "Z2"], 0)), [doubled]);
    }

    #[test]
    fn what_others_made_of_a_name_is_an_error() {
        let foreign = vec![("api.example.com".to_owned(), "A api.example.com (simple)".to_owned())];
        let seen = ZonesSeen { public: vec!["Z1".to_owned()], foreign, ..ZonesSeen::default() };
        let text = "dns::foreign-record: api.example.com has what this stack did not make: A api.example.com (simple); it is left alone";
        assert_eq!(said(false, &seen), [text]);
    }
}
