//! What the two roles of a service may do, as statements of a policy. Pure.
use std::collections::BTreeSet;

use crate::{
    aws::{arns::Arns, policy, secrets},
    resource::{Doc, Facts, Region, Unordered},
    topology::{Access, Encryption, Model, ServiceMember},
};

const LONGEST_POLICIES: usize = 10_240;
const READ: [&str; 6] = ["BatchGetItem", "ConditionCheckItem", "DescribeTable", "GetItem", "Query", "Scan"];
const WRITE: [&str; 6] = ["BatchWriteItem", "ConditionCheckItem", "DeleteItem", "DescribeTable", "PutItem", "UpdateItem"];

/// What DynamoDB asks KMS for in the name of those who read, and of those who write (DynamoDB developer guide, "Authorizing use of your
/// customer managed key").
const OPEN: [&str; 2] = ["kms:Decrypt", "kms:DescribeKey"];
const SEAL: [&str; 5] =
    ["kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo"];

/// What pulling an image needs on its repository (Amazon ECR user guide, "Private repository policies").
const PULL: [&str; 3] = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];
const LOG: [&str; 2] = ["logs:CreateLogStream", "logs:PutLogEvents"];

/// What ECS Exec needs (Amazon ECS developer guide, "Monitor Amazon ECS containers with ECS Exec").
const EXEC: [&str; 4] =
    ["ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel"];

/// What the containers may do: exactly what `uses` names, and with `exec` what a shell needs. What may be done to several tables is
/// one statement, because IAM limits what a policy may say.
pub(super) fn task_policy(model: &Model, region: &Region, member: &ServiceMember, arns: &Arns) -> Unordered<Doc> {
    let mut statements = Vec::new();
    for access in [Access::Read, Access::Write, Access::ReadWrite] {
        let tables = member.tables.iter().filter(|(_, given)| **given == access).filter_map(|(key, _)| model.tables.get(key));
        let (mut resources, mut keys) = (BTreeSet::new(), BTreeSet::new());
        for table in tables {
            resources.extend(arns.table(&table.name));
            // A key of the user's own: DynamoDB uses it with the rights of whoever asks.
            if let Some(Encryption::Key(key)) = table.members.get(region).map(|member| &member.encryption) {
                keys.insert(key.clone());
            }
        }
        let (to_tables, to_keys) = actions_of(access);
        if !resources.is_empty() {
            let actions: Vec<String> = to_tables.into_iter().map(|action| format!("dynamodb:{action}")).collect();
            let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
            statements.push(policy::allow(&actions, &resources.into_iter().collect::<Vec<_>>()));
        }
        if !keys.is_empty() {
            statements.push(policy::allow_through(&[arns.via("dynamodb")], &to_keys, &keys.into_iter().collect::<Vec<_>>()));
        }
    }
    if member.exec {
        statements.push(policy::allow(&EXEC, &["*".to_owned()]));
    }
    Unordered(statements)
}

/// What that access is, to tables and to the keys that they are sealed with.
fn actions_of(access: Access) -> (BTreeSet<&'static str>, Vec<&'static str>) {
    let both = OPEN.iter().chain(&SEAL).copied().collect();
    match access {
        Access::Read => (READ.into(), OPEN.to_vec()),
        Access::Write => (WRITE.into(), both),
        Access::ReadWrite => (READ.into_iter().chain(WRITE).collect(), both),
    }
}

/// Why IAM would not take a policy.
pub(super) fn too_long(name: &str, policy: &Unordered<Doc>) -> Option<String> {
    // Of JSON without white space, which is not counted.
    let length = policy::written(policy).len();
    (length > LONGEST_POLICIES).then(|| {
        format!(
            "the policy of role `{name}` would have {length} characters, and IAM takes {LONGEST_POLICIES}: let the service use fewer \
             tables or secrets, or give the tables shorter names"
        )
    })
}

/// What ECS may do to start a task: pull the image, write its log, read the secrets that the containers get.
pub(super) fn execution_policy(
    facts: &Facts,
    images: &[String],
    group: &str,
    stack: &str,
    member: &ServiceMember,
    arns: &Arns,
) -> Unordered<Doc> {
    let repositories: BTreeSet<String> = images.iter().filter_map(|image| arns.repository(image)).collect();
    let mut statements = vec![policy::allow(&LOG, &[arns.log_streams(group)])];
    if !repositories.is_empty() {
        statements.push(policy::allow(&["ecr:GetAuthorizationToken"], &["*".to_owned()]));
        statements.push(policy::allow(&PULL, &repositories.into_iter().collect::<Vec<_>>()));
    }
    let logins = member.aurora.keys().map(|key| arns.secret_in_policy(&secrets::name_of(stack, key)));
    let given = member.secrets.values().map(|given| arns.secret_in_policy(&facts.with_account(given)));
    let secrets: BTreeSet<String> = given.chain(logins).collect();
    if !secrets.is_empty() {
        statements.push(policy::allow(&["secretsmanager:GetSecretValue"], &secrets.into_iter().collect::<Vec<_>>()));
    }
    Unordered(statements)
}
