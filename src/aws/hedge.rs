//! One question that any region can answer.
use std::{future::Future, time::Duration};

use futures::stream::{FuturesUnordered, StreamExt};

use crate::resource::{Fault, Region};

/// How long a region may be silent before the next one is asked as well.
const HEAD_START: Duration = Duration::from_millis(700);

/// The first good answer. The regions are asked in their order, each a little after the one before it: mostly that is one
/// call, and a region that hangs costs less than a second.
pub async fn first_of<T, F>(regions: &[Region], ask: impl Fn(Region) -> F) -> Result<T, Fault>
where
    F: Future<Output = Result<T, Fault>>,
{
    let mut waiting = regions.iter().cloned();
    let mut asked = FuturesUnordered::new();
    let mut refused = None;
    loop {
        let next = waiting.next();
        let more = next.is_some();
        if let Some(region) = next {
            asked.push(ask(region));
        }
        let limit = if more { HEAD_START } else { Duration::from_secs(86_400) };
        match tokio::time::timeout(limit, asked.next()).await {
            Ok(Some(Ok(answer))) => return Ok(answer),
            Ok(Some(Err(fault))) => refused = refused.or(Some(fault)),
            Ok(None) if !more => return Err(refused.unwrap_or_else(|| Fault::bug("no region to ask"))),
            Ok(None) | Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::Class;

    #[tokio::test(start_paused = true)]
    async fn a_hanging_and_a_refusing_region_are_passed_over() {
        let regions = ["a", "b", "c"].map(Region::new);
        let answer = first_of(&regions, |region| async move {
            match region.as_str() {
                "a" => std::future::pending().await,
                "b" => Err(Fault::new("x:Y", Class::Unclear, "no")),
                other => Ok(other.to_owned()),
            }
        });
        assert_eq!(answer.await.unwrap(), "c");
        let refused = first_of::<(), _>(&regions, |_| async { Err(Fault::new("x:Y", Class::Denied, "no")) });
        assert_eq!(refused.await.unwrap_err().class, Class::Denied);
    }
}
