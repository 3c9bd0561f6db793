//! The commands that talk to AWS: `plan`, `apply`, `destroy`, `graph`.
use std::{io::IsTerminal, time::Duration};

use anstream::{eprint, eprintln, print, println};
use anyhow::Result;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{
    Exit,
    common::Common,
    consent::{Consent, Signals, agreed},
    exit_of,
    offline::Format,
    planning::{self, Asked, Planned},
};
use crate::{
    apply::{self, Outcome, Stamped, Stop},
    aws::Fleet,
    plan::{Allowance, Plan, Selection},
    resource::{Addr, Class},
    topology::Model,
    view::{
        graph,
        human::{self, Calls, Ending, PlanView, Progress},
        json::{self, Finished},
    },
};

/// Which part of the plan, and what it may lose.
#[derive(Debug, Args)]
struct Part {
    /// Only addresses like this, and what they need; `*` stands for any text
    #[arg(long, value_name = "PATTERN")]
    only: Vec<String>,
    /// Not addresses like this, nor what needs them
    #[arg(long, value_name = "PATTERN")]
    except: Vec<String>,
}

#[derive(Debug, Args)]
struct Loss {
    /// Data that may be lost: an address, `REGION/*` or `all`
    #[arg(long, value_name = "ADDR|REGION/*|all", value_parser = |text: &str| Allowance::parse(text).map(|loss| (text.to_owned(), loss)))]
    allow_data_loss: Vec<(String, Allowance)>,
    /// Do not search the account's other regions for resources of this stack
    #[arg(long)]
    no_sweep: bool,
}

#[derive(Debug, Args)]
struct Draining {
    /// Do not wait until clients have let go of a region before what serves there is removed; DNS lets go first all the same
    #[arg(long)]
    no_drain: bool,
}

/// Read AWS and show the difference.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// For readers, or one JSON document
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// End with 2 when there are changes
    #[arg(long)]
    detailed_exitcode: bool,
    /// Plan the removal of everything
    #[arg(long)]
    destroy: bool,
    /// Take AWS as empty and ask it nothing; needs no credentials
    #[arg(long)]
    offline: bool,
    /// List what stays as it is, and unfold what is equal over regions
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    part: Part,
    #[command(flatten)]
    loss: Loss,
}

/// Plan, ask, and do it.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// For readers, or one JSON event a line on standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    #[command(flatten)]
    part: Part,
    #[command(flatten)]
    loss: Loss,
    /// Put this stack's marks on what stands at this address without them
    #[arg(long, value_name = "ADDR")]
    adopt: Vec<Addr>,
    /// Bring what others set back to what the file says; the ids stand in the plan
    #[arg(long, value_name = "ID")]
    restore_posture: Vec<String>,
    #[command(flatten)]
    draining: Draining,
    /// Start nothing more after this time (`30s`, `20m`)
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,
}

/// Plan the removal of everything the stack owns, ask, and do it.
#[derive(Debug, Args)]
pub struct DestroyArgs {
    /// Do not ask; needs `--confirm`
    #[arg(long, requires = "confirm")]
    yes: bool,
    /// The stack's name, as the confirmation
    #[arg(long, value_name = "STACK")]
    confirm: Option<String>,
    /// For readers, or one JSON event a line on standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    #[command(flatten)]
    loss: Loss,
    #[command(flatten)]
    draining: Draining,
    /// Start nothing more after this time (`30s`, `20m`)
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,
}

