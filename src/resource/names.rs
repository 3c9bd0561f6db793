//! Names that have to fit into what AWS allows.

/// Hex digits of the hash at the end of a name that was cut.
const TAIL: usize = 8;

/// A name of at most `longest` characters: the name itself, or its beginning with a hash of all of it.
///
/// The same name always gives the same result, in every version of mrctl: resources are found by it. All in ASCII.
#[must_use]
pub fn fit(name: &str, longest: usize) -> String {
    if name.len() <= longest { name.to_owned() } else { with_tail(name, name, longest) }
}

/// The beginning of `shown` with a hash of `whole` behind it, at most `longest` characters.
#[must_use]
pub fn with_tail(shown: &str, whole: &str, longest: usize) -> String {
    let kept: String = shown.chars().take(longest.saturating_sub(TAIL + 1)).collect();
    format!("{}-{:0TAIL$x}", kept.trim_end_matches('-'), hash(whole))
}

/// FNV-1a over 32 bits, which no release of a library will change.
#[must_use]
pub fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_stays_and_what_does_not_is_told_apart_by_its_tail() {
        assert_eq!(fit("shop-api", 32), "shop-api");
        let [one, other] =
            ["shop-a-service-with-a-rather-long-name-1", "shop-a-service-with-a-rather-long-name-2"].map(|name| fit(name, 32));
        assert_eq!(one, "shop-a-service-with-a-r-ffb39cf4");
        assert_eq!(one.len(), 32);
        assert_ne!(one, other);
        // The published test vectors of FNV-1a.
        assert_eq!([hash(""), hash("a"), hash("foobar")], [0x811c_9dc5, 0xe40c_292c, 0xbf9c_f968]);
    }
}
