//! The smaller blocks inside a service.
use std::time::Duration;

use super::{Place, Reading};
use crate::topology::{
    codes,
    node::Value,
    report::{At, Problem, Span},
};

/// `image`.
pub struct ImageDraft {
    pub uri: Option<At<String>>,
    pub owned_by_ci: bool,
}

/// `tasks`.
pub struct TasksDraft {
    pub min: Option<At<u64>>,
    pub max: Option<At<u64>>,
}

/// `scale_on`, as it is written: exactly one of them is right.
pub struct ScaleOnDraft {
    pub key: Span,
    pub cpu: Option<At<u64>>,
    pub memory: Option<At<u64>>,
    pub requests_per_target: Option<At<u64>>,
}

/// `health_check` of a service.
pub struct TargetHealthCheckDraft {
    pub key: Span,
    pub path: Option<At<String>>,
    pub interval: Option<At<Duration>>,
    pub timeout: Option<At<Duration>>,
    pub healthy: Option<At<u64>>,
    pub unhealthy: Option<At<u64>>,
    pub codes: Option<At<String>>,
}

/// `container_health_check`.
pub struct ContainerHealthCheckDraft {
    /// The span is that of the key.
    pub command: Option<At<Vec<At<String>>>>,
    pub interval: Option<At<Duration>>,
    pub retries: Option<At<u64>>,
    pub start_period: Option<At<Duration>>,
}

/// `deployment`.
pub struct DeploymentDraft {
    pub key: Span,
    pub minimum_healthy: Option<At<u64>>,
    pub maximum: Option<At<u64>>,
}

/// `logs.retention_days`.
pub enum RetentionDraft {
    Days(At<u64>),
    Forever,
}

/// The word of `owner` in `image`.
const OWNERS: &[(&str, ())] = &[("ci", ())];

pub fn image(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<ImageDraft> {
    if !matches!(place.node.value, Value::Map(_)) {
        return reading.text(place, path).map(|uri| ImageDraft { uri: Some(uri), owned_by_ci: false });
    }
    let mut block = reading.block(place, path, "image")?;
    let hint = "write `owner: ci` when a pipeline deploys later images, or the image alone: `image: TEXT`";
    block.required(reading, "owner", hint, |r, place, path| r.choice(place, path, OWNERS));
    let hint = "name the image that the service is made with: `first: TEXT`";
    let uri = block.required(reading, "first", hint, |r, place, path| r.text(place, path));
    block.finish(reading);
    Some(ImageDraft { uri, owned_by_ci: true })
}

pub fn tasks(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<TasksDraft> {
    let mut block = reading.block(place, path, "tasks")?;
    let draft = TasksDraft {
        min: block.optional(reading, "min", |r, place, path| r.whole_number(place, path)),
        max: block.optional(reading, "max", |r, place, path| r.whole_number(place, path)),
    };
    block.finish(reading);
    Some(draft)
}

pub fn scale_on(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<ScaleOnDraft> {
    let mut block = reading.block(place, path, "scale_on")?;
    let draft = ScaleOnDraft {
        key: place.key,
        cpu: block.optional(reading, "cpu", |r, place, path| r.whole_number(place, path)),
        memory: block.optional(reading, "memory", |r, place, path| r.whole_number(place, path)),
        requests_per_target: block.optional(reading, "requests_per_target", |r, place, path| r.whole_number(place, path)),
    };
    block.finish(reading);
    Some(draft)
}

pub fn target_health_check(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<TargetHealthCheckDraft> {
    let mut block = reading.block(place, path, "target_health_check")?;
    let draft = TargetHealthCheckDraft {
        key: place.key,
        path: block.optional(reading, "path", |r, place, path| r.text(place, path)),
        interval: block.optional(reading, "interval", |r, place, path| r.duration(place, path)),
        timeout: block.optional(reading, "timeout", |r, place, path| r.duration(place, path)),
        healthy: block.optional(reading, "healthy", |r, place, path| r.whole_number(place, path)),
        unhealthy: block.optional(reading, "unhealthy", |r, place, path| r.whole_number(place, path)),
        codes: block.optional(reading, "codes", |r, place, path| r.text(place, path)),
    };
    block.finish(reading);
    Some(draft)
}

pub fn container_health_check(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<ContainerHealthCheckDraft> {
    let mut block = reading.block(place, path, "container_health_check")?;
    let hint = "write `command: [CMD-SHELL, \"curl -f http://localhost:3000/health || exit 1\"]`";
    let draft = ContainerHealthCheckDraft {
        command: block.required(reading, "command", hint, |r, place, path| r.texts(place, path)),
        interval: block.optional(reading, "interval", |r, place, path| r.duration(place, path)),
        retries: block.optional(reading, "retries", |r, place, path| r.whole_number(place, path)),
        start_period: block.optional(reading, "start_period", |r, place, path| r.duration(place, path)),
    };
    block.finish(reading);
    Some(draft)
}

pub fn deployment(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<DeploymentDraft> {
    let mut block = reading.block(place, path, "deployment")?;
    let draft = DeploymentDraft {
        key: place.key,
        minimum_healthy: block.optional(reading, "minimum_healthy", |r, place, path| r.whole_number(place, path)),
        maximum: block.optional(reading, "maximum", |r, place, path| r.whole_number(place, path)),
    };
    block.finish(reading);
    Some(draft)
}

/// Nothing inside when the days are not given or could not be read.
pub fn logs(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<Option<RetentionDraft>> {
    let mut block = reading.block(place, path, "logs")?;
    let days = block.optional(reading, "retention_days", |r, place, path| match &place.node.value {
        Value::Scalar { text, .. } if text == "forever" => Some(RetentionDraft::Forever),
        Value::Scalar { text, quoted: false } if text.starts_with(|c: char| c.is_ascii_digit()) => {
            r.whole_number(place, path).map(RetentionDraft::Days)
        }
        Value::Scalar { text, .. } => {
            let text = format!("`{path}` must be a number of days or `forever`, not `{}`", crate::topology::node::shortened(text));
            let problem = Problem::new(codes::DECODE_TYPE, text).at(place.node.span, "expected a number of days or `forever`");
            r.problems.push(problem.help("write it in digits, without quotes: `retention_days: 30`"));
            None
        }
        Value::List(_) | Value::Map(_) => {
            r.wrong_type(place, path, "a number of days or `forever`", "write `retention_days: 30`");
            None
        }
    });
    block.finish(reading);
    Some(days)
}
