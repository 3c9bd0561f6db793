//! Addresses: the name of one resource, the same in every run.
use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An AWS region code, for example `eu-west-1`. There is no default region anywhere in mrctl.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region(Arc<str>);

impl Region {
    /// Takes a region code as AWS writes it; whether such a region exists is not judged here.
    #[must_use]
    pub fn new(code: &str) -> Self {
        Self(code.into())
    }

    /// The region code, for example `eu-west-1`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a resource lives: in one region, or in none.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Only what has no region in AWS: a hosted zone, a health check, a global cluster, a dashboard.
    Global,
    /// Everything else.
    Region(Region),
}

impl Scope {
    /// The region, or nothing for the global scope.
    #[must_use]
    pub fn region(&self) -> Option<&Region> {
        match self {
            Self::Global => None,
            Self::Region(region) => Some(region),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Global => f.write_str("global"),
            Self::Region(region) => region.fmt(f),
        }
    }
}

impl From<&str> for Scope {
    fn from(text: &str) -> Self {
        if text == "global" { Self::Global } else { Self::Region(Region::new(text)) }
    }
}

impl From<&Region> for Scope {
    fn from(region: &Region) -> Self {
        Self::Region(region.clone())
    }
}

/// The join key of everything: the mark on the resource, the key of the plan, the label of an event.
///
/// It comes from the topology alone. `Display` and `FromStr` are inverse: `eu-west-1/ec2.subnet/private-1`,
/// `global/route53.health_check/api-eu-west-1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Addr {
    pub scope: Scope,
    /// The kind's name, `<service>.<resource>` in the SDK's nouns.
    pub kind: Arc<str>,
    /// What the topology calls it.
    pub name: Arc<str>,
}

impl Addr {
    /// An address in a region.
    #[must_use]
    pub fn regional(region: &Region, kind: &str, name: &str) -> Self {
        Self { scope: region.into(), kind: kind.into(), name: name.into() }
    }

    /// The address of a second thing that carries the mark of this one: `@` stands in no name of a topology.
    #[must_use]
    pub fn beside(&self, id: &str) -> Self {
        Self { name: format!("{}@{id}", self.name).into(), ..self.clone() }
    }

    /// The region, or nothing for a global resource.
    #[must_use]
    pub fn region(&self) -> Option<&Region> {
        self.scope.region()
    }

    /// The AWS service of the kind: `ec2` of `ec2.subnet`.
    #[must_use]
    pub fn service(&self) -> &str {
        self.kind.split('.').next().unwrap_or_default()
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.scope, self.kind, self.name)
    }
}

/// What `Addr::from_str` refuses.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not an address; addresses look like `eu-west-1/ec2.subnet/private-1`")]
pub struct NotAnAddress(String);

impl FromStr for Addr {
    type Err = NotAnAddress;
    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let mut parts = text.splitn(3, '/');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(scope), Some(kind), Some(name)) if !scope.is_empty() && !kind.is_empty() && !name.is_empty() => {
                Ok(Self { scope: scope.into(), kind: kind.into(), name: name.into() })
            }
            _ => Err(NotAnAddress(text.to_owned())),
        }
    }
}

macro_rules! as_text {
    ($type:ty, $read:expr) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                $read(&text).map_err(de::Error::custom)
            }
        }
    };
}
as_text!(Addr, |text: &str| text.parse::<Addr>());
as_text!(Region, |text: &str| Ok::<_, std::convert::Infallible>(Region::new(text)));
as_text!(Scope, |text: &str| Ok::<_, std::convert::Infallible>(Scope::from(text)));
