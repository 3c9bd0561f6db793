//! Runs that are cut off: the same command again makes of it one of everything, or nothing.
use super::{
    aws::{Aws, block_on},
    binary::Place,
    sandbox::strict,
};

/// Most of the time a run waits for slow states.
const SIDE_BY_SIDE: u64 = 8;
const APPLY: [&str; 3] = ["apply", "--yes", "--no-sweep"];

/// A stack whose runs are cut off, and what it is when none is.
struct Whole<'a> {
    topology: &'a str,
    stack: &'a str,
    regions: &'a [&'a str],
    /// How many steps its plan has.
    steps: usize,
    /// How many things AWS shows of it, by region.
    things: Vec<usize>,
    /// Calls that change something, of an apply and of a destroy.
    calls: [u64; 2],
}

/// Kills an apply and later a destroy of a stack at `points` places each, spread by seed over all their calls, before the call is
/// sent or once AWS has done it. Each is followed by a run that nobody cuts off; then there is one of everything, and in the end
/// nothing. `MRCTL_KILL_POINTS` stands instead of `points`.
pub fn survive(topology: &str, stack: &str, regions: &[&str], points: u64) {
    let points = std::env::var_os("MRCTL_KILL_POINTS").and_then(|text| text.to_str()?.parse().ok()).unwrap_or(points);
    let whole = Whole::build(topology, stack, regions);
    std::thread::scope(|scope| {
        for worker in 0..SIDE_BY_SIDE {
            let whole = &whole;
            scope.spawn(move || (worker..points).step_by(SIDE_BY_SIDE as usize).for_each(|point| whole.survives(point, points)));
        }
    });
    let [apply, destroy] = whole.calls;
    println!("{points} points over {apply} calls of an apply and {destroy} of a destroy; each cut off both");
}

impl<'a> Whole<'a> {
    fn build(topology: &'a str, stack: &'a str, regions: &'a [&'a str]) -> Self {
        let world = Place::with(topology);
        world.expect(0, &APPLY);
        let applied = changes(&world);
        let (steps, things) = (steps(&world), things(&world, regions));
        world.destroy(stack);
        let calls = [applied, changes(&world) - applied];
        assert!(things.iter().all(|count| *count > 0) && calls.iter().all(|count| *count > 0), "{things:?} {calls:?}");
        Self { topology, stack, regions, steps, things, calls }
    }

    /// Cuts off an apply, and later a destroy, at the place of this point.
    fn survives(&self, point: u64, points: u64) {
        let mut chance = fastrand::Rng::with_seed(point);
        let mut place = |calls: u64| {
            let (from, to) = (point * calls / points, ((point + 1) * calls / points).max(point * calls / points + 1));
            (1 + chance.u64(from..to), if chance.bool() { "before" } else { "after" })
        };
        let [at_apply, at_destroy] = self.calls.map(&mut place);
        let world = Place::with(self.topology);
        let destroy = ["destroy", "--yes", "--confirm", self.stack, "--allow-data-loss", "all", "--no-sweep"];
        let at_apply = cut_off(&world, &APPLY, at_apply, || world.destroy(self.stack));
        world.expect(0, &APPLY);
        assert_eq!((steps(&world), things(&world, self.regions)), (self.steps, self.things.clone()), "after {at_apply}");
        let at_destroy = cut_off(&world, &destroy, at_destroy, || world.expect(0, &APPLY));
        world.destroy(self.stack);
        assert_eq!(things(&world, self.regions), vec![0; self.regions.len()], "after {at_destroy}");
    }
}

/// Cuts a run off at a call and gives the place. A run that AWS makes wait repeats calls, so one that is over earlier than the
/// counted one is taken back and cut off at an earlier place.
fn cut_off<T>(world: &Place, command: &[&str], (mut call, side): (u64, &str), back: impl Fn() -> T) -> String {
    loop {
        let at = format!("kill@{call}:{side}");
        let run = world.run(&[&["--inject", &at], command].concat());
        if run.status.code().is_none() {
            return at;
        }
        assert!(run.status.success() && call > 1, "{command:?} at {at}: {}", String::from_utf8_lossy(&run.stderr));
        back();
        call = call * 7 / 8;
    }
}

fn changes(world: &Place) -> u64 {
    strict().changes(&world.account).len() as u64
}

/// How many steps the plan has, which all have to be "as wanted", without a finding.
fn steps(world: &Place) -> usize {
    let plan = world.plan(&[]);
    let steps = plan["steps"].as_array().unwrap();
    let is_whole =
        steps.iter().all(|step| step["action"] == "keep" && step["waiting"].is_null()) && plan["findings"] == serde_json::json!([]);
    assert!(is_whole, "{plan:#}");
    steps.len()
}

/// How many things there are by region, with marks or without, as AWS itself shows them; what has no region counts in the first.
pub fn things(world: &Place, regions: &[&str]) -> Vec<usize> {
    block_on(async {
        let mut all = Vec::new();
        for region in regions {
            all.push(Aws::new(&world.account, region).leftovers().await.len());
        }
        all[0] += Aws::new(&world.account, regions[0]).names().await.len();
        all
    })
}
