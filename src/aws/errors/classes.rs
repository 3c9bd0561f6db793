//! From a code, and where that is not enough from the call and the message, to a class.
use super::services::{SCALED_LATER, containers, databases, limit_of, secrets, validation, watching};
use crate::resource::Class;

const DENIED: [&str; 23] = [
    "UnauthorizedOperation",
    "UnauthorizedAccess",
    "AccessDenied",
    "AccessDeniedException",
    "AuthFailure",
    // SNS.
    "AuthorizationError",
    "Blocked",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "NotAuthorized",
    "NotAuthorizedException",
    "OptInRequired",
    "PendingVerification",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "SubscriptionRequiredException",
    "UnrecognizedClientException",
];

/// The SDK's own list (field guide 1.1) without `LimitExceededException`, which is read by its message.
const THROTTLED: [&str; 14] = [
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    // SNS.
    "Throttled",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "Throttling.User",
    "TooManyRequests",
    "TooManyRequestsException",
];

const CONTENTION: [&str; 18] = [
    // SNS, of tags (SNS API reference, "TagResource").
    "ConcurrentAccess",
    "ConcurrentModification",
    "ConcurrentModificationException",
    "ConcurrentUpdateException",
    "ConflictException",
    // "Backups are being enabled", for a while after the table was made (field guide 3.1 item 5).
    "ContinuousBackupsUnavailableException",
    // Application Auto Scaling does not reach what it is to scale, for a while after that was made (field guide 7.4 item 5).
    "FailedResourceAccessException",
    "HealthCheckVersionMismatch",
    "IncorrectState",
    "IncorrectInstanceState",
    "InvalidState",
    "OperationAborted",
    // CloudWatch Logs: "a conflicting operation is currently in progress" (field guide 6 item 5).
    "OperationAbortedException",
    "PriorRequestNotComplete",
    "ReplicatedWriteConflictException",
    // ACM is still working on the certificate (ACM API reference, "RequestInProgressException").
    "RequestInProgressException",
    // SNS, of tags.
    "StaleTag",
    "TransactionInProgressException",
];

const IN_USE: [&str; 7] = [
    "DependencyViolation",
    "DeleteConflict",
    "HealthCheckInUse",
    "HostedZoneNotEmpty",
    "InvalidGroup.InUse",
    "InvalidIPAddress.InUse",
    "ResourceInUse",
];

const EXISTS: [&str; 10] = [
    "DuplicateListener",
    "DuplicateLoadBalancerName",
    "DuplicateTargetGroupName",
    "InvalidGroup.Duplicate",
    "InvalidPermission.Duplicate",
    "Resource.AlreadyAssociated",
    // Secrets Manager.
    "ResourceExistsException",
    "RouteAlreadyExists",
    "TableAlreadyExistsException",
    "EntityAlreadyExists",
];

const NOT_FOUND: [&str; 5] = ["Gateway.NotAttached", "NoSuchChange", "NoSuchEntity", "NoSuchHealthCheck", "NoSuchHostedZone"];
const LIMIT: [&str; 8] = [
    "LimitExceeded",
    "ServiceQuotaExceededException",
    "InsufficientFreeAddressesInSubnet",
    "TooManyHealthChecks",
    "TooManyHostedZones",
    "TooManyListeners",
    "TooManyLoadBalancers",
    "TooManyTargetGroups",
];

const UNCLEAR: [&str; 9] = [
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "InternalServerErrorException",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "Unavailable",
];

