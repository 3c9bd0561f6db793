//! What `--inject` may say.
use std::{str::FromStr, time::Duration};

use thiserror::Error;

use crate::resource::Region;

/// On which side of a call the process is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Before the request is sent.
    Before,
    /// Once AWS has answered, before anyone has read the answer.
    After,
}

/// How a region is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Down {
    /// Connections open, answers never come.
    Hang,
    /// Connections are refused.
    Refuse,
    /// Every answer is a 503.
    Unavailable,
}

/// Which call it is that goes wrong. Each attempt counts by itself, over all regions, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// `17`: the mutating call of that number.
    Number(u64),
    /// `DeleteDBCluster`, `DeleteDBCluster#2`: the call of that number among those of an operation.
    Operation(String, u64),
}

/// The faults to inject, read from `--inject SPEC`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spec {
    /// `kill@17:before`, `kill@DeleteDBCluster:after`.
    pub kills: Vec<(At, Side)>,
    /// `lost@9`: AWS does it, the answer never arrives.
    pub lost: Vec<At>,
    /// `5xx@4`: AWS answers with an internal error and has done nothing.
    pub broken: Vec<At>,
    /// `down=eu-west-1:hang|refuse|503`.
    pub down: Vec<(Region, Down)>,
    /// `throttle=5%`: the share of all calls that are throttled, 0 to 1.
    pub throttle: f64,
    /// `delay=50ms`: before every call.
    pub delay: Duration,
    /// `seed=7`: which calls are throttled. The same seed and the same order of calls give the same faults; 0 unless told.
    pub seed: u64,
}

/// Why a text is no fault specification.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("`{part}` is not a fault: {reason}. Write a comma-separated list of {FORMS}")]
pub struct NotASpec {
    /// The part of the text that is wrong.
    pub part: String,
    /// What is wrong with it.
    pub reason: String,
}

const FORMS: &str = "kill@N:before|after, lost@N, 5xx@N (N is the number of a call that may change something, or an operation like \
                     DeleteTable or DeleteTable#2), throttle=P%, down=REGION:hang|refuse|503, delay=DURATION (50ms, 2s), seed=N";

impl FromStr for Spec {
    type Err = NotASpec;

    fn from_str(text: &str) -> Result<Self, NotASpec> {
        let mut spec = Self::default();
        for part in text.split(',').map(str::trim) {
            spec.add(part).map_err(|reason| NotASpec { part: part.to_owned(), reason })?;
        }
        Ok(spec)
    }
}

impl Spec {
    fn add(&mut self, part: &str) -> Result<(), String> {
        if let Some((name, place)) = part.split_once('@') {
            match name {
                "kill" => {
                    let (at, side) = place.split_once(':').ok_or("say on which side of the call: `:before` or `:after`")?;
                    let side = match side {
                        "before" => Side::Before,
                        "after" => Side::After,
                        other => return Err(format!("`{other}` is neither `before` nor `after`")),
                    };
                    self.kills.push((call(at)?, side));
                }
                "lost" => self.lost.push(call(place)?),
                "5xx" => self.broken.push(call(place)?),
                other => return Err(format!("nothing is called `{other}@`")),
            }
            return Ok(());
        }
        match part.split_once('=') {
            Some(("throttle", share)) => self.throttle = percent(share)?,
            Some(("delay", duration)) => self.delay = millis(duration)?,
            Some(("seed", seed)) => self.seed = seed.parse().map_err(|_| format!("`{seed}` is not a whole number"))?,
            Some(("down", place)) => {
                let (region, how) = place.split_once(':').ok_or("say how it is down: `:hang`, `:refuse` or `:503`")?;
                let how = match how {
                    "hang" => Down::Hang,
                    "refuse" => Down::Refuse,
                    "503" => Down::Unavailable,
                    other => return Err(format!("`{other}` is none of `hang`, `refuse` and `503`")),
                };
                if region.is_empty() {
                    return Err("the region is missing".to_owned());
                }
                self.down.push((Region::new(region), how));
            }
            Some((other, _)) => return Err(format!("nothing is called `{other}=`")),
            None => return Err("it has neither `@` nor `=`".to_owned()),
        }
        Ok(())
    }
}

fn call(text: &str) -> Result<At, String> {
    let (operation, of) = text.split_once('#').map_or((text, None), |(operation, of)| (operation, Some(of)));
    let is_name = operation.starts_with(|first: char| first.is_ascii_uppercase()) && operation.chars().all(|c| c.is_ascii_alphanumeric());
    if is_name {
        return Ok(At::Operation(operation.to_owned(), of.map_or(Ok(1), number)?));
    }
    number(text).map(At::Number)
}

fn number(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(0) => Err("calls are counted from 1".to_owned()),
        Ok(number) => Ok(number),
        Err(_) => Err(format!("`{text}` is neither the number of a call nor an operation")),
    }
}

fn percent(text: &str) -> Result<f64, String> {
    let share = text.strip_suffix('%').and_then(|share| share.parse::<f64>().ok());
    share
        .filter(|share| (0.0..=100.0).contains(share))
        .map(|share| share / 100.0)
        .ok_or(format!("`{text}` is not a percentage from 0% to 100%"))
}

fn millis(text: &str) -> Result<Duration, String> {
    let scaled = |unit: &str, factor: u64| text.strip_suffix(unit)?.parse::<u64>().ok()?.checked_mul(factor);
    // `ms` before `s`: the longer ending also ends in the shorter one.
    scaled("ms", 1).or_else(|| scaled("s", 1000)).map(Duration::from_millis).ok_or(format!("`{text}` is not a duration like 50ms or 2s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let spec: Spec = "kill@17:before, kill@DeleteTable:after,lost@9,5xx@DeleteTable#3,throttle=5%,down=eu-west-1:hang,down=us-east-1:503,seed=7,delay=50ms"
            .parse()
            .unwrap();
        let expected = Spec {
            kills: vec![(At::Number(17), Side::Before), (At::Operation("DeleteTable".to_owned(), 1), Side::After)],
            lost: vec![At::Number(9)],
            broken: vec![At::Operation("DeleteTable".to_owned(), 3)],
            down: vec![(Region::new("eu-west-1"), Down::Hang), (Region::new("us-east-1"), Down::Unavailable)],
            throttle: 0.05,
            delay: Duration::from_millis(50),
            seed: 7,
        };
        assert_eq!(spec, expected);
        assert_eq!("delay=2s".parse::<Spec>().unwrap().delay, Duration::from_secs(2));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, reason) in [
            ("kill@3", "say on which side"),
            ("kill@3:during", "neither `before` nor `after`"),
            ("lost@0", "counted from 1"),
            ("lost@x", "neither the number of a call nor an operation"),
            ("lost@DeleteTable#0", "counted from 1"),
            ("lost@Delete Table", "neither the number of a call nor an operation"),
            ("throttle=5", "not a percentage"),
            ("throttle=120%", "not a percentage"),
            ("down=eu-west-1", "say how it is down"),
            ("down=:hang", "region is missing"),
            ("down=eu-west-1:slow", "none of `hang`"),
            ("delay=5", "not a duration"),
            ("seed=-1", "not a whole number"),
            ("drop@1", "nothing is called `drop@`"),
            ("lag=1", "nothing is called `lag=`"),
            ("", "neither `@` nor `=`"),
            ("lost@1,,seed=1", "neither `@` nor `=`"),
        ] {
            let error = text.parse::<Spec>().unwrap_err();
            assert!(error.reason.contains(reason), "{text}: {error}");
            assert!(error.to_string().contains("kill@N:before|after"), "{error}");
        }
    }
}
