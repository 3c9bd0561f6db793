//! What the gate of a region looks at.
use super::operation::Work;
use crate::resource::{Addr, Class, Fault, Region, Scope};

impl Work<'_> {
    /// Whether a region is healthy in its new form, and nothing there says that something is wrong.
    pub(super) async fn health(&self, region: &Region, addrs: &[Addr]) -> Health {
        let mut seen = Health::default();
        for kind in self.kinds.iter().filter(|kind| kind.traits().warns) {
            let cx = self.cx.at(&Scope::from(region)).afresh();
            match kind.warnings(&cx).await {
                Ok(warnings) => seen.sick.extend(warnings),
                Err(fault) if is_no_answer(&fault) => seen.unread.push(format!("{region}/{}: {fault}", kind.traits().name)),
                Err(fault) => seen.sick.push(format!("{region}/{}: {fault}", kind.traits().name)),
            }
        }
        for addr in addrs {
            let cx = self.cx.at(&addr.scope);
            let health = async {
                let kind = self.kind(addr)?;
                match self.look(kind, &cx, addr).await? {
                    Some(found) => kind.healthy(&cx.afresh(), &found).await,
                    None => Ok(Err("it is not there".to_owned())),
                }
            };
            match health.await {
                Ok(Ok(())) => {}
                Ok(Err(reason)) => seen.sick.push(format!("{addr}: {reason}")),
                Err(fault) if is_no_answer(&fault) => {
                    seen.unread.push(format!("{addr}: {fault}"));
                }
                Err(fault) => seen.sick.push(format!("{addr}: {fault}")),
            }
        }
        seen
    }
}

/// Whether it says nothing about what was asked.
fn is_no_answer(fault: &Fault) -> bool {
    matches!(fault.class, Class::Unclear | Class::Throttled | Class::Contention)
}

/// What keeps a gate shut.
#[derive(Default)]
pub(super) struct Health {
    pub sick: Vec<String>,
    /// What could not be read now, which says nothing about it.
    pub unread: Vec<String>,
}

impl Health {
    pub(super) fn why(self) -> Vec<String> {
        [self.sick, self.unread].concat()
    }
}