pub(super) fn class_of(op: &str, code: &str, message: &str, status: u16) -> Class {
    let is = |name: &str| code.eq_ignore_ascii_case(name);
    let any = |names: &[&str]| names.iter().any(|name| is(name));
    let lower = code.to_ascii_lowercase();
    // Route 53 reads an alarm in its region, which may not show one that has just been made.
    if matches!(op, "route53:CreateHealthCheck" | "route53:UpdateHealthCheck") && is("InvalidInput") {
        let says = message.to_ascii_lowercase();
        let is_of_its_kind = ["statistic", "period", "metric math"].iter().any(|word| says.contains(word));
        return if says.contains("alarm") && !is_of_its_kind { Class::Contention } else { Class::Invalid };
    }
    if is("ResourceInUseException") && op.starts_with("acm:") {
        return Class::InUse;
    }
    if is("ResourceInUseException") {
        // DynamoDB says the same of a name that is taken and of a table that is busy (field guide 3.1 items 2 and 5).
        return if op == "dynamodb:CreateTable" { Class::Exists } else { Class::Contention };
    }
    if op == "ec2:ReleaseAddress" && is("AuthFailure") {
        // What it says while a NAT gateway still has the address (field guide 2.4 item 6); EC2 denies with UnauthorizedOperation.
        return Class::InUse;
    }
    if is("LimitExceededException") {
        return limit_of(op, message);
    }
    if is("ValidationException") && op.starts_with("application-autoscaling:") && SCALED_LATER.iter().any(|text| message.contains(text)) {
        return Class::Contention;
    }
    if is("ValidationException") {
        return validation(message);
    }
    if op.starts_with("ecs:")
        && let Some(class) = containers(op, code, message)
    {
        return class;
    }
    if op.starts_with("secretsmanager:")
        && let Some(class) = secrets(message)
    {
        return class;
    }
    if op.starts_with("rds:")
        && let Some(class) = databases(op, code, message)
    {
        return class;
    }
    if op.starts_with("cloudwatch:")
        && let Some(class) = watching(code, message)
    {
        return class;
    }
    if op == "sns:CreateTopic" && is("InvalidParameter") && message.contains("already exists with different") {
        // Field guide 16, rule 47.
        return Class::Exists;
    }
    if any(&DENIED) {
        Class::Denied
    } else if any(&THROTTLED) {
        Class::Throttled
    } else if any(&CONTENTION) {
        Class::Contention
    } else if any(&IN_USE) {
        Class::InUse
    } else if any(&EXISTS) || lower.ends_with("alreadyexists") || lower.ends_with("alreadyexistsexception") {
        Class::Exists
    } else if any(&NOT_FOUND) || ["notfound", "notfoundexception", "notfoundfault"].iter().any(|end| lower.ends_with(end)) {
        Class::NotFound
    } else if any(&LIMIT) || lower.ends_with("limitexceeded") {
        Class::Limit
    } else if any(&UNCLEAR) || status >= 500 || status == 0 || code.is_empty() {
        Class::Unclear
    } else {
        Class::Invalid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_mean_what_aws_says_they_mean() {
        let source = "Replica cannot be deleted because it has acted as a source region for new replica(s) being added";
        let twice = "one or more replicas already existed as tables.";
        let busy = "Only 10 tables can be created, updated, or deleted simultaneously";
        let often = "Time to live has been modified multiple times within a fixed interval";
        let less = "Subscriber limit exceeded: Provisioned throughput decreases are limited within a given UTC day.";
        let class = "Updates to TableClass are limited to 2 times in 30 day(s)";
        let draining = "Unable to Start a service that is still Draining.";
        let listener = "The target group with targetGroupArn arn does not have an associated load balancer.";
        let linked = "Unable to assume the service linked role. Please verify that the ECS service linked role exists.";
        let unlinked = "Unable to assume IAM role: arn:aws:iam::1:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService";
        let unseen = "ECS service doesn't exist: service/shop/shop-api";
        let above = "The service cannot be stopped while the primary deployment is scaled above 0.";
        let unmade = "Could not save the composite alarm as alarms [arn] in the alarm rule do not exist";
        let named = "Cannot delete shop-a as there are composite alarm(s) depending on it.";
        let cases: &[(&str, &str, &str, u16, Class)] = &[
            ("ec2:CreateSubnet", "InvalidVpcID.NotFound", "", 400, Class::NotFound),
            ("ec2:CreateSubnet", "InvalidSubnetId.NotFound", "", 400, Class::NotFound),
            ("ec2:DescribeNatGateways", "NatGatewayNotFound", "", 400, Class::NotFound),
            ("ec2:DetachInternetGateway", "Gateway.NotAttached", "", 400, Class::NotFound),
            ("dynamodb:DescribeTable", "ResourceNotFoundException", "", 400, Class::NotFound),
            ("dynamodb:DescribeContinuousBackups", "TableNotFoundException", "", 400, Class::NotFound),
            ("dynamodb:UpdateTable", "ValidationException", "replicas were not part of the global table", 400, Class::NotFound),
            ("acm:DeleteCertificate", "ResourceInUseException", "", 400, Class::InUse),
            ("acm:AddTagsToCertificate", "RequestInProgressException", "", 400, Class::Contention),
            ("elasticloadbalancing:DeleteTargetGroup", "ResourceInUse", "", 400, Class::InUse),
            ("elasticloadbalancing:CreateListener", "DuplicateListener", "", 400, Class::Exists),
            ("elasticloadbalancing:CreateListener", "CertificateNotFound", "", 400, Class::NotFound),
            ("elasticloadbalancing:CreateListener", "UnsupportedCertificate", "", 400, Class::Invalid),
            ("elasticloadbalancing:CreateLoadBalancer", "TooManyLoadBalancers", "", 400, Class::Limit),
            ("elasticloadbalancing:DeleteLoadBalancer", "OperationNotPermitted", "", 400, Class::Invalid),
            ("ec2:DeleteVpc", "dependencyviolation", "", 400, Class::InUse),
            ("dynamodb:CreateTable", "ResourceInUseException", "", 400, Class::Exists),
            ("dynamodb:UpdateTable", "ResourceInUseException", "", 400, Class::Contention),
            ("dynamodb:DeleteTable", "ResourceInUseException", "", 400, Class::Contention),
            ("dynamodb:UpdateContinuousBackups", "ContinuousBackupsUnavailableException", "", 400, Class::Contention),
            ("dynamodb:UpdateTable", "ValidationException", twice, 400, Class::Exists),
            ("ec2:AttachInternetGateway", "Resource.AlreadyAssociated", "", 400, Class::Exists),
            ("ec2:CreateRoute", "RouteAlreadyExists", "", 400, Class::Exists),
            ("ec2:CreateVpc", "RequestLimitExceeded", "", 503, Class::Throttled),
            ("dynamodb:DescribeTable", "ThrottlingException", "", 400, Class::Throttled),
            ("ec2:CreateVpc", "UnauthorizedOperation", "", 403, Class::Denied),
            ("sts:GetCallerIdentity", "ExpiredToken", "", 403, Class::Denied),
            ("dynamodb:DescribeTable", "ExpiredTokenException", "", 400, Class::Denied),
            ("ec2:DescribeVpcs", "RequestExpired", "", 400, Class::Denied),
            ("ec2:CreateVpc", "VpcLimitExceeded", "", 400, Class::Limit),
            ("ec2:AllocateAddress", "AddressLimitExceeded", "", 400, Class::Limit),
            ("ec2:ReleaseAddress", "AuthFailure", "", 400, Class::InUse),
            ("ec2:ReleaseAddress", "UnauthorizedOperation", "", 403, Class::Denied),
            ("ec2:DeleteSecurityGroup", "InvalidGroup.InUse", "", 400, Class::InUse),
            ("dynamodb:TagResource", "LimitExceededException", "Table tags are being updated", 400, Class::Contention),
            ("dynamodb:CreateTable", "LimitExceededException", busy, 400, Class::Contention),
            ("dynamodb:UpdateTable", "LimitExceededException", class, 400, Class::Blocked(None)),
            ("dynamodb:UpdateTable", "LimitExceededException", less, 400, Class::Blocked(None)),
            ("application-autoscaling:PutScalingPolicy", "ObjectNotFoundException", "", 400, Class::NotFound),
            ("application-autoscaling:PutScalingPolicy", "FailedResourceAccessException", "", 400, Class::Contention),
            ("application-autoscaling:RegisterScalableTarget", "ConcurrentUpdateException", "", 500, Class::Contention),
            ("application-autoscaling:RegisterScalableTarget", "ValidationException", unlinked, 400, Class::Contention),
            ("application-autoscaling:RegisterScalableTarget", "ValidationException", unseen, 400, Class::Contention),
            ("application-autoscaling:RegisterScalableTarget", "ValidationException", "Maximum capacity", 400, Class::Invalid),
            ("dynamodb:UpdateTimeToLive", "ValidationException", often, 400, Class::Blocked(None)),
            ("logs:CreateLogGroup", "LimitExceededException", busy, 400, Class::Limit),
            ("dynamodb:DeleteTable", "ValidationException", source, 400, Class::Blocked(None)),
            ("dynamodb:DeleteTable", "ValidationException", "protected against deletion", 400, Class::Invalid),
            ("ec2:CreateSubnet", "InvalidSubnet.Conflict", "", 400, Class::Invalid),
            ("route53:ChangeResourceRecordSets", "PriorRequestNotComplete", "", 400, Class::Contention),
            ("route53:ChangeResourceRecordSets", "InvalidChangeBatch", "", 400, Class::Invalid),
            ("route53:ChangeResourceRecordSets", "Throttling", "Rate exceeded", 400, Class::Throttled),
            ("route53:CreateHealthCheck", "HealthCheckAlreadyExists", "", 409, Class::Exists),
            ("route53:CreateHealthCheck", "TooManyHealthChecks", "", 400, Class::Limit),
            ("route53:DeleteHealthCheck", "NoSuchHealthCheck", "", 404, Class::NotFound),
            ("route53:DeleteHostedZone", "HostedZoneNotEmpty", "", 400, Class::InUse),
            ("logs:CreateLogGroup", "OperationAbortedException", "", 400, Class::Contention),
            ("logs:CreateLogGroup", "ResourceAlreadyExistsException", "", 400, Class::Exists),
            ("iam:CreateRole", "EntityAlreadyExists", "", 409, Class::Exists),
            ("iam:DeleteRole", "DeleteConflict", "", 409, Class::InUse),
            ("iam:CreateRole", "LimitExceeded", "", 409, Class::Limit),
            ("ecs:CreateService", "InvalidParameterException", "Creation of service was not idempotent.", 400, Class::Exists),
            ("ecs:CreateService", "InvalidParameterException", draining, 400, Class::Contention),
            ("ecs:CreateService", "InvalidParameterException", listener, 400, Class::Contention),
            ("ecs:CreateService", "InvalidParameterException", "No Container Instances were found", 400, Class::Invalid),
            ("ecs:CreateCluster", "InvalidParameterException", linked, 400, Class::Contention),
            ("ecs:DeleteCluster", "ClusterContainsServicesException", "", 400, Class::InUse),
            ("ecs:DescribeServices", "ClusterNotFoundException", "", 400, Class::NotFound),
            ("ecs:DescribeTaskDefinition", "ClientException", "Unable to describe task definition.", 400, Class::NotFound),
            ("ecs:RegisterTaskDefinition", "ClientException", "No Fargate configuration exists", 400, Class::Invalid),
            ("ecs:CreateService", "ClientException", "TaskDefinition not found.", 400, Class::NotFound),
            ("ecs:UpdateService", "InvalidParameterException", "TaskDefinition not found.", 400, Class::NotFound),
            ("ecs:DeleteService", "ServiceNotActiveException", "Service was not ACTIVE.", 400, Class::NotFound),
            ("ecs:UpdateService", "ServiceNotActiveException", "Service was not ACTIVE.", 400, Class::Invalid),
            ("ecs:DeleteService", "ServiceNotFoundException", "", 400, Class::NotFound),
            ("ecs:DeleteService", "InvalidParameterException", above, 400, Class::Contention),
            ("ecs:CreateService", "ServerException", "", 500, Class::Unclear),
            ("rds:DeleteDBSubnetGroup", "InvalidDBSubnetGroupStateFault", "", 400, Class::InUse),
            ("rds:DeleteDBClusterParameterGroup", "InvalidDBParameterGroupState", "", 400, Class::InUse),
            ("rds:CreateDBCluster", "InvalidDBClusterStateFault", "Source cluster is not valid", 400, Class::Contention),
            ("rds:CreateDBCluster", "InvalidParameterValue", "The parameter MasterUsername must be provided", 400, Class::Contention),
            ("rds:CreateDBCluster", "InvalidParameterValue", "Value for engine should match", 400, Class::Invalid),
            ("rds:DeleteDBCluster", "InvalidDBClusterStateFault", "it still contains DB instances in", 400, Class::InUse),
            ("rds:RemoveFromGlobalCluster", "InvalidParameterValue", "x is not found in global cluster y", 400, Class::NotFound),
            ("rds:DeleteGlobalCluster", "InvalidGlobalClusterStateFault", "is not empty", 400, Class::InUse),
            ("rds:ModifyGlobalCluster", "InvalidGlobalClusterStateFault", "is upgrading", 400, Class::Contention),
            ("rds:CreateGlobalCluster", "GlobalClusterAlreadyExistsFault", "", 400, Class::Exists),
            ("rds:DescribeDBClusters", "DBClusterNotFoundFault", "", 404, Class::NotFound),
            ("rds:CreateDBInstance", "InstanceQuotaExceeded", "", 400, Class::Limit),
            ("cloudwatch:GetDashboard", "ResourceNotFound", "", 404, Class::NotFound),
            ("cloudwatch:DeleteDashboards", "DashboardNotFoundError", "", 404, Class::NotFound),
            ("cloudwatch:ListTagsForResource", "ResourceNotFoundException", "", 404, Class::NotFound),
            ("cloudwatch:PutMetricAlarm", "LimitExceeded", "", 400, Class::Limit),
            ("cloudwatch:PutMetricAlarm", "ValidationError", "Invalid region eu-west-1 specified.", 400, Class::Invalid),
            ("cloudwatch:PutCompositeAlarm", "ValidationError", unmade, 400, Class::Contention),
            ("cloudwatch:DeleteAlarms", "ValidationError", named, 400, Class::InUse),
            ("cloudwatch:PutDashboard", "InvalidParameterInput", "The dashboard body is invalid", 400, Class::Invalid),
            ("sns:CreateTopic", "InvalidParameter", "Tags Reason: Topic already exists with different tags", 400, Class::Exists),
            ("sns:CreateTopic", "InvalidParameter", "Invalid parameter: Topic Name", 400, Class::Invalid),
            ("sns:GetTopicAttributes", "NotFound", "", 404, Class::NotFound),
            ("sns:ListTagsForResource", "ResourceNotFound", "", 404, Class::NotFound),
            ("sns:Subscribe", "AuthorizationError", "", 403, Class::Denied),
            ("sns:Subscribe", "SubscriptionLimitExceeded", "", 403, Class::Limit),
            ("sns:TagResource", "ConcurrentAccess", "", 400, Class::Contention),
            ("sns:TagResource", "StaleTag", "", 400, Class::Contention),
            ("sns:Subscribe", "Throttled", "", 429, Class::Throttled),
            ("ec2:CreateSubnet", "InternalError", "", 500, Class::Unclear),
            ("ec2:CreateSubnet", "Unavailable", "", 503, Class::Unclear),
            ("ec2:CreateSubnet", "", "", 502, Class::Unclear),
            ("ec2:CreateSubnet", "Anything", "", 502, Class::Unclear),
        ];
        for (op, code, message, status, wanted) in cases {
            assert_eq!(class_of(op, code, message, *status), *wanted, "{op} {code} {message}");
        }
    }
}
