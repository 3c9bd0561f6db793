//! How large the tasks of a service are, how many there may be, and how they come and go.
use std::{ops::RangeInclusive, time::Duration};

use super::services::Here;
use crate::topology::{
    codes::{self, Code},
    decode::{RetentionDraft, ScaleOnDraft},
    model::LoadBalancer,
    node::shortened,
    report::{At, Problem},
    services::{deployment, load_balancer, size, task_range},
    suggest,
};

/// By CPU: the least and the most MiB, and the step between (field guide 7.2 item 3).
const SIZES: [(u64, u64, u64, u64); 7] = [
    (256, 512, 2048, 512),
    (512, 1024, 4096, 1024),
    (1024, 2048, 8192, 1024),
    (2048, 4096, 16384, 1024),
    (4096, 8192, 30720, 1024),
    (8192, 16384, 61440, 4096),
    (16384, 32768, 122_880, 8192),
];
/// What one service can run (quotas of ECS).
const MOST_TASKS: u64 = 5000;
/// Days (field guide 6 item 9).
const RETENTIONS: [u64; 22] = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

pub fn tasks(here: &Here<'_>, problems: &mut Vec<Problem>) {
    sizes(here, problems);
    counts(here, problems);
    scaling(here, problems);
    deployments(here, problems);
    let member = here.member;
    let most = Duration::from_secs;
    lasts(&member.stop_timeout, "stop_timeout", most(1)..=most(120), problems);
    lasts(&member.deregistration_delay, "deregistration_delay", most(0)..=most(3600), problems);
    lasts(&member.grace_period, "grace_period", most(0)..=most(2_147_483_647), problems);
    if let Some(RetentionDraft::Days(days)) = member.retention.as_ref().filter(|days| !keeps(days)) {
        let nearest = RETENTIONS.iter().copied().find(|possible| *possible >= days.value);
        problems.push(
            Problem::new(codes::SERVICE_LOG_RETENTION, format!("CloudWatch Logs cannot keep events for {} days", days.value))
                .at(days.span, "not one of the possible numbers")
                .help(match nearest {
                    Some(nearest) => format!("the next longer one is {nearest}; or write `forever`"),
                    None => "the longest is 3653; or write `forever`".to_owned(),
                }),
        );
    }
}

fn keeps(retention: &RetentionDraft) -> bool {
    matches!(retention, RetentionDraft::Days(days) if RETENTIONS.contains(&days.value)) || matches!(retention, RetentionDraft::Forever)
}

fn sizes(here: &Here<'_>, problems: &mut Vec<Problem>) {
    let (cpu, memory) = size(here.member);
    let (of_cpu, of_memory) = (&here.member.cpu, &here.member.memory);
    let Some((_, least, most, step)) = SIZES.iter().find(|(of, ..)| *of == cpu) else {
        let Some(at) = of_cpu else { return };
        let possible: Vec<u64> = SIZES.iter().map(|(of, ..)| *of).collect();
        problems.push(
            Problem::new(codes::SERVICE_SIZE, format!("Fargate has no tasks with {cpu} CPU units"))
                .at(at.span, "1024 units are one vCPU")
                .help(format!("it can be {}", suggest::list(&possible))),
        );
        return;
    };
    if (least..=most).contains(&&memory) && memory.is_multiple_of(*step) {
        return;
    }
    let Some(at) = of_memory else { return };
    let problem = Problem::new(codes::SERVICE_SIZE, format!("Fargate has no tasks with {cpu} CPU units and {memory} MiB"));
    let problem = problem.at(at.span, "this memory");
    let problem = match of_cpu {
        Some(cpu) => problem.at(cpu.span, "with this CPU"),
        None => problem,
    };
    problems.push(problem.help(format!("with {cpu} CPU units `memory` can be {least} to {most} in steps of {step}")));
}

fn counts(here: &Here<'_>, problems: &mut Vec<Problem>) {
    let Some(tasks) = &here.member.tasks else { return };
    for count in [&tasks.min, &tasks.max].into_iter().flatten() {
        if within(codes::SERVICE_TASKS, count, 1..=MOST_TASKS, "this number of tasks", problems) {
            return;
        }
    }
    let (min, max) = task_range(Some(tasks));
    if let (true, Some(at)) = (min > max, tasks.max.as_ref()) {
        let problem = Problem::new(codes::SERVICE_TASKS, format!("at least {min} tasks are more than at most {max}"));
        let problem = problem.at(at.span, "`max`");
        let problem = match &tasks.min {
            Some(min) => problem.at(min.span, "`min`"),
            None => problem,
        };
        problems.push(problem.help("`min` must not be above `max`"));
    }
}