/// Draw the plan graph.
#[derive(Debug, Args)]
pub struct GraphArgs {
    /// The language of the picture
    #[arg(long, value_enum, default_value_t = Picture::Dot)]
    format: Picture,
    /// Take AWS as empty and ask it nothing; needs no credentials
    #[arg(long)]
    offline: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Picture {
    Dot,
    Mermaid,
}

fn duration(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration = text.parse().map_err(|_| format!("`{text}` is not a duration; write `30s`, `20m` or `1h`"))?;
    Duration::try_from(span).map_err(|_| "a duration cannot be negative".to_owned())
}

impl PlanArgs {
    pub async fn run(self, common: &Common) -> Result<Exit> {
        let model = match common.model() {
            Ok(model) => model,
            Err(exit) => return Ok(exit),
        };
        let asked = Asked {
            destroy: self.destroy,
            offline: self.offline,
            no_sweep: self.loss.no_sweep,
            selection: Selection { only: self.part.only, except: self.part.except },
            allowed: self.loss.allow_data_loss,
            ..Asked::default()
        };
        let fleet = if self.offline { Fleet::offline() } else { common.fleet_for(&model, self.destroy).await? };
        let plan = planning::plan(model, fleet.clone(), &asked).await?.plan;
        match self.format {
            Format::Json => println!("{:#}", json::plan(&plan)),
            Format::Human => print!("{}", human::plan(&plan, PlanView { full: self.full, ..PlanView::default() })),
        }
        if common.verbose > 0 {
            eprintln!("AWS calls: {}", by_service(&fleet));
        }
        let mut exits = before_apply(&plan);
        if self.detailed_exitcode && plan.has_changes() {
            exits.push(Exit::Changes);
        }
        Ok(exit_of(&exits))
    }
}

impl GraphArgs {
    pub async fn run(self, common: &Common) -> Result<Exit> {
        let model = match common.model() {
            Ok(model) => model,
            Err(exit) => return Ok(exit),
        };
        let fleet = if self.offline { Fleet::offline() } else { common.fleet_for(&model, false).await? };
        let plan = planning::plan(model, fleet, &Asked { offline: self.offline, ..Asked::default() }).await?.plan;
        match self.format {
            Picture::Dot => print!("{}", graph::dot(&plan)),
            Picture::Mermaid => print!("{}", graph::mermaid(&plan)),
        }
        Ok(Exit::Done)
    }
}

impl ApplyArgs {
    pub async fn run(self, common: &Common) -> Result<Exit> {
        let asked = Asked {
            no_sweep: self.loss.no_sweep,
            selection: Selection { only: self.part.only, except: self.part.except },
            allowed: self.loss.allow_data_loss,
            adopt: self.adopt.into_iter().collect(),
            restore: self.restore_posture.into_iter().collect(),
            no_drain: self.draining.no_drain,
            ..Asked::default()
        };
        let consent = if self.yes { Consent::Given } else { Consent::Ask };
        execute(common, asked, consent, self.format, self.timeout).await
    }
}

impl DestroyArgs {
    pub async fn run(self, common: &Common) -> Result<Exit> {
        let asked = Asked {
            destroy: true,
            no_sweep: self.loss.no_sweep,
            allowed: self.loss.allow_data_loss,
            no_drain: self.draining.no_drain,
            ..Asked::default()
        };
        let consent = if self.yes { Consent::Named(self.confirm.unwrap_or_default()) } else { Consent::AskName(self.confirm) };
        execute(common, asked, consent, self.format, self.timeout).await
    }
}

async fn execute(common: &Common, asked: Asked, consent: Consent, format: Format, timeout: Option<Duration>) -> Result<Exit> {
    let asks = matches!(consent, Consent::Ask | Consent::AskName(_));
    if asks && !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        let how = if asked.destroy { "`--yes --confirm STACK`" } else { "`--yes`" };
        eprintln!("error: there is no terminal to ask at; agree with {how}");
        return Ok(Exit::Usage);
    }
    let model = match common.model() {
        Ok(model) => model,
        Err(exit) => {
            unplanned(format, exit);
            return Ok(exit);
        }
    };
    if let Consent::Named(name) | Consent::AskName(Some(name)) = &consent
        && *name != model.stack
    {
        eprintln!("error: `--confirm {name}` does not name the stack of this file, `{}`; nothing was read or changed", model.stack);
        return Ok(Exit::Usage);
    }
    let rollout = model.clone();
    let plan = async {
        let fleet = common.fleet_for(&model, asked.destroy).await?;
        Ok::<_, anyhow::Error>((planning::plan(model, fleet.clone(), &asked).await?, fleet))
    };
    let (planned, fleet) = plan.await.inspect_err(|_| unplanned(format, Exit::Failed))?;
    let plan = &planned.plan;
    let before = before_apply(plan);
    let refused = before.contains(&Exit::Refused) || plan.has_errors();
    // Why nothing is done matters to everyone, and no event says it.
    if refused || format == Format::Human && !common.quiet {
        eprint!("{}", human::plan(plan, PlanView::default()));
    }
    if refused || !plan.has_changes() {
        let exit = exit_of(&before);
        finish(format, if refused { "refused" } else { "done" }, exit, plan, None, 0);
        return Ok(exit);
    }
    // Listening begins here, once: a signal at the question declines, and one right after the answer is not lost.
    let mut signals = Signals::listen().ok();
    if !agreed(&consent, plan, signals.as_mut()).await? {
        eprintln!("declined: nothing was changed");
        finish(format, "stopped", Exit::Declined, plan, None, 0);
        return Ok(Exit::Declined);
    }
    let (outcome, last) = carry_out(common, &planned, &rollout, format, timeout, signals).await;
    Ok(ended(common, plan, &fleet, format, &outcome, before, last))
}

