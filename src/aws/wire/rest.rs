//! The names of operations that a request says only by its method and path.

/// The operation of a request to a REST service; nothing where it is not known.
///
/// Route 53 is the one that mrctl talks to: reading the tags of several resources is a POST there (Route 53 API reference,
/// "ListTagsForResources"), so its method does not tell whether a request changes something.
#[must_use]
pub fn operation(service: &str, method: &str, path: &str) -> Option<&'static str> {
    if service != "route53" {
        return None;
    }
    let mut parts = path.trim_matches('/').split('/').skip(1);
    Some(match (method, parts.next()?, parts.next(), parts.next()) {
        ("GET", "hostedzonesbyname", None, None) => "ListHostedZonesByName",
        ("GET", "hostedzone", None, None) => "ListHostedZones",
        ("POST", "hostedzone", None, None) => "CreateHostedZone",
        ("GET", "hostedzone", Some(_), None) => "GetHostedZone",
        ("DELETE", "hostedzone", Some(_), None) => "DeleteHostedZone",
        ("GET", "hostedzone", Some(_), Some("rrset")) => "ListResourceRecordSets",
        ("POST", "hostedzone", Some(_), Some("rrset")) => "ChangeResourceRecordSets",
        ("GET", "change", Some(_), None) => "GetChange",
        ("GET", "healthcheck", None, None) => "ListHealthChecks",
        ("POST", "healthcheck", None, None) => "CreateHealthCheck",
        ("GET", "healthcheck", Some(_), None) => "GetHealthCheck",
        ("POST", "healthcheck", Some(_), None) => "UpdateHealthCheck",
        ("DELETE", "healthcheck", Some(_), None) => "DeleteHealthCheck",
        ("POST", "tags", Some(_), None) => "ListTagsForResources",
        ("GET", "tags", Some(_), Some(_)) => "ListTagsForResource",
        ("POST", "tags", Some(_), Some(_)) => "ChangeTagsForResource",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn route_53_says_what_it_is_asked_by_method_and_path() {
        let named = |method, path| operation("route53", method, path);
        assert_eq!(named("POST", "/2013-04-01/tags/healthcheck"), Some("ListTagsForResources"));
        assert_eq!(named("POST", "/2013-04-01/tags/healthcheck/1"), Some("ChangeTagsForResource"));
        assert_eq!(named("POST", "/2013-04-01/hostedzone/Z1/rrset/"), Some("ChangeResourceRecordSets"));
        assert_eq!(named("GET", "/2013-04-01/hostedzone/Z1/rrset"), Some("ListResourceRecordSets"));
        assert_eq!(named("GET", "/2013-04-01/hostedzonesbyname"), Some("ListHostedZonesByName"));
        assert_eq!(named("PUT", "/2013-04-01/hostedzone"), None);
        assert_eq!(operation("s3", "GET", "/2013-04-01/hostedzone"), None);
    }
}
