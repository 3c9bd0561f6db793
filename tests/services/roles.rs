//! What roles may do, and what happens to what others add to them.
use std::sync::Arc;

use mrctl::{
    resource::{Class, Cx, Region, Scope, Timing},
    topology::load,
};
use serde_json::{Value, json};

use super::{action, doing, in_regions, worker};
use crate::support::{
    aws::{Aws, block_on},
    binary::Place,
    sandbox,
};

const MORE: &str = "    uses: { tables: { Orders: read } }
    secrets: { KEY: shop/key, OTHER: \"arn:aws:secretsmanager:{region}:123456789012:secret:other-AbCdEf:name::\",
      OURS: \"arn:aws:secretsmanager:{region}:{account}:secret:ours-AbCdEf\" }
";
const TASK: &str = "shop-us-east-1-worker-task";
const EXECUTION: &str = "shop-us-east-1-worker-execution";

/// Every action with every resource that a policy allows it on.
fn allowed(policy: &Value) -> Vec<(String, String)> {
    let texts = |value: &Value| -> Vec<String> {
        match value {
            Value::Array(all) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            one => one.as_str().map(str::to_owned).into_iter().collect(),
        }
    };
    let mut all = Vec::new();
    for statement in policy["Statement"].as_array().unwrap() {
        assert_eq!(statement["Effect"], "Allow");
        for action in texts(&statement["Action"]) {
            all.extend(texts(&statement["Resource"]).into_iter().map(|resource| (action.clone(), resource)));
        }
    }
    all.sort();
    all
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(action, resource)| ((*action).to_owned(), (*resource).to_owned())).collect()
}

#[test]
fn roles_may_do_exactly_what_the_file_says() {
    let place = Place::with(&worker(MORE));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    let (aws, account) = (Aws::new(&place.account, "us-east-1"), &place.account);
    let table = format!("arn:aws:dynamodb:us-east-1:{account}:table/shop-Orders");
    let indexes = format!("{table}/index/*");
    let read = ["BatchGetItem", "ConditionCheckItem", "DescribeTable", "GetItem", "Query", "Scan"];
    let wanted: Vec<_> = read.iter().flat_map(|action| [&table, &indexes].map(|on| (format!("dynamodb:{action}"), on.clone()))).collect();
    assert_eq!(allowed(&aws.policy(TASK)), wanted);
    let image = format!("arn:aws:ecr:us-east-1:{account}:repository/worker");
    let streams = format!("arn:aws:logs:us-east-1:{account}:log-group:/mrctl/shop/worker:*");
    let named = format!("arn:aws:secretsmanager:us-east-1:{account}:secret:shop/key-??????");
    let ours = format!("arn:aws:secretsmanager:us-east-1:{account}:secret:ours-AbCdEf");
    let mut wanted = pairs(&[
        ("ecr:BatchCheckLayerAvailability", &image),
        ("ecr:BatchGetImage", &image),
        ("ecr:GetAuthorizationToken", "*"),
        ("ecr:GetDownloadUrlForLayer", &image),
        ("logs:CreateLogStream", &streams),
        ("logs:PutLogEvents", &streams),
        ("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:us-east-1:123456789012:secret:other-AbCdEf"),
        ("secretsmanager:GetSecretValue", &ours),
        ("secretsmanager:GetSecretValue", &named),
    ]);
    // Which account's come first is a matter of its digits.
    wanted.sort();
    assert_eq!(allowed(&aws.policy(EXECUTION)), wanted);
    let role = block_on(aws.iam.get_role().role_name(TASK).send()).unwrap().role.unwrap();
    assert_eq!(role.path(), "/mrctl/shop/");

    // More, then nothing at all.
    place.write(worker("    uses: { tables: { Orders: write } }\n    exec: true\n"));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    let policy = allowed(&aws.policy(TASK));
    assert!(policy.contains(&("ssmmessages:OpenDataChannel".into(), "*".into())), "{policy:?}");
    assert!(
        policy.contains(&("dynamodb:PutItem".into(), table.clone())) && !policy.contains(&("dynamodb:Query".into(), table)),
        "{policy:?}"
    );
    place.write(worker(""));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    let left = block_on(aws.iam.list_role_policies().role_name(TASK).send()).unwrap().policy_names;
    assert_eq!(left, Vec::<String>::new());
    place.destroy("shop");
    assert_eq!(block_on(aws.leftovers()), Vec::<String>::new());
}

