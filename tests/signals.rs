//! What the real binary does when it is told to stop.
use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
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
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
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
