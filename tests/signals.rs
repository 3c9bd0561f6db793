//! What the real binary does when it is told to stop.
use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ExitStatus, Stdio},
};

use rustix::{
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};
use serde_json::Value;

use crate::support::binary::Place;

const TOPOLOGY: &str = "version: 1
stack: shop
regions:
  us-east-1: { cidr: 10.10.0.0/16 }
  eu-west-1: { cidr: 10.20.0.0/16 }
network: { availability_zones: 2 }
";

/// An apply whose calls take their time, and what it says.
struct Run {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    stack: Place,
}

impl Run {
    fn start(delay: &str) -> Self {
        let stack = Place::with(TOPOLOGY);
        let mut command = stack.command(&["--inject", delay, "apply", "--yes", "--no-sweep", "--format", "json"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines, stack }
    }

    fn send(&self, signal: Signal) {
        send(&self.child, signal);
    }

    /// The events up to the first of a type.
    fn until(&mut self, kind: &str) -> Vec<Value> {
        let mut said = Vec::new();
        for line in self.lines.by_ref() {
            said.push(serde_json::from_str::<Value>(&line.unwrap()).unwrap());
            if said.last().is_some_and(|event| event["type"] == kind) {
                return said;
            }
        }
        let mut errors = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        panic!("no {kind}: {said:#?}\n{errors}");
    }

    fn exit_code(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

fn send(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// Both ends of a terminal: what somebody who sits at it types and reads, and what a program has for its input and its errors.
fn terminal() -> (File, File) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let theirs = OpenOptions::new().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    (File::from(ours), theirs)
}

/// Runs a command at a terminal, does `answer` when it asks, and gives what was shown there and how it ended.
fn at_a_terminal(stack: &Place, arguments: &[&str], question: &str, answer: impl Fn(&Child, &mut File)) -> (String, ExitStatus) {
    let (mut ours, theirs) = terminal();
    let mut command = stack.command(&[arguments, &["--no-sweep"]].concat());
    let mut child = command.stdin(theirs.try_clone().unwrap()).stdout(Stdio::null()).stderr(theirs).spawn().unwrap();
    // It holds the other end, too: without this the last read would wait for ever.
    drop(command);
    let (mut shown, mut part) = (String::new(), [0; 4096]);
    let mut is_answered = false;
    // The end of a terminal that nobody holds any more is an error (EIO).
    while let Ok(length @ 1..) = ours.read(&mut part) {
        shown.push_str(&String::from_utf8_lossy(&part[..length]));
        if !is_answered && shown.contains(question) {
            is_answered = true;
            answer(&child, &mut ours);
        }
    }
    (shown, child.wait().unwrap())
}

fn count(events: &[Value], kind: &str) -> usize {
    events.iter().filter(|event| event["type"] == kind).count()
}

#[test]
fn a_termination_signal_lets_what_runs_end_and_starts_nothing_more() {
    let mut run = Run::start("delay=400ms");
    let mut said = run.until("started");
    run.send(Signal::TERM);
    said.extend(run.until("stopping"));
    let after = run.until("finished");
    assert_eq!(count(&after, "started"), 0, "{after:#?}");
    let started = count(&said, "started");
    said.extend(after);
    assert!(started > 0 && count(&said, "done") == started, "{said:#?}");
    let end = said.last().unwrap();
    assert_eq!((&end["outcome"], &end["exit_code"]), (&"stopped".into(), &9.into()));
    assert!(end["summary"]["left"].as_u64().unwrap() > 0, "{end:#}");
    assert_eq!(run.exit_code(), Some(9));
    run.stack.expect(0, &["apply", "--yes", "--no-sweep"]);
}

#[test]
fn a_second_signal_of_either_kind_stops_waiting() {
    for (first, second) in [(Signal::TERM, Signal::INT), (Signal::INT, Signal::TERM)] {
        // What has started cannot be done before the test has read a line and sent a signal twice.
        let mut run = Run::start("delay=3s");
        let mut said = run.until("started");
        run.send(first);
        said.extend(run.until("stopping"));
        run.send(second);
        said.extend(run.until("finished"));
        assert_eq!(count(&said, "done"), 0, "{said:#?}");
        assert_eq!(said.last().unwrap()["outcome"], "stopped");
        assert_eq!(run.exit_code(), Some(9));
    }
}

#[test]
fn a_signal_at_the_question_declines() {
    let stack = Place::with(TOPOLOGY);
    let apply = (&["apply"][..], "Only `yes` is taken as yes: ");
    for (signal, (arguments, question)) in [(Signal::INT, apply), (Signal::TERM, apply)] {
        let (shown, end) = at_a_terminal(&stack, arguments, question, |child, _| send(child, signal));
        assert_eq!(end.code(), Some(9), "{shown}");
        assert!(shown.trim_end().ends_with("declined: nothing was changed"), "{shown}");
    }
    assert_eq!(stack.plan(&[])["summary"]["keep"], 0);
    // A yes is still a yes, and the question of a removal is asked in the same way.
    let (shown, end) = at_a_terminal(&stack, apply.0, apply.1, |_, keys| keys.write_all(b"yes\n").unwrap());
    assert_eq!(end.code(), Some(0), "{shown}");
    let (remove, question) = (&["destroy"][..], "name to remove it (shop): ");
    let (shown, end) = at_a_terminal(&stack, remove, question, |child, _| send(child, Signal::INT));
    assert_eq!(end.code(), Some(9), "{shown}");
    assert!(shown.trim_end().ends_with("declined: nothing was changed"), "{shown}");
    stack.is_converged();
    let (shown, end) = at_a_terminal(&stack, remove, question, |_, keys| keys.write_all(b"shop\n").unwrap());
    assert_eq!(end.code(), Some(0), "{shown}");
}
