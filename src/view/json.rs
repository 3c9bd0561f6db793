//! The JSON plan and the event lines. Their formats are a contract: they only ever grow.
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::words;
use crate::{
    apply::{Doing, Event, Stamped, Stop, Tally},
    plan::{Action, GateInfo, Op, Plan, Step},
    resource::{Addr, Change, Class, Doc, Fault, Posture, Region, doc},
};

/// The version of the plan document.
const FORMAT_VERSION: &str = "1.0";

/// The plan as one document. Steps are in the order of the plan.
#[must_use]
pub fn plan(plan: &Plan) -> Value {
    let steps: Vec<Value> = plan.steps.iter().enumerate().map(|(index, item)| step(plan, index, item)).collect();
    let gates: Vec<Value> = plan.gates.iter().map(|item| gate(plan, item)).collect();
    let drains: Vec<Value> = plan.drains.iter().map(|region| drain(plan, region)).collect();
    let refusals: Vec<Value> = plan.refusals.iter().map(|refusal| json!({ "address": refusal.addr, "message": refusal.message })).collect();
    let posture: Vec<Value> = plan.posture.iter().map(posture).collect();
    let regions: Map<String, Value> = plan.regions.iter().map(|(region, state)| (region.to_string(), json!(state))).collect();
    json!({
        "format_version": FORMAT_VERSION,
        "stack": plan.stack,
        "account": plan.account,
        "regions": regions,
        "summary": plan.summary(),
        "steps": steps,
        "gates": gates,
        "drains": drains,
        "posture": posture,
        "findings": plan.findings,
        "refusals": refusals,
    })
}

fn step(plan: &Plan, index: usize, step: &Step) -> Value {
    let mut needs: Vec<String> = plan.needs(index).into_iter().map(|(label, _)| label).collect();
    needs.dedup();
    let changes: Vec<Value> = all_changes(step).iter().map(change).collect();
    json!({
        "address": step.addr,
        "kind": &*step.addr.kind,
        "region": step.addr.region(),
        "action": step.action,
        "waiting": step.waiting,
        "why": step.why,
        "changes": changes,
        "needs": needs,
    })
}

/// The changes of a step; a create that carries none says each field of what is wanted, from nothing.
fn all_changes(step: &Step) -> Vec<Change> {
    match &step.want {
        Some(want) if step.action == Action::Create && step.changes.is_empty() => {
            let fields = want.spec.as_object().into_iter().flatten();
            fields
                .map(|(key, to)| Change { path: key.clone(), from: Doc::Null, to: to.clone() })
                .filter(|change| !doc::shown(&change.to).is_null())
                .collect()
        }
        _ => step.changes.clone(),
    }
}

fn change(change: &Change) -> Value {
    json!({ "path": change.path, "from": doc::shown(&change.from), "to": doc::shown(&change.to) })
}

fn gate(plan: &Plan, gate: &GateInfo) -> Value {
    let op = Op::Gate(gate.region.clone());
    json!({
        "id": plan.label(&op),
        "needs": needs_of(plan, &op),
        "checks": gate.checks,
        "bake": words::setting(gate.bake),
    })
}

fn drain(plan: &Plan, region: &Region) -> Value {
    let op = Op::Drain(region.clone());
    json!({ "id": plan.label(&op), "needs": needs_of(plan, &op) })
}

/// What comes before a gate or a drain, sorted.
fn needs_of(plan: &Plan, op: &Op) -> Vec<String> {
    let Some(index) = plan.find_op(op) else { return Vec::new() };
    let before = plan.graph.before(index).filter_map(|(before, _)| plan.graph.ops.get(before));
    let mut needs: Vec<String> = before.map(|before| plan.label(before)).collect();
    needs.sort();
    needs.dedup();
    needs
}

fn posture(item: &Posture) -> Value {
    json!({
        "id": item.id,
        "kind": item.kind,
        "address": item.address,
        "wanted": doc::shown(&item.wanted),
        "found": doc::shown(&item.found),
        "message": item.message,
    })
}

/// One event as one line.
#[must_use]
pub fn event(stamped: &Stamped) -> Value {
    let (kind, fields) = parts(&stamped.event);
    line(stamped.at, stamped.seq, kind, words::message(&stamped.event), fields)
}

fn line(at: Timestamp, seq: u64, kind: &str, message: String, fields: Value) -> Value {
    let mut line = json!({ "v": 1, "time": at.to_string(), "seq": seq, "type": kind, "message": message });
    if let (Some(line), Value::Object(fields)) = (line.as_object_mut(), fields) {
        line.extend(fields);
    }
    line
}

