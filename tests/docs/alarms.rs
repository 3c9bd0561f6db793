//! docs/alarms.md has the table of metrics that the code uses.
use std::{fmt::Write, fs};

use mrctl::topology::{
    MissingData, Statistic, When,
    metrics::{METRICS, Metric, Needs, Place, Source, Subject},
};

use super::{read, root};

const BEGIN: &str = "<!-- metrics: written by MRCTL_BLESS=1, from src/topology/metrics/table.rs -->\n";
const END: &str = "<!-- end of metrics -->";

const SUBJECTS: [(Subject, &str); 5] = [
    (Subject::Service, "`service: KEY`"),
    (Subject::Table, "`table: KEY`"),
    (Subject::Aurora, "`aurora: KEY`"),
    (Subject::Record, "`record: NAME`"),
    (Subject::Network, "the network"),
];

fn statistic(statistic: Statistic) -> String {
    match statistic {
        Statistic::Average => "`average`".to_owned(),
        Statistic::Sum => "`sum`".to_owned(),
        Statistic::Minimum => "`minimum`".to_owned(),
        Statistic::Maximum => "`maximum`".to_owned(),
        Statistic::SampleCount => "`sample_count`".to_owned(),
        Statistic::Percentile(percent) => format!("`p{percent}`"),
    }
}

const fn missing_data(missing: MissingData) -> &'static str {
    match missing {
        MissingData::NotBreaching => "`not_breaching`",
        MissingData::Breaching => "`breaching`",
        MissingData::Ignore => "`ignore`",
        MissingData::Missing => "`missing`",
    }
}

const fn place(place: Place) -> &'static str {
    match place {
        Place::Region => "each region",
        Place::Pairs => "each region, for every other",
        Place::NatGateways => "each region, for every NAT gateway",
        Place::UsEast1 => "us-east-1, for each region",
    }
}

const fn needs(needs: Needs) -> &'static str {
    match needs {
        Needs::Nothing => "",
        Needs::LoadBalancer => "a load balancer",
        Needs::ContainerInsights => "`container_insights: true`",
        Needs::Replication => "two regions, eventual consistency",
        Needs::SecondaryRegions => "two regions",
        Needs::RpoLag => "two regions; Aurora MySQL 2.12.0 or 3.04.0",
        Needs::Instances => "instances",
        Needs::HealthCheck => "a health check",
        Needs::HealthCheckers => "a health check that asks",
        Needs::NatGateways => "NAT gateways that mrctl makes",
    }
}

fn row(metric: &Metric) -> String {
    let dimensions: Vec<&str> = metric.dimensions.iter().map(|dimension| dimension.as_str()).collect();
    let when = if metric.when == When::Above { "`above`" } else { "`below`" };
    let cells = [
        format!("`{}`", metric.name),
        metric.about.to_owned(),
        format!("`{}` `{}`", metric.namespace, metric.aws_name),
        dimensions.join(", "),
        metric.unit.as_str().to_owned(),
        statistic(metric.statistic),
        when.to_owned(),
        missing_data(metric.missing_data).to_owned(),
        place(metric.place).to_owned(),
        needs(metric.needs).to_owned(),
    ];
    format!("| {} |", cells.join(" | "))
}

/// A table for each subject, and where AWS says so.
fn tables() -> String {
    let mut text = String::new();
    for (subject, title) in SUBJECTS {
        let metrics: Vec<&Metric> = METRICS.iter().filter(|metric| metric.subject == subject).collect();
        writeln!(text, "\n### Of {title}\n").unwrap();
        writeln!(
            text,
            "| metric | what it tells | in CloudWatch | dimensions | unit | statistic | `when` | `missing_data` | an alarm in | needs |"
        )
        .unwrap();
        writeln!(text, "|---|---|---|---|---|---|---|---|---|---|").unwrap();
        metrics.iter().for_each(|metric| writeln!(text, "{}", row(metric)).unwrap());
        let mut pages: Vec<Source> = Vec::new();
        for metric in metrics {
            if !pages.contains(&metric.source) {
                pages.push(metric.source);
            }
        }
        let pages: Vec<String> = pages.iter().map(|Source { title, url }| format!("[{title}]({url})")).collect();
        writeln!(text, "\nFrom the {}.", pages.join(", and the ")).unwrap();
    }
    text.push('\n');
    text
}

#[test]
fn the_reference_of_metrics_is_the_table_of_the_code() {
    let page = read("docs/alarms.md");
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (told, after) = rest.split_once(END).unwrap();
    let wanted = tables();
    if std::env::var_os("MRCTL_BLESS").is_some() {
        fs::write(root().join("docs/alarms.md"), format!("{before}{BEGIN}{wanted}{END}{after}")).unwrap();
        return;
    }
    for (told, wanted) in told.lines().zip(wanted.lines()) {
        assert_eq!(told, wanted, "docs/alarms.md differs from src/topology/metrics/table.rs: run this test with MRCTL_BLESS=1");
    }
    assert_eq!(told, wanted, "docs/alarms.md has other lines than src/topology/metrics/table.rs: run this test with MRCTL_BLESS=1");
}
