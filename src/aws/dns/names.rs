//! Names as Route 53 writes them, and our marks where it takes no tags: in set identifiers and in caller references. Pure.
use super::super::zone::SetKey;
use crate::resource::{Addr, Fault, Region, names::hash};

/// A name as it stands in a topology: lower case, without escapes (`\052` is `*`) and without the dot at the end.
#[must_use]
pub fn plain(name: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = name.as_bytes();
    while let [first, more @ ..] = rest {
        let octal =
            (*first == b'\\').then(|| more.get(..3).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()));
        match octal.flatten() {
            Some(byte) => {
                bytes.push(byte);
                rest = &more[3..];
            }
            None => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).trim_end_matches('.').to_ascii_lowercase()
}

/// A name as it stands in an address: several services allow no `*` in a tag.
#[must_use]
pub fn addressed(name: &str) -> String {
    name.replace('*', "_wildcard")
}

/// What every set identifier of a stack begins with.
#[must_use]
pub fn set_prefix(stack: &str) -> String {
    format!("mrctl/{stack}/")
}

/// The set identifier of a record in a region, and of one of its locations.
#[must_use]
pub fn set_identifier(stack: &str, region: &Region, location: Option<&str>) -> String {
    let location = location.map_or_else(String::new, |location| format!("/{location}"));
    format!("{}{region}{location}", set_prefix(stack))
}

/// The set identifier of a stack's validation records.
#[must_use]
pub fn validation_identifier(stack: &str) -> String {
    format!("{}acm", set_prefix(stack))
}

/// The region and the location of a set identifier of that stack.
#[must_use]
pub fn read_set_identifier(stack: &str, identifier: &str) -> Option<(Region, Option<String>)> {
    let rest = identifier.strip_prefix(&set_prefix(stack))?;
    let (region, location) = rest.split_once('/').map_or((rest, None), |(region, location)| (region, Some(location.to_owned())));
    // Every region has a number at its end, and `acm` has none.
    region.ends_with(|last: char| last.is_ascii_digit()).then(|| (Region::new(region), location))
}

/// What the caller references of a stack begin with: `mrctl/`, and half of the twelve digits.
///
/// A reference can never be used again, even after the thing is gone, and it is all that a thing carries before its tags are
/// set: one half tells the stack, the other the address, so that what was left between the two calls is found also when the
/// topology does not have it any more.
#[must_use]
fn reference_prefix(stack: &str) -> String {
    format!("mrctl/{:06x}", hash(stack) & 0xff_ffff)
}

/// The caller reference of the `n`th thing at an address: `mrctl/<12 hex>/<n>`.
#[must_use]
pub fn reference(stack: &str, addr: &Addr, n: u32) -> String {
    format!("{}{:06x}/{n}", reference_prefix(stack), hash(&addr.to_string()) & 0xff_ffff)
}

/// Which one at its address a caller reference is for; nothing when it is of another address or stack.
#[must_use]
pub fn numbered(stack: &str, addr: &Addr, reference: &str) -> Option<u32> {
    let of_addr = self::reference(stack, addr, 0);
    reference.strip_prefix(of_addr.strip_suffix('0')?)?.parse().ok()
}

/// Whether a caller reference is of that stack, whatever its address.
#[must_use]
pub fn is_of_stack(stack: &str, reference: &str) -> bool {
    reference.starts_with(&reference_prefix(stack))
}

/// An id without what Route 53 puts before it (`/hostedzone/`, `/change/`).
#[must_use]
pub fn bare(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// The id of a record set: a zone, a name, a type and a set identifier, each without a space.
#[must_use]
pub fn set_id(zone: &str, key: &SetKey) -> String {
    format!("{zone} {} {} {}", key.name, key.kind, key.identifier)
}

/// Takes the id of a record set apart.
///
/// # Errors
/// A bug: it is none.
pub fn read_set_id(id: &str) -> Result<(&str, SetKey), Fault> {
    let parts: Vec<&str> = id.splitn(4, ' ').collect();
    match parts[..] {
        [zone, name, kind, identifier] => {
            Ok((zone, SetKey { name: name.to_owned(), kind: kind.to_owned(), identifier: identifier.to_owned() }))
        }
        _ => Err(Fault::bug(format!("`{id}` is no record set"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_a_topology_has_them() {
        assert_eq!(plain("\\052.Example.com."), "*.example.com");
        assert_eq!(plain("api.example.com"), "api.example.com");
        assert_eq!(plain("a\\134b.example.com."), "a\\b.example.com");
        assert_eq!(plain("odd\\9"), "odd\\9");
        assert_eq!(addressed("*.example.com"), "_wildcard.example.com");
    }

    /// Waiting for a turn is no silence: a queue of questions would ask each of them of every region.
    #[test]
    fn the_mark_of_a_record_is_its_set_identifier() {
        let region = Region::new("eu-west-1");
        let plain = set_identifier("shop", &region, None);
        assert_eq!(plain, "mrctl/shop/eu-west-1");
        assert_eq!(read_set_identifier("shop", &plain), Some((region.clone(), None)));
        let located = set_identifier("shop", &region, Some("EU"));
        assert_eq!(read_set_identifier("shop", &located), Some((region, Some("EU".to_owned()))));
        assert_eq!(read_set_identifier("sho", &plain), None);
        assert_eq!(read_set_identifier("shop", &validation_identifier("shop")), None);
    }

    #[test]
    fn a_caller_reference_tells_stack_address_and_number() {
        let addr: Addr = "global/route53.health_check/api.example.com-eu-west-1".parse().unwrap();
        let other: Addr = "global/route53.health_check/api.example.com-us-east-1".parse().unwrap();
        let third = reference("shop", &addr, 3);
        assert_eq!(third.len(), "mrctl/0123456789ab/3".len());
        assert_eq!(numbered("shop", &addr, &third), Some(3));
        assert_eq!(numbered("shop", &other, &third), None);
        assert_eq!(numbered("stop", &addr, &third), None);
        assert!(is_of_stack("shop", &third) && !is_of_stack("stop", &third));
    }

    #[test]
    fn the_id_of_a_set_is_read_back() {
        let key = SetKey { name: "*.example.com".into(), kind: "A".into(), identifier: "mrctl/shop/eu-west-1/EU".into() };
        assert_eq!(read_set_id(&set_id("Z1", &key)).unwrap(), ("Z1", key));
        assert!(read_set_id("Z1").is_err());
    }
}