#[test]
fn rights_that_others_add_are_drift() {
    let place = Place::with(&worker(MORE));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    let aws = Aws::new(&place.account, "us-east-1");
    let everything = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let anyone = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}"#;
    let attach = aws.iam.attach_role_policy().role_name(TASK).policy_arn("arn:aws:iam::aws:policy/AdministratorAccess");
    block_on(attach.send()).unwrap();
    block_on(aws.iam.put_role_policy().role_name(TASK).policy_name("more").policy_document(everything).send()).unwrap();
    block_on(aws.iam.update_assume_role_policy().role_name(EXECUTION).policy_document(anyone).send()).unwrap();
    let plan = place.plan(&[]);
    let changed = ["us-east-1/iam.role/worker-task", "us-east-1/iam.role/worker-execution"];
    assert!(changed.iter().all(|addr| action(&plan, addr) == "update"), "{:#?}", doing(&plan));
    assert_eq!(doing(&plan).len(), 2, "{:#?}", doing(&plan));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    let attached = block_on(aws.iam.list_attached_role_policies().role_name(TASK).send()).unwrap().attached_policies.unwrap_or_default();
    assert!(attached.is_empty(), "{attached:?}");

    // Attached again, they do not keep a destroy from taking the role.
    block_on(attach_again(&aws)).unwrap();
    place.destroy("shop");
    assert_eq!(block_on(aws.leftovers()), Vec::<String>::new());
}

async fn attach_again(aws: &Aws) -> Result<(), String> {
    let ask = aws.iam.attach_role_policy().role_name(TASK).policy_arn("arn:aws:iam::aws:policy/AdministratorAccess");
    ask.send().await.map(drop).map_err(|error| format!("{error:?}"))
}

#[test]
fn a_role_of_somebody_else_is_left_alone_and_named() {
    let place = Place::with(&worker(MORE));
    let aws = Aws::new(&place.account, "us-east-1");
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    block_on(aws.iam.create_role().role_name(TASK).path("/other/").assume_role_policy_document(trust).send()).unwrap();
    let said = place.expect(1, &["apply", "--yes", "--no-sweep"]);
    assert!(said.contains(TASK) && said.contains("does not carry this stack's mark"), "{said}");
    let role = block_on(aws.iam.get_role().role_name(TASK).send()).unwrap().role.unwrap();
    assert_eq!((role.path(), role.tags().len()), ("/other/", 0));
}

#[test]
fn another_path_and_a_boundary_converge() {
    let place = Place::with(&worker(MORE));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    let aws = Aws::new(&place.account, "us-east-1");
    place.write(format!("{}iam: {{ permissions_boundary: \"arn:aws:iam::{}:policy/limit\" }}\n", worker(MORE), place.account));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    let boundary =
        |role: &aws_sdk_iam::types::Role| role.permissions_boundary().and_then(|one| one.permissions_boundary_arn()).map(str::to_owned);
    let role = block_on(aws.iam.get_role().role_name(TASK).send()).unwrap().role.unwrap();
    assert_eq!(boundary(&role).as_deref(), Some(&*format!("arn:aws:iam::{}:policy/limit", place.account)));
    place.write(format!("{}iam: {{ path: /team/ }}\n", worker(MORE)));
    assert_eq!(action(&place.plan(&[]), "us-east-1/iam.role/worker-task"), "replace");
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    let roles = block_on(aws.iam.list_roles().send()).unwrap().roles;
    let of = |role: &aws_sdk_iam::types::Role| (role.path().to_owned(), role.role_name().starts_with("shop-us-east-1-worker-"));
    assert_eq!(roles.iter().map(of).collect::<Vec<_>>(), vec![("/team/shop/".to_owned(), true); 2], "{roles:#?}");
    let running = aws.running("shop-worker");
    assert!(roles.iter().any(|role| Some(role.arn()) == running.task_role_arn()), "{running:?}");
    let task = roles.iter().find(|role| role.role_name().contains("task")).unwrap();
    let task = block_on(aws.iam.get_role().role_name(task.role_name()).send()).unwrap().role.unwrap();
    assert_eq!(boundary(&task), None);
    place.destroy("shop");
}

