//! What must hold for every world, every fault and every kill.
use mrctl::resource::Replace;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::{
    puppet::{kinds, wanted},
    run::{Stage, paused},
};

/// How many cases: `MRCTL_CASES`, or 300.
fn cases() -> u32 {
    std::env::var_os("MRCTL_CASES").and_then(|text| text.to_str()?.parse().ok()).unwrap_or(300)
}

/// Runs a property over seeds, the same ones every time.
fn check(name: &str, property: impl Fn(u64)) {
    let config = Config { cases: cases(), failure_persistence: None, max_shrink_iters: 0, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let ran = std::cell::Cell::new(0);
    let result = runner.run(&proptest::num::u64::ANY, |seed| {
        ran.set(ran.get() + 1);
        property(seed);
        Ok(())
    });
    println!("{name}: {} cases", ran.get());
    if let Err(error) = result {
        panic!("{name}: {error}");
    }
}

fn stage(seed: u64) -> (Stage, fastrand::Rng) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut stage = Stage::new(seed, rng.usize(1..=3));
    if rng.bool() {
        stage.kinds = kinds(&stage.world, Replace::CreateFirst);
    }
    stage.want(wanted(&stage.regions, &mut rng));
    (stage, rng)
}

fn no_violations(stage: &Stage) {
    let world = stage.world();
    assert!(world.violations.is_empty(), "{:#?}\n{:#?}", world.violations, world.log);
}

async fn destroyed(stage: &mut Stage, most: usize) {
    stage.want(Vec::new());
    stage.settle(most).await;
    assert!(stage.world().things.is_empty());
}

#[test]
fn one_apply_is_enough_and_destroy_ends_in_nothing() {
    check("plain", |seed| {
        paused(async {
            let (mut stage, _) = stage(seed);
            assert!(stage.settle(2).await <= 1);
            destroyed(&mut stage, 2).await;
            no_violations(&stage);
        });
    });
}

#[test]
fn any_change_of_what_is_wanted_converges() {
    check("changes", |seed| {
        paused(async {
            let (mut stage, mut rng) = stage(seed);
            stage.world().shuffled = true;
            for _ in 0..3 {
                stage.settle(2).await;
                let few = stage.regions[..rng.usize(1..=stage.regions.len())].to_vec();
                stage.want(wanted(&few, &mut rng));
            }
            stage.settle(2).await;
            no_violations(&stage);
        });
    });
}

#[test]
fn faults_and_broken_things_converge() {
    check("faults", |seed| {
        paused(async {
            let (mut stage, mut rng) = stage(seed);
            stage.world().faults = rng.u32(0..30);
            stage.world().breaks = rng.u32(0..20);
            stage.settle(12).await;
            stage.want(wanted(&stage.regions, &mut rng));
            stage.settle(12).await;
            destroyed(&mut stage, 12).await;
            no_violations(&stage);
        });
    });
}

#[test]
fn a_kill_at_any_point_converges() {
    check("kills", |seed| {
        paused(async {
            let (mut stage, mut rng) = stage(seed);
            for round in 0..3 {
                let (at, before) = (rng.usize(1..25), rng.bool());
                let now = stage.world().mutations;
                stage.world().kill_at = Some((now + at, before));
                stage.settle(4).await;
                let next = if round == 1 { Vec::new() } else { wanted(&stage.regions, &mut rng) };
                stage.want(next);
            }
            destroyed(&mut stage, 4).await;
            no_violations(&stage);
        });
    });
}

#[test]
fn a_kill_at_every_point_of_an_apply_and_of_a_destroy_converges() {
    let ran = std::cell::Cell::new(0);
    for seed in 0..u64::from(cases() / 50 + 1) {
        for destroy in [false, true] {
            for at in 1.. {
                let mut reached = true;
                for before in [true, false] {
                    paused(async {
                        let (mut stage, _) = stage(seed);
                        if destroy {
                            stage.settle(1).await;
                            stage.want(Vec::new());
                        }
                        let start = stage.world().mutations;
                        stage.world().kill_at = Some((start + at, before));
                        stage.settle(2).await;
                        reached &= stage.failures.iter().any(|end| end.starts_with("Some(Interrupted)"));
                        destroyed(&mut stage, 1).await;
                        no_violations(&stage);
                    });
                    ran.set(ran.get() + 1);
                }
                if !reached {
                    break;
                }
            }
        }
    }
    println!("every point: {} cases", ran.get());
}

#[test]
fn a_silent_region_is_held_and_never_touched() {
    check("silent", |seed| {
        paused(async {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut stage = Stage::new(seed, rng.usize(2..=3));
            let all = wanted(&stage.regions, &mut rng);
            stage.want(all);
            stage.settle(1).await;
            let silent = stage.regions[rng.usize(0..stage.regions.len())].clone();
            let ids = |stage: &Stage| -> Vec<String> {
                let world = stage.world();
                world.things.iter().filter(|thing| thing.addr.region() == Some(&silent)).map(|thing| thing.id.clone()).collect()
            };
            let before = ids(&stage);
            stage.world().dead = Some(silent.clone());
            let all = wanted(&stage.regions, &mut rng);
            stage.want(all);
            let plan = stage.plan().await;
            stage.is_sound(&plan);
            let _ = stage.apply(&plan).await;
            assert_eq!(ids(&stage), before);
            stage.world().dead = None;
            stage.settle(2).await;
            no_violations(&stage);
        });
    });
}

#[test]
fn the_order_of_answers_changes_nothing() {
    check("orders", |seed| {
        paused(async {
            let (mut stage, mut rng) = stage(seed);
            stage.settle(1).await;
            let all = wanted(&stage.regions, &mut rng);
            stage.want(all);
            stage.world().shuffled = true;
            let (one, two) = (stage.plan().await, stage.plan().await);
            let steps = |plan: &mrctl::plan::Plan| plan.steps.iter().map(|step| (step.addr.clone(), step.action)).collect::<Vec<_>>();
            assert_eq!(steps(&one), steps(&two));
            assert_eq!((one.graph.ops, one.graph.edges, one.graph.lanes), (two.graph.ops, two.graph.edges, two.graph.lanes));
        });
    });
}

#[test]
fn a_kill_within_a_replacement_that_creates_first_converges() {
    let halves = std::cell::Cell::new(0);
    check("create first", |seed| {
        paused(async {
            let (mut stage, mut rng) = stage(seed);
            stage.kinds = kinds(&stage.world, Replace::CreateFirst);
            stage.world().shuffled = true;
            stage.settle(1).await;
            for round in 0..3 {
                let all = wanted(&stage.regions, &mut rng);
                stage.want(all);
                let now = stage.world().mutations;
                stage.world().kill_at = Some((now + rng.usize(1..12), rng.bool()));
                let plan = stage.plan().await;
                let _ = stage.apply(&plan).await;
                halves.set(halves.get() + usize::from(stage.world().has_doubled()));
                // Sometimes the file is another one before the next run, or the stack has to go.
                match rng.u8(0..4) {
                    0 => stage.want(wanted(&stage.regions, &mut rng)),
                    1 if round == 2 => stage.want(Vec::new()),
                    _ => {}
                }
            }
            stage.settle(2).await;
            destroyed(&mut stage, 2).await;
            no_violations(&stage);
        });
    });
    assert!(halves.get() > 0, "no kill fell between two halves");
    println!("{} kills between two halves", halves.get());
}
