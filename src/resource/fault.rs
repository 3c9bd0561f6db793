//! What can go wrong with one AWS call, in a vocabulary small enough to decide by.
use std::{borrow::Cow, fmt};

use jiff::Timestamp;

/// What a fault means for the one who called. Which AWS code means which is said in `aws::errors`, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The thing, or something it refers to, is not there (or not visible yet).
    NotFound,
    /// A thing of that name is there already.
    Exists,
    /// Something still depends on it.
    InUse,
    /// AWS is busy with it: another change is in flight.
    Contention,
    /// Too many calls.
    Throttled,
    /// The credentials may not do this.
    Denied,
    /// A quota.
    Limit,
    /// AWS will never accept this request.
    Invalid,
    /// No clear answer: a reset, a time-out, a 5xx. The call may have been carried out.
    Unclear,
    /// What serves did not get healthy in the form that was asked for, and AWS has given up on it (a rolled-back deployment).
    Unhealthy,
    /// Allowed later, at a known time.
    Blocked(Option<Timestamp>),
    /// mrctl's own mistake.
    Bug,
}

/// One failed operation. `op` is also the IAM action, so that a denial can print the permission to add.
#[derive(Clone, Debug)]
pub struct Fault {
    /// `service:Operation`, for example `ec2:CreateSubnet`.
    pub op: Cow<'static, str>,
    pub class: Class,
    /// AWS's code as it stood on the wire.
    pub code: Option<String>,
    /// AWS's message, or what the transport said.
    pub message: Option<String>,
    pub request_id: Option<String>,
}

impl Fault {
    /// A fault that no AWS answer stands behind.
    #[must_use]
    pub fn new(op: impl Into<Cow<'static, str>>, class: Class, message: impl Into<String>) -> Self {
        Self { op: op.into(), class, code: None, message: Some(message.into()), request_id: None }
    }

    /// mrctl's own mistake: reported, never a panic.
    #[must_use]
    pub fn bug(message: impl Into<String>) -> Self {
        Self::new("mrctl", Class::Bug, message)
    }

    /// What is going on, for whoever waits: where mrctl itself saw that AWS is busy and sent nothing, nothing failed.
    #[must_use]
    pub fn now(&self) -> String {
        match (self.class, &self.code, &self.message) {
            (Class::Contention, None, Some(message)) => message.clone(),
            _ => self.to_string(),
        }
    }

    /// What the reader can do about it; nothing when the message says it all.
    #[must_use]
    pub fn advice(&self) -> Option<String> {
        Some(match self.class {
            Class::Denied => format!("allow `{}` for these credentials, then run the same command again", self.op),
            Class::Throttled => "AWS is limiting calls; run the same command again in a few minutes".to_owned(),
            Class::Limit => "ask AWS for a higher quota or remove what is not needed, then run the same command again".to_owned(),
            Class::Unclear => "AWS gave no clear answer; run the same command again: what was done is found by its tags".to_owned(),
            Class::InUse => "remove what still uses it, then run the same command again".to_owned(),
            Class::Contention => "AWS is still busy with it; wait for it, then run the same command again".to_owned(),
            Class::Unhealthy => {
                "mend what keeps it from getting healthy (AWS's reason is above), then run the same command again".to_owned()
            }
            Class::Blocked(Some(until)) => format!("run the same command again after {until}"),
            Class::Blocked(None) => "run the same command again later".to_owned(),
            Class::Bug => "this is a mistake in mrctl: please report it with the output of the same command and `-vv`".to_owned(),
            Class::NotFound | Class::Exists | Class::Invalid => return None,
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed", self.op)?;
        if let Some(code) = &self.code {
            write!(f, " with {code}")?;
        }
        if let Some(message) = &self.message {
            write!(f, ": {message}")?;
        }
        if let Some(id) = &self.request_id {
            write!(f, " (request id {id})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}
