//! The table of metrics, every line as AWS documents it.
use super::{Dimension, Metric, Needs, Place, Source, Subject, Unit};
use crate::topology::model::{MissingData, Statistic, When};

const LOAD_BALANCER: Source = Source {
    title: "Elastic Load Balancing user guide, \"CloudWatch metrics for your Application Load Balancer\"",
    url: "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html",
};
const ECS: Source = Source {
    title: "Amazon ECS developer guide, \"Amazon ECS service utilization metrics\"",
    url: "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service_utilization.html",
};
const CONTAINER_INSIGHTS: Source = Source {
    title: "CloudWatch user guide, \"Amazon ECS Container Insights metrics\"",
    url: "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-ECS.html",
};
const DYNAMODB: Source = Source {
    title: "DynamoDB developer guide, \"DynamoDB metrics and dimensions\"",
    url: "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html",
};
const AURORA: Source = Source {
    title: "Aurora user guide, \"Amazon CloudWatch metrics for Amazon Aurora\"",
    url: "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html",
};
const ROUTE_53: Source = Source {
    title: "Route 53 developer guide, \"Monitoring health checks using CloudWatch\"",
    url: "https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/monitoring-health-checks.html",
};
const NAT_GATEWAY: Source = Source {
    title: "Amazon VPC user guide, \"NAT gateway metrics and dimensions\"",
    url: "https://docs.aws.amazon.com/vpc/latest/userguide/metrics-dimensions-nat-gateway.html",
};

/// Of the tasks of a service behind its load balancer: where nobody asks, AWS sends nothing.
const TARGETS: Metric = Metric {
    name: "",
    subject: Subject::Service,
    namespace: "AWS/ApplicationELB",
    aws_name: "",
    dimensions: &[Dimension::LoadBalancer, Dimension::TargetGroup],
    statistic: Statistic::Sum,
    unit: Unit::Count,
    when: When::Above,
    missing_data: MissingData::NotBreaching,
    place: Place::Region,
    needs: Needs::LoadBalancer,
    about: "",
    source: LOAD_BALANCER,
};
/// Of all tasks of a service.
const TASKS: Metric = Metric {
    namespace: "AWS/ECS",
    dimensions: &[Dimension::ClusterName, Dimension::ServiceName],
    statistic: Statistic::Average,
    unit: Unit::Percent,
    missing_data: MissingData::Missing,
    needs: Needs::Nothing,
    source: ECS,
    ..TARGETS
};
/// Of a table. CloudWatch ignores missing data of DynamoDB whatever an alarm says.
const TABLE: Metric = Metric {
    subject: Subject::Table,
    namespace: "AWS/DynamoDB",
    dimensions: &[Dimension::TableName],
    missing_data: MissingData::Ignore,
    needs: Needs::Nothing,
    source: DYNAMODB,
    ..TARGETS
};
/// Of a cluster of a global database, over all its instances.
const CLUSTER: Metric = Metric {
    subject: Subject::Aurora,
    namespace: "AWS/RDS",
    dimensions: &[Dimension::DbClusterIdentifier],
    statistic: Statistic::Average,
    unit: Unit::Percent,
    missing_data: MissingData::Missing,
    needs: Needs::Instances,
    source: AURORA,
    ..TARGETS
};
/// Sent where a cluster is a secondary, nowhere else: roles move, so every region has the alarm, and no data is no lag.
const LAG: Metric = Metric { statistic: Statistic::Maximum, unit: Unit::Milliseconds, missing_data: MissingData::NotBreaching, ..CLUSTER };
const HEALTH_CHECK: Metric = Metric {
    subject: Subject::Record,
    namespace: "AWS/Route53",
    dimensions: &[Dimension::HealthCheckId],
    when: When::Below,
    missing_data: MissingData::Missing,
    place: Place::UsEast1,
    needs: Needs::HealthCheck,
    source: ROUTE_53,
    ..TARGETS
};
const GATEWAY: Metric = Metric {
    subject: Subject::Network,
    namespace: "AWS/NATGateway",
    dimensions: &[Dimension::NatGatewayId],
    place: Place::NatGateways,
    needs: Needs::NatGateways,
    source: NAT_GATEWAY,
    ..TARGETS
};

