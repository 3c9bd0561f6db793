use std::sync::{Arc, Mutex};

use super::*;
use crate::{
    apply::{Doing, Stop},
    resource::{Class, Fault, Region},
    view::human::sample,
};

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn run() -> Vec<(u64, Event)> {
    let addr = || sample::addr("eu-west-1/dynamodb.table/Orders");
    let doing = Doing::Creating;
    let seconds = Duration::from_secs;
    let progress = |at: u64| (at, Event::Progress { addr: addr(), doing, now: "CREATING".into(), elapsed: seconds(at) });
    let region = || Region::new("us-east-1");
    vec![
        (0, Event::Started { addr: addr(), doing }),
        progress(1),
        progress(2),
        progress(11),
        progress(12),
        progress(22),
        (23, Event::Done { addr: addr(), doing, id: Some("shop-Orders".into()), elapsed: seconds(23) }),
        (24, Event::Draining { region: region(), left: seconds(60) }),
        (25, Event::Drained { region: region() }),
        (
            26,
            Event::Failed {
                addr: sample::addr("us-east-1/ec2.vpc/main"),
                doing: Doing::Deleting,
                fault: Fault::new("ec2:DeleteVpc", Class::InUse, "has dependencies"),
                exists: "vpc-1 is still there".into(),
                elapsed: seconds(65),
            },
        ),
        (27, Event::Stopping { why: Stop::Interrupted, running: 1 }),
    ]
}

fn shown(quiet: bool) -> String {
    let out = Shared::default();
    let mut progress = Progress::to(Box::new(out.clone())).quiet(quiet);
    for (at, event) in run() {
        progress.event(&Stamped { at: Timestamp::from_second(i64::try_from(at).unwrap()).unwrap(), seq: at, event });
    }
    progress.finish();
    let bytes = out.0.lock().unwrap().clone();
    anstream::adapter::strip_str(&String::from_utf8(bytes).unwrap()).to_string()
}

#[test]
fn plain_lines_say_progress_every_ten_seconds() {
    insta::assert_snapshot!(shown(false), @r"
    start    eu-west-1/dynamodb.table/Orders: creating
    wait     eu-west-1/dynamodb.table/Orders: creating: CREATING (11s)
    wait     eu-west-1/dynamodb.table/Orders: creating: CREATING (22s)
    done     eu-west-1/dynamodb.table/Orders: created shop-Orders (23s)
    wait     drain/us-east-1: waiting until clients let go of us-east-1, 1m 00s left
    done     drain/us-east-1: clients have let go of us-east-1
    failed   us-east-1/ec2.vpc/main: could not delete: ec2:DeleteVpc failed: has dependencies; vpc-1 is still there (1m 05s)
             help: remove what still uses it, then run the same command again
    stopping interrupted: nothing more is started, 1 operation is running to its end (again: stop waiting for it)
    ");
}

#[test]
fn quiet_says_what_went_wrong() {
    insta::assert_snapshot!(shown(true), @r"
    failed   us-east-1/ec2.vpc/main: could not delete: ec2:DeleteVpc failed: has dependencies; vpc-1 is still there (1m 05s)
             help: remove what still uses it, then run the same command again
    stopping interrupted: nothing more is started, 1 operation is running to its end (again: stop waiting for it)
    ");
}

#[test]
fn live_lines_come_and_go() {
    let mut progress = Progress::over(Drawing::Live {
        all: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()),
        running: BTreeMap::new(),
        count: None,
    })
    .with_total(3);
    let mut most = 0;
    for (at, event) in run() {
        progress.event(&Stamped { at: Timestamp::UNIX_EPOCH, seq: at, event });
        let Drawing::Live { running, .. } = &progress.drawing else { unreachable!() };
        most = most.max(running.len());
    }
    let Drawing::Live { running, .. } = &progress.drawing else { unreachable!() };
    assert_eq!((most, running.len()), (1, 0));
    progress.finish();
}
