//! Codes that mean several things: there the service, the call and the words of the message decide.
use crate::resource::Class;

/// DynamoDB uses one code for "busy" and for quotas (field guide 3.1 item 8); elsewhere it is a quota.
pub(super) fn limit_of(op: &str, message: &str) -> Class {
    // So many changes in so many days or hours: billing mode, table class, less capacity (field guide 3.1 items 8 and 9).
    let is_rationed = ["limited to", "decreases are limited"].iter().any(|text| message.contains(text));
    if op.starts_with("dynamodb:") && is_rationed {
        return Class::Blocked(None);
    }
    let busy = ["simultaneously", "tags are being updated", "Subscriber limit exceeded"];
    let is_busy = op.starts_with("dynamodb:") && busy.iter().any(|text| message.contains(text));
    if is_busy { Class::Contention } else { Class::Limit }
}

/// The validation messages of DynamoDB that a run can do something about (field guide 3.1 item 9, 3.2 items 2 and 6).
pub(super) fn validation(message: &str) -> Class {
    if message.contains("acted as a source region") || message.contains("multiple times within a fixed interval") {
        Class::Blocked(None)
    } else if message.contains("already existed as tables") {
        Class::Exists
    } else if message.contains("not part of the global table") {
        Class::NotFound
    } else {
        Class::Invalid
    }
}

/// ECS says most things with two codes, `InvalidParameterException` and `ClientException`, and only its text tells them apart; it
/// also answers "not there" without a code of that name (field guide 5 item 5, 7.1 items 3 and 6, 7.3 items 2, 3 and 6).
pub(super) fn containers(op: &str, code: &str, message: &str) -> Option<Class> {
    let says = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
    match code {
        "ClusterContainsServicesException"
        | "ClusterContainsTasksException"
        | "ClusterContainsContainerInstancesException"
        | "ClusterContainsCapacityProviderException" => Some(Class::InUse),
        "UpdateInProgressException" => Some(Class::Contention),
        // It is on its way out already, or gone.
        "ServiceNotActiveException" if op == "ecs:DeleteService" => Some(Class::NotFound),
        "InvalidParameterException" | "ClientException" if says(&["was not idempotent"]) => Some(Class::Exists),
        "InvalidParameterException" | "ClientException" if says(&NOT_YET) => Some(Class::Contention),
        "InvalidParameterException" | "ClientException" if says(&NOT_THERE) => Some(Class::NotFound),
        _ => None,
    }
}

/// Secrets Manager has one code for everything that cannot be done now, and another in places; its text tells (field guide 13).
pub(super) fn secrets(message: &str) -> Option<Class> {
    let says = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
    if says(&["still has replica regions"]) {
        Some(Class::InUse)
    } else if says(&["already scheduled for deletion"]) {
        // What stands under the name is looked at again: it is restored when it is ours.
        Some(Class::Contention)
    } else {
        None
    }
}

/// RDS says `Invalid…State` of what passes and of what is used, and gives states by text where it takes a parameter for wrong (field
/// guide 4.1 item 6, 4.3 item 5, 4.4 items 3 and 5, 4.7).
pub(super) fn databases(op: &str, code: &str, message: &str) -> Option<Class> {
    let says = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
    let code = code.strip_suffix("Fault").unwrap_or(code);
    match code {
        "InvalidDBSubnetGroupState" | "SubnetAlreadyInUse" | "InvalidDBParameterGroupState" => Some(Class::InUse),
        "InvalidDBClusterState" if says(&["contains DB instances"]) => Some(Class::InUse),
        // Its members leave behind the call that asks for it.
        "InvalidGlobalClusterState" if op == "rds:DeleteGlobalCluster" => Some(Class::InUse),
        "InvalidDBInstanceState" if says(&["already being deleted"]) => Some(Class::NotFound),
        "InvalidDBClusterState" if says(&["Cannot modify engine version without a primary instance"]) => Some(Class::Invalid),
        "InvalidDBClusterState" | "InvalidDBInstanceState" | "InvalidGlobalClusterState" => Some(Class::Contention),
        // Another name is taken at the next try: it holds the second.
        "DBClusterSnapshotAlreadyExists" => Some(Class::Contention),
        "InvalidParameterValue" if says(&["is not found in global cluster"]) => Some(Class::NotFound),
        // The first database of an account: RDS makes its role behind the call that needs it.
        "InvalidParameterValue" if op.starts_with("rds:Create") && says(&["create service linked role"]) => Some(Class::NotFound),
        // What AWS says to a copy while it sees no writer.
        "InvalidParameterValue" if op == "rds:CreateDBCluster" && says(&["MasterUsername must be provided"]) => Some(Class::Contention),
        _ if code.ends_with("AlreadyExists") => Some(Class::Exists),
        _ if code.ends_with("QuotaExceeded") || code.starts_with("Insufficient") => Some(Class::Limit),
        _ => None,
    }
}

/// CloudWatch has one code for what it does not take, and its text tells what passes (field guide 10.1 items 5 and 6). Of dashboards
/// it says the shape's name in one protocol and another code in the others (field guide 1.2).
pub(super) fn watching(code: &str, message: &str) -> Option<Class> {
    match code {
        "DashboardNotFoundError" => Some(Class::NotFound),
        "LimitExceededFault" => Some(Class::Limit),
        // An alarm that was made a moment ago, and that a composite alarm names.
        "ValidationError" if message.contains("in the alarm rule do not exist") => Some(Class::Contention),
        "ValidationError" if message.contains("composite alarm(s) depending on it") => Some(Class::InUse),
        _ => None,
    }
}

/// What ECS says of roles that have not reached it, of target groups whose listener has not, and of services on their way out.
const NOT_YET: [&str; 6] = [
    "still Draining",
    "Unable to assume the service linked role",
    "verify that the ECS service role being passed has the proper permissions",
    "does not have an associated load balancer",
    "while deployments are active",
    // "… stopped while it is scaled above 0", "… while the primary deployment is scaled above 0".
    "scaled above 0",
];

/// What Application Auto Scaling says while AWS still makes the service-linked role, and of a service that has just been made (field
/// guide 7.4 item 3).
pub(super) const SCALED_LATER: [&str; 2] = ["Unable to assume IAM role", "ECS service doesn't exist"];

/// What ECS says of task definitions that are not there, or were registered a moment ago.
const NOT_THERE: [&str; 3] =
    ["Unable to describe task definition", "The specified task definition does not exist", "TaskDefinition not found"];