/// The type of an event and the fields that it has beyond those every line has.
fn parts(event: &Event) -> (&'static str, Value) {
    match event {
        Event::Started { addr, doing } => ("started", about(addr, Some(*doing), json!({}))),
        Event::Progress { addr, doing, now, elapsed } => {
            ("progress", about(addr, Some(*doing), json!({ "now": now, "elapsed_ms": millis(*elapsed) })))
        }
        Event::Retried { addr, fault, attempt, pause } => {
            let own = json!({ "attempt": attempt, "pause_ms": millis(*pause) });
            ("retried", about(addr, None, merged(own, of_fault(fault))))
        }
        Event::ProtectionLifted { addr, change: lifted } => ("protection_lifted", about(addr, None, json!({ "change": change(lifted) }))),
        Event::Done { addr, doing, id, elapsed } => {
            ("done", about(addr, Some(*doing), json!({ "id": id, "elapsed_ms": millis(*elapsed) })))
        }
        Event::Failed { addr, doing, fault, exists, elapsed } => {
            let own = json!({ "exists": exists, "elapsed_ms": millis(*elapsed) });
            ("failed", about(addr, Some(*doing), merged(own, of_fault(fault))))
        }
        Event::Skipped { addr, doing, because } => ("skipped", about(addr, Some(*doing), json!({ "because": because }))),
        Event::GateWaiting { region, now, elapsed } => {
            ("gate_waiting", json!({ "region": region, "now": now, "elapsed_ms": millis(*elapsed) }))
        }
        Event::GateBaking { region, bake } => ("gate_baking", json!({ "region": region, "bake": words::setting(*bake) })),
        Event::GateOpen { region, elapsed } => ("gate_open", json!({ "region": region, "elapsed_ms": millis(*elapsed) })),
        Event::GateFailed { region, why, elapsed } => {
            ("gate_failed", json!({ "region": region, "why": why, "elapsed_ms": millis(*elapsed) }))
        }
        Event::Draining { region, left } => ("draining", json!({ "region": region, "left_ms": millis(*left) })),
        Event::Drained { region } => ("drained", json!({ "region": region })),
        Event::Stopping { why, running } => {
            let why = match why {
                Stop::Interrupted => "interrupted",
                Stop::TimedOut => "timed_out",
                Stop::Gated => "gated",
            };
            ("stopping", json!({ "why": why, "running": running }))
        }
    }
}

fn about(addr: &Addr, doing: Option<Doing>, more: Value) -> Value {
    let mut fields = json!({ "address": addr, "kind": &*addr.kind, "region": addr.region() });
    if let Some(doing) = doing {
        fields["op"] = json!(op(doing));
    }
    merged(fields, more)
}

fn op(doing: Doing) -> &'static str {
    match doing {
        Doing::Waiting => "wait",
        Doing::Creating => "create",
        Doing::Updating => "update",
        Doing::Deleting => "delete",
        Doing::Adopting => "adopt",
    }
}

/// What AWS said: `call` is the operation and the IAM action in one.
fn of_fault(fault: &Fault) -> Value {
    let mut fields = json!({
        "call": fault.op,
        "class": words::class(fault.class),
        "code": fault.code,
        "request_id": fault.request_id,
        "aws_message": fault.message,
        "advice": fault.advice(),
    });
    if let Class::Blocked(Some(until)) = fault.class {
        fields["blocked_until"] = json!(until.to_string());
    }
    fields
}

fn merged(mut fields: Value, more: Value) -> Value {
    if let (Some(fields), Value::Object(more)) = (fields.as_object_mut(), more) {
        fields.extend(more);
    }
    fields
}

/// Whole milliseconds; nothing mrctl waits for is long enough to leave 64 bits.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The last line of `apply` and `destroy`.
#[derive(Clone, Debug)]
pub struct Finished {
    pub at: Timestamp,
    /// One more than that of the last event.
    pub seq: u64,
    /// `done`, `failed`, `stopped`, `gated`, `held` or `refused`.
    pub outcome: &'static str,
    pub exit_code: u8,
    /// Made by [`tally`], or the summary of a plan that was not applied.
    pub summary: Value,
    /// Further fields, for example the calls by service.
    pub extra: Map<String, Value>,
}

/// The last line: how it ended.
#[must_use]
pub fn finished(end: &Finished) -> Value {
    let message = match end.outcome {
        "done" => "done".to_owned(),
        "failed" => "something failed; run the same command again to go on".to_owned(),
        "stopped" => "stopped before everything was done; run the same command again to go on".to_owned(),
        "gated" => "a gate did not open; later regions are as they were".to_owned(),
        "held" => "done, but a region did not answer and its resources are held".to_owned(),
        "refused" => "refused: nothing was written".to_owned(),
        other => other.to_owned(),
    };
    let fields = json!({ "outcome": end.outcome, "exit_code": end.exit_code, "summary": end.summary });
    line(end.at, end.seq, "finished", message, merged(fields, Value::Object(end.extra.clone())))
}

/// The summary of a run: how many operations ended how.
#[must_use]
pub fn tally(tally: &Tally) -> Value {
    json!({ "done": tally.done, "failed": tally.failed, "skipped": tally.skipped, "left": tally.left })
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
