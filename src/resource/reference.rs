//! References between resources, kept as data so that the planner finds the edges by walking documents.
use std::{collections::BTreeMap, fmt, marker::PhantomData};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Value, json};

use super::{Addr, Fault, Scope};

/// One named output of a kind. The type is the reference's type: a VPC's id cannot stand where a subnet's is asked for.
pub trait Output: 'static {
    /// The kind that gives it, for example `ec2.vpc`.
    const KIND: &'static str;
    /// The output's name, for example `id`.
    const FIELD: &'static str;
}

/// Declares the outputs of a kind: `outputs! { "ec2.vpc": VpcId = "id" }`.
#[macro_export]
macro_rules! outputs {
    ($kind:literal: $($(#[$doc:meta])* $name:ident = $field:literal),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name;
        impl $crate::resource::Output for $name {
            const KIND: &'static str = $kind;
            const FIELD: &'static str = $field;
        }
    )+};
}

/// A value another resource gives: known already, or "field X of address Y".
pub enum Ref<T> {
    /// A value, and the scope of the resource that gives it.
    Is { value: String, scope: Scope, of: PhantomData<fn() -> T> },
    /// Still to be read from the resource at that address.
    To { addr: Addr, of: PhantomData<fn() -> T> },
}

impl<T: Output> Ref<T> {
    /// Refers to the output `T` of the resource of that name in that scope.
    #[must_use]
    pub fn to(scope: &Scope, name: &str) -> Self {
        Self::To { addr: Addr { scope: scope.clone(), kind: T::KIND.into(), name: name.into() }, of: PhantomData }
    }

    /// A value as AWS showed it, given by a resource in `scope`.
    #[must_use]
    pub fn is(scope: &Scope, value: impl Into<String>) -> Self {
        Self::Is { value: value.into(), scope: scope.clone(), of: PhantomData }
    }

    /// The value.
    ///
    /// # Errors
    /// A bug of the engine: an operation was started before what it refers to was there.
    pub fn get(&self) -> Result<&str, Fault> {
        match self {
            Self::Is { value, .. } => Ok(value),
            Self::To { addr, .. } => Err(Fault::bug(format!("{addr}#{} is not resolved", T::FIELD))),
        }
    }
}

impl<T> Clone for Ref<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Is { value, scope, .. } => Self::Is { value: value.clone(), scope: scope.clone(), of: PhantomData },
            Self::To { addr, .. } => Self::To { addr: addr.clone(), of: PhantomData },
        }
    }
}

impl<T: Output> fmt::Debug for Ref<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is { value, .. } => write!(f, "{value}"),
            Self::To { addr, .. } => write!(f, "{addr}#{}", T::FIELD),
        }
    }
}

impl<T: Output> Serialize for Ref<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Link::from(self.clone()).serialize(serializer)
    }
}

impl<'de, T: Output> Deserialize<'de> for Ref<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let doc = Value::deserialize(deserializer)?;
        match Link::read(&doc) {
            Some(Link::Is { value, kind, scope, .. }) if kind == T::KIND => Ok(Self::is(&scope, value)),
            Some(Link::To { addr, .. }) if &*addr.kind == T::KIND => Ok(Self::To { addr, of: PhantomData }),
            _ => Err(de::Error::custom(format!("not a reference to {}", T::KIND))),
        }
    }
}

/// A reference as it stands in a document, without its type.
#[derive(Clone, Debug, PartialEq)]
pub enum Link {
    Is { value: String, kind: String, field: String, scope: Scope },
    To { addr: Addr, field: String },
}

impl<T: Output> From<Ref<T>> for Link {
    fn from(reference: Ref<T>) -> Self {
        match reference {
            Ref::Is { value, scope, .. } => Self::Is { value, kind: T::KIND.to_owned(), field: T::FIELD.to_owned(), scope },
            Ref::To { addr, .. } => Self::To { addr, field: T::FIELD.to_owned() },
        }
    }
}

impl Serialize for Link {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Is { value, kind, field, scope } => json!({ "$ref": { "is": value, "kind": kind, "field": field, "scope": scope } }),
            Self::To { addr, field } => json!({ "$ref": { "to": addr, "field": field } }),
        }
        .serialize(serializer)
    }
}

/// A text that is known, or that another resource gives, whichever kind that is.
#[derive(Clone, Debug, PartialEq)]
pub enum Given {
    Text(String),
    By(Link),
}

impl Given {
    /// What the resource at the reference gives.
    #[must_use]
    pub fn by<T: Output>(reference: Ref<T>) -> Self {
        Self::By(reference.into())
    }

    /// The text.
    ///
    /// # Errors
    /// A bug of the engine, as with [`Ref::get`].
    pub fn get(&self) -> Result<&str, Fault> {
        match self {
            Self::Text(value) | Self::By(Link::Is { value, .. }) => Ok(value),
            Self::By(Link::To { addr, field }) => Err(Fault::bug(format!("{addr}#{field} is not resolved"))),
        }
    }
}

impl Serialize for Given {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(value) => value.serialize(serializer),
            Self::By(link) => link.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let doc = Value::deserialize(deserializer)?;
        let link = || Link::read(&doc).map(Self::By).ok_or_else(|| de::Error::custom("neither a text nor a reference"));
        doc.as_str().map_or_else(link, |text| Ok(Self::Text(text.to_owned())))
    }
}

impl Link {
    /// Reads a document that is a reference; nothing when it is anything else.
    #[must_use]
    pub fn read(doc: &Value) -> Option<Self> {
        let map = doc.as_object().filter(|map| map.len() == 1)?;
        let link = map.get("$ref")?;
        let text = |key: &str| link.get(key).and_then(Value::as_str);
        let field = text("field")?.to_owned();
        if let Some(to) = text("to") {
            return Some(Self::To { addr: to.parse().ok()?, field });
        }
        Some(Self::Is { value: text("is")?.to_owned(), kind: text("kind")?.to_owned(), field, scope: text("scope")?.into() })
    }

    /// The address whose value is still to be read.
    #[must_use]
    pub fn target(&self) -> Option<&Addr> {
        match self {
            Self::To { addr, .. } => Some(addr),
            Self::Is { .. } => None,
        }
    }

    /// The document of a reference whose value became known.
    #[must_use]
    pub fn known(addr: &Addr, field: &str, value: &str) -> Value {
        json!({ "$ref": { "is": value, "kind": *addr.kind, "field": field, "scope": addr.scope } })
    }
}

/// What a resource gives to others once it is there: field name to value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outputs(BTreeMap<&'static str, String>);

impl Outputs {
    /// One output.
    #[must_use]
    pub fn of<T: Output>(value: impl Into<String>) -> Self {
        Self::default().with::<T>(value)
    }

    /// One more output.
    #[must_use]
    pub fn with<T: Output>(mut self, value: impl Into<String>) -> Self {
        self.0.insert(T::FIELD, value.into());
        self
    }

    /// Every field and its value.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(field, value)| (*field, value.as_str()))
    }

    /// The value of a field, when the resource gives it.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&str> {
        self.0.get(field).map(String::as_str)
    }
}