/// Every metric, in the order of `docs/alarms.md`.
pub const METRICS: &[Metric] = &[
    Metric {
        name: "target_5xx",
        aws_name: "HTTPCode_Target_5XX_Count",
        about: "Answers with a 5xx status that the tasks gave.",
        ..TARGETS
    },
    Metric {
        name: "target_4xx",
        aws_name: "HTTPCode_Target_4XX_Count",
        about: "Answers with a 4xx status that the tasks gave.",
        ..TARGETS
    },
    Metric {
        name: "elb_5xx",
        aws_name: "HTTPCode_ELB_5XX_Count",
        dimensions: &[Dimension::LoadBalancer],
        about: "Answers with a 5xx status that the load balancer gave itself, because no task answered or the answer was none.",
        ..TARGETS
    },
    Metric {
        name: "target_connection_errors",
        aws_name: "TargetConnectionErrorCount",
        about: "Connections to tasks that could not be made.",
        ..TARGETS
    },
    Metric { name: "request_count", aws_name: "RequestCount", about: "Requests that the load balancer had a task for.", ..TARGETS },
    Metric {
        name: "latency_p50",
        aws_name: "TargetResponseTime",
        statistic: Statistic::Percentile(50.0),
        unit: Unit::Seconds,
        about: "The time that half of the requests took at most, from the load balancer to the first byte of the task's answer.",
        ..TARGETS
    },
    Metric {
        name: "latency_p99",
        aws_name: "TargetResponseTime",
        statistic: Statistic::Percentile(99.0),
        unit: Unit::Seconds,
        about: "The time that 99 of 100 requests took at most, from the load balancer to the first byte of the task's answer.",
        ..TARGETS
    },
    Metric {
        name: "latency_average",
        aws_name: "TargetResponseTime",
        statistic: Statistic::Average,
        unit: Unit::Seconds,
        about: "The time that requests took on average; unlike a percentile, a health check can follow it.",
        ..TARGETS
    },
    Metric {
        name: "unhealthy_targets",
        aws_name: "UnHealthyHostCount",
        statistic: Statistic::Maximum,
        about: "Tasks that fail the health check of the load balancer.",
        ..TARGETS
    },
    Metric {
        name: "healthy_targets",
        aws_name: "HealthyHostCount",
        statistic: Statistic::Minimum,
        when: When::Below,
        // With no task registered nothing is sent, and that is the worst case.
        missing_data: MissingData::Breaching,
        about: "Tasks that pass the health check of the load balancer. With no task at all AWS sends nothing, which counts as too few.",
        ..TARGETS
    },
    Metric { name: "cpu", aws_name: "CPUUtilization", about: "The part of its CPU that the service uses, over all tasks.", ..TASKS },
    Metric {
        name: "memory",
        aws_name: "MemoryUtilization",
        about: "The part of its memory that the service uses, over all tasks.",
        ..TASKS
    },
    Metric {
        name: "running_tasks",
        namespace: "ECS/ContainerInsights",
        aws_name: "RunningTaskCount",
        statistic: Statistic::Minimum,
        unit: Unit::Count,
        when: When::Below,
        missing_data: MissingData::Breaching,
        needs: Needs::ContainerInsights,
        about: "Tasks in the state RUNNING. No data counts as none.",
        source: CONTAINER_INSIGHTS,
        ..TASKS
    },
    Metric {
        name: "read_throttles",
        aws_name: "ReadThrottleEvents",
        about: "Reads that the table refused for want of capacity; those of its indexes are not in it.",
        ..TABLE
    },
    Metric {
        name: "write_throttles",
        aws_name: "WriteThrottleEvents",
        about: "Writes that the table refused for want of capacity; those of its indexes are not in it.",
        ..TABLE
    },
    Metric {
        name: "throttled_requests",
        aws_name: "ThrottledRequests",
        dimensions: &[Dimension::TableName, Dimension::Operation],
        about: "Requests of one operation in which anything was throttled, at the table or an index. AWS has it for each operation only: name one with `operation`.",
        ..TABLE
    },
    Metric {
        name: "system_errors",
        aws_name: "SystemErrors",
        dimensions: &[Dimension::TableName, Dimension::Operation],
        about: "Requests of one operation that DynamoDB answered with a 500. AWS has it for each operation only: name one with `operation`.",
        ..TABLE
    },
    Metric {
        name: "request_latency",
        aws_name: "SuccessfulRequestLatency",
        dimensions: &[Dimension::TableName, Dimension::Operation],
        statistic: Statistic::Average,
        unit: Unit::Milliseconds,
        about: "How long successful requests of one operation took inside DynamoDB. AWS has it for each operation only: name one with `operation`.",
        ..TABLE
    },
    Metric {
        name: "consumed_read_capacity",
        aws_name: "ConsumedReadCapacityUnits",
        about: "Read capacity units that were used in the period, in all of its seconds together.",
        ..TABLE
    },
    Metric {
        name: "consumed_write_capacity",
        aws_name: "ConsumedWriteCapacityUnits",
        about: "Write capacity units that were used in the period, in all of its seconds together.",
        ..TABLE
    },
    Metric {
        name: "replication_latency",
        aws_name: "ReplicationLatency",
        dimensions: &[Dimension::TableName, Dimension::ReceivingRegion],
        statistic: Statistic::Average,
        unit: Unit::Milliseconds,
        place: Place::Pairs,
        needs: Needs::Replication,
        about: "How long a write takes from this region to another. One alarm for each pair of source and receiving region.",
        ..TABLE
    },
    Metric {
        name: "aurora_replication_lag",
        aws_name: "AuroraGlobalDBReplicationLag",
        needs: Needs::SecondaryRegions,
        about: "How far a secondary's storage is behind the writer's. AWS sends it in secondary regions only.",
        ..LAG
    },
    Metric {
        name: "aurora_rpo_lag",
        aws_name: "AuroraGlobalDBRPOLag",
        needs: Needs::RpoLag,
        about: "How far a secondary is behind the writer in committed transactions: what would be lost if the writer's region went now. AWS sends it in secondary regions only.",
        ..LAG
    },
    Metric {
        name: "aurora_cpu",
        aws_name: "CPUUtilization",
        about: "The part of their CPU that the instances of the cluster use.",
        ..CLUSTER
    },
    Metric {
        name: "aurora_connections",
        aws_name: "DatabaseConnections",
        statistic: Statistic::Maximum,
        unit: Unit::Count,
        about: "Connections of clients to the instance of the cluster that has most of them.",
        ..CLUSTER
    },
    Metric {
        name: "health_check_status",
        aws_name: "HealthCheckStatus",
        statistic: Statistic::Minimum,
        unit: Unit::None,
        about: "1 while Route 53 finds the record's region healthy, else 0: with a threshold of 1, ALARM is unhealthy.",
        ..HEALTH_CHECK
    },
    Metric {
        name: "health_check_percentage",
        aws_name: "HealthCheckPercentageHealthy",
        statistic: Statistic::Average,
        unit: Unit::Percent,
        needs: Needs::HealthCheckers,
        about: "The part of Route 53's checkers that find the record's region healthy.",
        ..HEALTH_CHECK
    },
    Metric {
        name: "nat_errors",
        aws_name: "ErrorPortAllocation",
        about: "Connections that a NAT gateway had no port left for. One alarm for each gateway.",
        ..GATEWAY
    },
    Metric {
        name: "nat_packets_dropped",
        aws_name: "PacketsDropCount",
        about: "Packets that a NAT gateway dropped. One alarm for each gateway.",
        ..GATEWAY
    },
];