/// A run that removes a region died when only a role was left there. The file does not name the region, and the tagging index does
/// not know roles.
#[test]
fn a_role_that_is_all_there_is_of_a_region_is_found_and_removed() {
    let place = Place::with(&worker(MORE));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    let (aws, left) = (Aws::new(&place.account, "us-east-1"), "eu-west-1/iam.role/worker-task");
    let tag = |key: &str, value: &str| aws_sdk_iam::types::Tag::builder().key(key).value(value).build().unwrap();
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    let role = aws.iam.create_role().role_name("shop-eu-west-1-worker-task").path("/mrctl/shop/").assume_role_policy_document(trust);
    block_on(role.tags(tag("mrctl:stack", "shop")).tags(tag("mrctl:resource", left)).send()).unwrap();
    for plan in [place.plan(&[]), place.plan_everywhere(&[])] {
        assert_eq!(doing(&plan), [(left, "delete")], "{plan:#}");
    }
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    place.is_converged();
    assert!(block_on(aws.iam.get_role().role_name("shop-eu-west-1-worker-task").send()).is_err());
    place.destroy("shop");
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_are_listed_once_for_all_regions_and_a_silent_one_costs_no_other() {
    let regions = ["us-east-1", "eu-west-1", "ap-southeast-2"];
    let (model, _) = load("topology.yaml", in_regions(&regions, "").as_bytes()).expect("a valid file");
    let silent = mrctl::aws::inject::Injector::new("down=us-east-1:hang".parse().unwrap());
    let (fleet, recorder) = sandbox::fleet_with(&sandbox::fresh_account(), silent);
    let (kinds, cx) = (mrctl::kinds::all(), Cx::new(Arc::new(model), fleet));
    let kind = kinds.get("iam.role").unwrap();
    let observe = |region: &'static str| {
        let cx = cx.at(&Scope::from(&Region::new(region)));
        async move { kind.observe(&cx).await.map(|found| found.len()) }
    };
    let limit = std::time::Duration::from_secs(8);
    let (silent, others) =
        tokio::join!(tokio::time::timeout(limit, observe(regions[0])), async { tokio::join!(observe(regions[1]), observe(regions[2])) });
    assert!(silent.is_err(), "its own roles are read with its own client");
    assert_eq!((others.0.unwrap(), others.1.unwrap()), (0, 0));
    let lists = recorder.calls().iter().filter(|call| call.operation == "ListRoles" && call.region.as_str() != regions[0]).count();
    assert_eq!(lists, 1, "{:#?}", recorder.calls());
}

/// The statements of a role's policy, as the file wants it.
fn wanted(file: &str, name: &str) -> Vec<Value> {
    let (model, _) = load("topology.yaml", file.as_bytes()).expect("a valid file");
    let wants = mrctl::kinds::all().get("iam.role").unwrap().desired(&model, &mrctl::resource::Facts::default());
    let want = wants.into_iter().find(|want| &*want.addr.name == name).unwrap();
    want.spec["policy"]["$set"].as_array().unwrap_or_else(|| panic!("{:#}", want.spec)).clone()
}

#[test]
fn a_table_with_a_key_of_its_own_can_be_opened() {
    const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555";
    let sealed = |access: &str| {
        let keyed = format!("type: string }}, encryption: {{ us-east-1: \"{KEY}\" }} }}");
        let file = worker(&format!("    uses: {{ tables: {{ Orders: {access} }} }}\n")).replace("type: string } }", &keyed);
        let statements = wanted(&file, "worker-task");
        let mut of_key = statements.into_iter().filter(|statement| statement["Resource"].to_string().contains(KEY));
        let statement = of_key.next().expect("a statement about the key");
        assert_eq!(statement["Condition"], json!({ "StringEquals": { "kms:ViaService": ["dynamodb.us-east-1.amazonaws.com"] } }));
        assert_eq!((statement["Resource"].clone(), of_key.next()), (json!([KEY]), None));
        statement["Action"].clone()
    };
    let all = ["Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo"];
    let named = |some: &[&str]| json!(some.iter().map(|action| format!("kms:{action}")).collect::<Vec<_>>());
    assert_eq!(sealed("read"), named(&all[..2]));
    assert_eq!(sealed("write"), named(&all));
    assert_eq!(sealed("read_write"), named(&all));
}