fn scaling(here: &Here<'_>, problems: &mut Vec<Problem>) {
    let Some(scale) = &here.member.scale_on else { return };
    let given: Vec<(&str, &At<u64>)> = metrics(scale);
    let wrong = match given.len() {
        0 => "names no metric",
        1 => "",
        _ => "names more than one metric",
    };
    if !wrong.is_empty() {
        problems.push(
            Problem::new(codes::SERVICE_SCALE_ON, "`scale_on` takes exactly one metric")
                .at(scale.key, wrong)
                .help("write `scale_on: { cpu: 50 }`; in `per_region` take the other away: `scale_on: { cpu: null, memory: 60 }`"),
        );
        return;
    }
    for (metric, target) in given {
        let most = if metric == "requests_per_target" { 1_000_000_000 } else { 100 };
        within(codes::SERVICE_SCALE_ON, target, 1..=most, &format!("the target of `{metric}`"), problems);
        if metric == "requests_per_target" && load_balancer(here.member) == LoadBalancer::None {
            problems.push(
                Problem::new(codes::SERVICE_SCALE_ON, "`requests_per_target` needs a load balancer, which counts the requests")
                    .at(target.span, "nobody counts them")
                    .help("give the service a `port`, or scale on `cpu` or `memory`"),
            );
        }
    }
    let (min, max) = task_range(here.member.tasks.as_ref());
    if min == max {
        let problem = Problem::new(codes::SERVICE_SCALES_NOTHING, format!("`scale_on` has nothing to do: there are always {min} tasks"));
        let problem = problem.at(scale.key, "changes the number of tasks");
        problems.push(problem.help("set `tasks.max` above `tasks.min`, or remove `scale_on`"));
    }
}

fn metrics(scale: &ScaleOnDraft) -> Vec<(&'static str, &At<u64>)> {
    let all = [("cpu", &scale.cpu), ("memory", &scale.memory), ("requests_per_target", &scale.requests_per_target)];
    all.into_iter().filter_map(|(name, target)| Some((name, target.as_ref()?))).collect()
}

fn deployments(here: &Here<'_>, problems: &mut Vec<Problem>) {
    let Some(draft) = &here.member.deployment else { return };
    let percents = [(&draft.minimum_healthy, 0..=100), (&draft.maximum, 100..=200)];
    for (percent, range) in percents {
        if percent.as_ref().is_some_and(|percent| within(codes::SERVICE_DEPLOYMENT, percent, range, "this percentage", problems)) {
            return;
        }
    }
    let ((least, most), (tasks, _)) = (deployment(here.member), task_range(here.member.tasks.as_ref()));
    // ECS rounds so (ECS developer guide, "Deployment configuration").
    if tasks.saturating_mul(least).div_ceil(100) >= tasks.saturating_mul(most) / 100 {
        let text = format!("with {tasks} of `tasks.min` a deployment could neither stop a task nor start one");
        let problem = Problem::new(codes::SERVICE_DEPLOYMENT, text);
        let problem = problem.at(draft.key, format!("at least {least} and at most {most} percent"));
        problems.push(problem.help("raise `maximum`, lower `minimum_healthy`, or run more tasks"));
    }
}

/// Reports a number outside its range, and says whether it did.
pub fn within(code: Code, at: &At<u64>, range: RangeInclusive<u64>, what: &str, problems: &mut Vec<Problem>) -> bool {
    let wrong = !range.contains(&at.value);
    if wrong {
        let (least, most) = (range.start(), range.end());
        let problem = Problem::new(code, format!("{what} cannot be {}", at.value));
        problems.push(problem.at(at.span, format!("must be {least} to {most}")).help(format!("write a number from {least} to {most}")));
    }
    wrong
}

fn lasts(at: &Option<At<Duration>>, key: &str, range: RangeInclusive<Duration>, problems: &mut Vec<Problem>) {
    if let Some(at) = at {
        lasts_within(codes::SERVICE_DURATION, at, range, &format!("`{}`", shortened(key)), problems);
    }
}

/// Reports a duration outside its range, and says whether it did.
pub fn lasts_within(code: Code, at: &At<Duration>, range: RangeInclusive<Duration>, what: &str, problems: &mut Vec<Problem>) -> bool {
    let wrong = !range.contains(&at.value);
    if wrong {
        let (least, most) = (range.start().as_secs(), range.end().as_secs());
        let problem = Problem::new(code, format!("{what} cannot be {} seconds", at.value.as_secs()));
        problems.push(problem.at(at.span, format!("must be {least}s to {most}s")).help(format!("write {least}s to {most}s")));
    }
    wrong
}