/// What applies to a plan before anything is done.
fn before_apply(plan: &Plan) -> Vec<Exit> {
    let unreachable = plan.unreachable().next().map(|_| Exit::Unreachable);
    let refused = (!plan.refusals.is_empty()).then_some(Exit::Refused);
    let errors = plan.has_errors().then_some(Exit::Failed);
    [unreachable, refused, errors].into_iter().flatten().collect()
}

async fn carry_out(
    common: &Common,
    planned: &Planned,
    model: &Model,
    format: Format,
    timeout: Option<Duration>,
    signals: Option<Signals>,
) -> (Outcome, u64) {
    let options = apply::Options {
        timing: planned.cx.fleet.timing(),
        read_at: planned.read_at,
        timeout,
        bake: model.rollout.bake,
        gate_timeout: model.rollout.gate_timeout,
        stop: CancellationToken::new(),
        abandon: CancellationToken::new(),
    };
    let signals = signals.map(|signals| tokio::spawn(signals.obey(options.stop.clone(), options.abandon.clone())));
    let live = std::io::stderr().is_terminal() && format == Format::Human;
    let mut progress = Progress::new(live).quiet(common.quiet).with_total(planned.plan.graph.ops.len());
    let mut last = 0;
    let mut say = |event: Stamped| {
        last = event.seq;
        match format {
            Format::Json => println!("{}", json::event(&event)),
            Format::Human => progress.event(&event),
        }
    };
    let outcome = apply::apply(&planned.plan, &planned.kinds, &planned.cx, &options, &mut say).await;
    progress.finish();
    if let Some(signals) = signals {
        signals.abort();
    }
    (outcome, last)
}

fn ended(common: &Common, plan: &Plan, fleet: &Fleet, format: Format, outcome: &Outcome, mut exits: Vec<Exit>, last: u64) -> Exit {
    // A shut gate skips what follows it, and what did not get healthy is one: that alone is 6 and no failure.
    if outcome.failures.iter().any(|(_, fault)| fault.class != Class::Unhealthy) {
        exits.push(Exit::Failed);
    }
    let word = match outcome.stopped {
        Some(Stop::Interrupted) => {
            exits.push(Exit::Declined);
            "stopped"
        }
        Some(Stop::TimedOut) => {
            exits.push(Exit::Failed);
            "stopped"
        }
        Some(Stop::Gated) => {
            exits.push(Exit::Gated);
            "gated"
        }
        None if outcome.tally.failed > 0 => "failed",
        None if plan.unreachable().next().is_some() => "held",
        None => "done",
    };
    let exit = exit_of(&exits);
    if format == Format::Human {
        let mut calls = Calls { by_service: fleet.meter().by_service(), ..Calls::default() };
        for (counted, times) in fleet.meter().snapshot() {
            calls.by_operation.insert((counted.region.to_string(), format!("{}:{}", counted.service, counted.operation)), times);
        }
        let blocked = outcome.failures.iter().filter_map(|(addr, fault)| match fault.class {
            Class::Blocked(Some(until)) => Some(format!("{addr} is blocked until {until}")),
            _ => None,
        });
        let left: Vec<String> = outcome.left.iter().cloned().chain(blocked).collect();
        eprint!("{}", human::summary(&Ending { plan, outcome, calls: &calls, left: &left, verbose: common.verbose > 0 }));
    }
    finish(format, word, exit, plan, Some(outcome), last);
    exit
}

/// The only line of an event stream when there is no plan; why, is on stderr.
fn unplanned(format: Format, exit: Exit) {
    finish(format, "failed", exit, &Plan::default(), None, 0);
}

/// The last line of the event stream.
fn finish(format: Format, word: &'static str, exit: Exit, plan: &Plan, outcome: Option<&Outcome>, last: u64) {
    if format == Format::Json {
        let summary = outcome.map_or_else(|| serde_json::json!(plan.summary()), |outcome| json::tally(&outcome.tally));
        let mut extra = serde_json::Map::new();
        if let Some(outcome) = outcome.filter(|outcome| !outcome.to_do.is_empty()) {
            extra.insert("to_do".to_owned(), serde_json::json!(outcome.to_do));
        }
        if let Some(outcome) = outcome.filter(|outcome| !outcome.left.is_empty()) {
            extra.insert("left".to_owned(), serde_json::json!(outcome.left));
        }
        let end = Finished { at: Timestamp::now(), seq: last + 1, outcome: word, exit_code: exit as u8, summary, extra };
        println!("{}", json::finished(&end));
    }
}

fn by_service(fleet: &Fleet) -> String {
    let counts = fleet.meter().by_service();
    let counts: Vec<String> = counts.iter().map(|(service, calls)| format!("{service} {calls}")).collect();
    if counts.is_empty() { "none".to_owned() } else { counts.join(", ") }
}