/// A worker that uses so many tables, and one more for reading only.
fn with_tables(count: usize) -> String {
    let keys: Vec<String> = (0..count).map(|n| format!("T{n}")).collect();
    let table = |key: &String| format!("  {key}: {{ partition_key: {{ name: id, type: string }} }}\n");
    let uses: Vec<String> = keys.iter().map(|key| format!("{key}: read_write")).collect();
    let file = worker(&format!("    uses: {{ tables: {{ Orders: read, {} }} }}\n", uses.join(", ")));
    file.replace("rollout:", &format!("{}rollout:", keys.iter().map(table).collect::<String>()))
}

/// IAM takes 10,240 characters of policies for a role.
#[test]
fn a_service_may_use_many_tables_and_too_many_are_refused_before_anything_is_written() {
    let statements = wanted(&with_tables(40), "worker-task");
    assert_eq!(statements.len(), 2, "{statements:#?}");
    let place = Place::with(&with_tables(40));
    let findings = |plan: &Value| {
        let all = plan["findings"].as_array().cloned().unwrap_or_default();
        all.iter().filter(|one| one["code"] == "plan::impossible").map(|one| one["message"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(findings(&place.plan(&[])), [""; 0]);
    place.write(with_tables(120));
    let said = findings(&place.plan(&[]));
    assert!(said.len() == 1 && said[0].contains("IAM takes 10240") && said[0].contains(TASK), "{said:?}");
    place.expect(1, &["apply", "--yes", "--no-sweep"]);
    assert_eq!(block_on(Aws::new(&place.account, "us-east-1").leftovers()), Vec::<String>::new());
}

/// Tasks that start before IAM has told everyone fail, and ECS gives up on the deployment.
#[tokio::test(flavor = "multi_thread")]
async fn no_task_is_started_with_a_role_that_has_just_changed() {
    let (model, _) = load("topology.yaml", worker("").as_bytes()).expect("a valid file");
    let (kinds, (fleet, recorder)) = (mrctl::kinds::all(), sandbox::fleet(&sandbox::fresh_account()));
    let settles = std::time::Duration::from_secs(2);
    let fleet = fleet.with_timing(Timing { role_settles: settles, ..fleet.timing() });
    let cx = Cx::new(Arc::new(model), fleet).at(&Scope::from(&Region::new("us-east-1")));
    let want = |kind: &str, name: &str| {
        let wants = kinds.get(kind).unwrap().desired(&cx.model, &mrctl::resource::Facts::default());
        wants.into_iter().find(|want| &*want.addr.name == name).unwrap()
    };
    let (role, service) = (want("iam.role", "worker-task"), want("ecs.service", "worker"));
    kinds.get("iam.role").unwrap().create(&cx, &role).await.unwrap();
    let made = async || kinds.get("ecs.service").unwrap().create(&cx, &service).await.unwrap_err();
    let refused = made().await;
    assert_eq!(refused.class, Class::Contention, "{refused}");
    assert!(refused.to_string().contains("us-east-1/iam.role/worker-task has just changed"), "{refused}");
    tokio::time::sleep(settles).await;
    // Now it is only its references that nobody has filled in here.
    assert_eq!(made().await.class, Class::Bug);
    assert!(!recorder.calls().iter().any(|call| call.operation == "CreateService"));
}

/// The name was free when the plan was read. AWS gives back the cluster that somebody else has made since, without a word.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_somebody_else_made_first_is_not_taken_for_ours() {
    let (model, _) = load("topology.yaml", worker("").as_bytes()).expect("a valid file");
    let account = sandbox::fresh_account();
    let (kinds, (fleet, _)) = (mrctl::kinds::all(), sandbox::fleet(&account));
    let cx = Cx::new(Arc::new(model), fleet).at(&Scope::from(&Region::new("us-east-1")));
    let kind = kinds.get("ecs.cluster").unwrap();
    let want = kind.desired(&cx.model, &mrctl::resource::Facts::default()).remove(0);
    let made = async || match kind.create(&cx, &want).await {
        // The role that ECS itself needs is made on the way.
        Err(fault) if fault.class == Class::Contention => kind.create(&cx, &want).await,
        other => other,
    };
    let ecs = Aws::new(&account, "us-east-1").ecs;
    ecs.create_cluster().cluster_name("shop").send().await.unwrap();
    let refused = made().await.unwrap_err();
    assert_eq!(refused.class, Class::Exists, "{refused}");
    assert!(refused.to_string().contains("does not carry this stack's mark"), "{refused}");
    ecs.delete_cluster().cluster("shop").send().await.unwrap();
    assert_eq!(made().await.unwrap(), "shop");
}

/// What was ours when the plan was read and has lost its marks since, or was made anew by somebody, is not removed by its name.
#[test]
fn what_lost_its_marks_is_not_removed_by_its_name() {
    const CASES: [(&str, &str); 4] =
        [("ecs.cluster", "main"), ("ecs.service", "worker"), ("iam.role", "worker-task"), ("logs.log_group", "worker")];
    let place = Place::with(&worker(MORE));
    place.expect(0, &["apply", "--yes", "--no-sweep"]);
    let aws = Aws::new(&place.account, "us-east-1");
    let (model, _) = load("topology.yaml", worker(MORE).as_bytes()).expect("a valid file");
    let (kinds, (fleet, recorder)) = (mrctl::kinds::all(), sandbox::fleet(&place.account));
    let cx = Cx::new(Arc::new(model), fleet).at(&Scope::from(&Region::new("us-east-1")));
    block_on(async {
        let mut found = Vec::new();
        for (kind, name) in CASES {
            let all = kinds.get(kind).unwrap().observe(&cx).await.unwrap();
            found.push(all.into_iter().find(|one| &*one.addr.name == name).unwrap());
        }
        let keys = || vec!["mrctl:stack".to_owned(), "mrctl:resource".to_owned()];
        for index in [0, 1] {
            let ask = aws.ecs.untag_resource().resource_arn(found[index].outputs.get("arn").unwrap());
            ask.set_tag_keys(Some(keys())).send().await.unwrap();
        }
        aws.iam.untag_role().role_name(TASK).set_tag_keys(Some(keys())).send().await.unwrap();
        let ask = aws.logs.untag_resource().resource_arn(found[3].outputs.get("arn").unwrap());
        ask.set_tag_keys(Some(keys())).send().await.unwrap();
        drop(recorder.take());
        for one in &found {
            let refused = kinds.get(&one.addr.kind).unwrap().delete(&cx.afresh(), one).await.unwrap_err();
            assert!(refused.to_string().contains("does not carry this stack's mark"), "{refused}");
        }
        assert_eq!(recorder.mutating().len(), 0, "{:#?}", recorder.mutating());
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_and_a_log_group_are_looked_at_alone() {
    let (model, _) = load("topology.yaml", worker("").as_bytes()).expect("a valid file");
    let (fleet, recorder) = sandbox::fleet(&sandbox::fresh_account());
    let (kinds, region) = (mrctl::kinds::all(), Region::new("us-east-1"));
    let cx = Cx::new(Arc::new(model), fleet).at(&Scope::from(&region));
    for (kind, name) in [("iam.role", "worker-task"), ("logs.log_group", "worker")] {
        let (kind, facts) = (kinds.get(kind).unwrap(), mrctl::resource::Facts::default());
        let wants = kind.desired(&cx.model, &facts);
        let want = wants.iter().find(|want| &*want.addr.name == name).unwrap();
        let id = kind.create(&cx, want).await.unwrap();
        drop(recorder.take());
        let found = kind.look_at(&cx.afresh(), &want.addr, &id).await.unwrap();
        assert_eq!(found.iter().map(|found| (&found.addr, found.ours)).collect::<Vec<_>>(), [(&want.addr, true)]);
        let calls: Vec<String> = recorder.take().into_iter().map(|call| call.operation).collect();
        assert!(!calls.iter().any(|call| call == "ListRoles") && calls.len() <= 4, "{calls:?}");
        assert_eq!(kind.look_at(&cx.afresh(), &want.addr, "nothing").await.unwrap().len(), 0);
    }
}
