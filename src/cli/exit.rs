//! Every exit code, and which one wins when several apply.

/// How a command ended, as its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    Failed = 1,
    /// Changes are present; only with `--detailed-exitcode`.
    Changes = 2,
    /// The topology has errors.
    Topology = 3,
    /// A region was unreachable, the rest is fine.
    Unreachable = 5,
    /// A gate failed.
    Gated = 6,
    /// Refused for data safety, before the first mutating call.
    Refused = 8,
    /// Declined at the question, or interrupted.
    Declined = 9,
    /// Wrong usage.
    Usage = 64,
}

/// The first of these that applies wins.
const PRECEDENCE: [Exit; 9] =
    [Exit::Usage, Exit::Topology, Exit::Refused, Exit::Declined, Exit::Failed, Exit::Gated, Exit::Unreachable, Exit::Changes, Exit::Done];

/// The exit code for everything that applies; 0 when nothing does.
#[must_use]
pub fn of(applies: &[Exit]) -> Exit {
    PRECEDENCE.into_iter().find(|exit| applies.contains(exit)).unwrap_or(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_graver_one_wins() {
        assert_eq!(of(&[]), Exit::Done);
        assert_eq!(of(&[Exit::Changes, Exit::Unreachable]), Exit::Unreachable);
        assert_eq!(of(&[Exit::Failed, Exit::Refused, Exit::Gated]), Exit::Refused);
        assert_eq!(of(&[Exit::Failed, Exit::Declined]), Exit::Declined);
    }
}
