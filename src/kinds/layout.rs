//! What the dashboard shows: rows of charts, in each row every region side by side, and before each row what it tells. Pure.
//!
//! Only metrics that the topology has are drawn, with the dimensions that alarms have, and with the thresholds of the alarms as lines.
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    body::{Cell, Line, Widget, by_title},
    cloudwatch::{
        composite_alarm::{self, CompositeAlarmArn},
        metric_alarm,
    },
    ecs::cluster,
    watching::{dimensions, home, parts, words},
};
use crate::{
    aws::alarms,
    resource::{Facts, Given, Ref, Region, Scope},
    topology::{
        Aurora, Consistency, CustomMetric, HealthCheck, Model, NatGateways, PlacementOf, Statistic, Watches, When,
        metrics::{Dimension, Metric, Needs, Subject, named},
    },
};

/// The width of a dashboard (CloudWatch API reference, "Dashboard body structure and syntax").
const COLUMNS: u32 = 24;
/// Charts beside each other: more would be too narrow to be read, and go on below.
const BESIDE: usize = 4;
const CHART: u32 = 6;
const TEXT: u32 = 2;
const STATUS: u32 = 3;
/// Widgets in a dashboard, metrics in a widget and metrics in all of them (CloudWatch user guide, "CloudWatch service quotas").
const WIDGETS: usize = 500;
const LINES: usize = 500;
const ALL_LINES: usize = 2500;
/// Seconds between two points.
const PERIOD: u32 = 60;
/// Operations of DynamoDB that are drawn where a metric is of one.
const OPERATIONS: [&str; 3] = ["GetItem", "PutItem", "Query"];

/// A row: its metrics by their names in the table. Those after `right` are drawn on the right axis.
struct Row {
    title: &'static str,
    about: &'static str,
    metrics: &'static [&'static str],
    right: &'static [&'static str],
}

/// In the order in which somebody who was woken looks at them.
const ROWS: [Row; 12] = [
    Row {
        title: "Traffic",
        about: "Requests that tasks answered, a minute. A region that is taken out of DNS falls and the others rise within two minutes; one that \
                falls alone has lost its clients or its way in.",
        metrics: &["request_count"],
        right: &[],
    },
    Row {
        title: "Errors",
        about: "5xx answers a minute: of the tasks (target_5xx), and of the load balancer where no task answered (elb_5xx). One region alone: take \
                it out of DNS. All of them: look at the last deployment, or at what they share.",
        metrics: &["target_5xx", "elb_5xx"],
        right: &[],
    },
    Row {
        title: "Latency",
        about: "Seconds until a task answered: the middle request (p50) and the slowest of a hundred (p99). The two apart: some requests wait for \
                something.",
        metrics: &["latency_p50", "latency_p99"],
        right: &[],
    },
    Row {
        title: "Health checks",
        about: "1 while Route 53 finds a region healthy, 0 while it sends clients elsewhere. The metrics are in us-east-1.",
        metrics: &["health_check_status"],
        right: &[],
    },
    Row {
        title: "Tasks",
        about: "Tasks that the load balancer finds healthy and unhealthy, and tasks that run. A gap between running and healthy for longer than a \
                deployment takes: they start and do not get well.",
        metrics: &["healthy_targets", "unhealthy_targets", "running_tasks"],
        right: &[],
    },
    Row {
        title: "Load",
        about: "CPU and memory of each service in percent. When one region fails the others take its clients: what they have left is here.",
        metrics: &["cpu", "memory"],
        right: &[],
    },
    Row {
        title: "Table throttling",
        about: "Reads and writes that a table refused for want of capacity, a minute.",
        metrics: &["read_throttles", "write_throttles"],
        right: &[],
    },
    Row {
        title: "Table latency",
        about: "Milliseconds that DynamoDB took for successful requests.",
        metrics: &["request_latency"],
        right: &[],
    },
    Row {
        title: "Replication",
        about: "Milliseconds until what was written in a region is in another. While it is high, readers elsewhere see old items, and what fails \
                over may overwrite what is still under way.",
        metrics: &["replication_latency"],
        right: &[],
    },
    Row {
        title: "Aurora lag",
        about: "Milliseconds that a copy is behind the writer: of its storage, and of what would be lost with the writer's region (rpo). Only copies \
                have it; the region without a line is the writer's.",
        metrics: &["aurora_replication_lag", "aurora_rpo_lag"],
        right: &[],
    },
    Row {
        title: "Aurora load",
        about: "CPU of the database instances in percent; on the right, connections of the busiest one.",
        metrics: &["aurora_cpu", "aurora_connections"],
        right: &["aurora_connections"],
    },
    Row {
        title: "NAT gateways",
        about: "Connections that found no port, and packets that were dropped, a minute. Tasks reach nothing outside while these rise.",
        metrics: &["nat_errors", "nat_packets_dropped"],
        right: &[],
    },
];

/// The title of the row with the metrics of the application.
const OWN: &str = "Own metrics";

/// Whether a chart of that title shows metrics of the application, whose dimensions are words wherever they are from.
pub(super) fn is_own(title: &str) -> bool {
    title.strip_prefix(OWN).is_some_and(|rest| rest.starts_with(", "))
}

/// A chart of a region.
struct Chart {
    region: Region,
    widget: Widget,
}

/// Whether AWS has a metric of a subject in a region.
fn has(model: &Model, metric: &Metric, key: &str, region: &Region) -> bool {
    let record = || model.dns.as_ref()?.records.get(key)?.members.get(region);
    match metric.needs {
        Needs::Nothing => true,
        Needs::LoadBalancer => model.service(key, region).is_some_and(|member| member.balanced_port().is_some()),
        Needs::ContainerInsights => cluster::has_insights(model, region),
        Needs::Replication => {
            model.tables.get(key).is_some_and(|table| table.consistency == Consistency::Eventual && table.members.len() > 1)
        }
        Needs::SecondaryRegions => model.aurora.get(key).is_some_and(|database| database.members.len() > 1),
        Needs::RpoLag => model.aurora.get(key).is_some_and(|database| database.members.len() > 1 && has_rpo_lag(database)),
        Needs::Instances => {
            model.aurora.get(key).and_then(|database| database.members.get(region)).is_some_and(|member| member.instances > 0)
        }
        Needs::HealthCheck => record().is_some_and(|member| member.health_check.is_some()),
        Needs::HealthCheckers => record().is_some_and(|member| matches!(member.health_check, Some(HealthCheck::Endpoint(_)))),
        Needs::NatGateways => model.network.as_ref().is_some_and(|network| network.nat_gateways != NatGateways::None),
    }
}

/// Aurora MySQL has it since 2.12 and 3.04 (Aurora user guide, "Amazon CloudWatch metrics for Amazon Aurora").
fn has_rpo_lag(database: &Aurora) -> bool {
    let Some((_, version)) = database.engine_version.split_once("mysql_aurora.") else { return true };
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or_default());
    let (major, minor) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    major > 3 || (major, minor) >= (3, 4) || major == 2 && minor >= 12
}

/// The keys of what there is of a subject in a region.
fn subjects<'a>(model: &'a Model, subject: Subject, region: &Region) -> Vec<&'a str> {
    match subject {
        Subject::Service => {
            model.services.iter().filter(|(_, one)| one.members.contains_key(region)).map(|(key, _)| key.as_str()).collect()
        }
        Subject::Table => model.tables.iter().filter(|(_, one)| one.members.contains_key(region)).map(|(key, _)| key.as_str()).collect(),
        Subject::Aurora => model.aurora.iter().filter(|(_, one)| one.members.contains_key(region)).map(|(key, _)| key.as_str()).collect(),
        Subject::Record => {
            let records = model.dns.iter().flat_map(|dns| &dns.records);
            records.filter(|(_, one)| one.members.contains_key(region)).map(|(name, _)| name.as_str()).collect()
        }
        Subject::Network => vec![""],
    }
}

fn statistic(statistic: Statistic) -> String {
    metric_alarm::statistic(statistic)
}

/// The lines of a metric in a region, each with its label. `several`: whether the chart has other metrics, too.
fn lines(model: &Model, facts: &Facts, metric: &Metric, region: &Region, row: &Row) -> Vec<(String, Line)> {
    let several = row.metrics.len() > 1;
    let operations: Vec<Option<&str>> =
        if metric.dimensions.contains(&Dimension::Operation) { OPERATIONS.map(Some).to_vec() } else { vec![None] };
    let mut all = Vec::new();
    for key in subjects(model, metric.subject, region).into_iter().filter(|key| has(model, metric, key, region)) {
        for part in parts(model, facts, metric.place, key, region) {
            for operation in &operations {
                let what = match &part {
                    PlacementOf::Region => key.to_owned(),
                    PlacementOf::Receiving(other) => format!("{key} to {other}"),
                    PlacementOf::NatGateway(number) => format!("nat-{number}"),
                };
                let words = [Some(what.as_str()), *operation, Some(metric.name).filter(|_| several)];
                let label = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
                let mut options =
                    BTreeMap::from([("label".to_owned(), json!(label)), ("stat".to_owned(), json!(statistic(metric.statistic)))]);
                if row.right.contains(&metric.name) {
                    options.insert("yAxis".to_owned(), json!("right"));
                }
                let dimensions = dimensions(metric, key, *operation, region, &part);
                let (namespace, metric) = (metric.namespace.to_owned(), metric.aws_name.to_owned());
                all.push((label, Line { namespace, metric, dimensions, options }));
            }
        }
    }
    all
}

/// A threshold line for each alarm on these metrics in a region.
fn thresholds(model: &Model, region: &Region, row: &Row) -> Vec<Value> {
    let mut all = Vec::new();
    for (key, alarm) in &model.alarms {
        let (Watches::Named { metric, .. }, Some(member)) = (&alarm.watches, alarm.members.get(region)) else { continue };
        if !row.metrics.contains(&metric.name) {
            continue;
        }
        let mut line = threshold(key, member.when, member.threshold, member.period);
        if row.right.contains(&metric.name) {
            line["yAxis"] = json!("right");
        }
        all.push(line);
    }
    all
}

fn threshold(key: &str, when: When, threshold: f64, period: u32) -> Value {
    let way = if when == When::Above { "above" } else { "below" };
    // A whole number is written as one.
    let value = format!("{threshold}").parse::<i64>().map_or_else(|_| json!(threshold), |whole| json!(whole));
    json!({ "label": format!("alarm {key}: {way} {threshold} in {period} s"), "value": value })
}

/// One chart; nothing where there is nothing to draw.
fn chart(title: &str, region: &Region, at: &Region, all: Vec<(String, Line)>, thresholds: Vec<Value>) -> Option<Chart> {
    let many = all.len();
    let lines: BTreeMap<String, Line> = all.into_iter().take(LINES).collect();
    if lines.is_empty() {
        return None;
    }
    let cut = if many > LINES { format!(" ({LINES} of {many})") } else { String::new() };
    let mut properties = BTreeMap::from([
        ("title".to_owned(), json!(format!("{title}, {region}{cut}"))),
        ("region".to_owned(), json!(at)),
        ("view".to_owned(), json!("timeSeries")),
        ("stacked".to_owned(), json!(false)),
        ("period".to_owned(), json!(PERIOD)),
        ("yAxis".to_owned(), json!({ "left": { "min": 0 } })),
    ]);
    if !thresholds.is_empty() {
        properties.insert("annotations".to_owned(), json!({ "horizontal": thresholds }));
    }
    let widget = Widget { cell: Cell::default(), kind: "metric".to_owned(), properties, lines, alarms: BTreeMap::new() };
    Some(Chart { region: region.clone(), widget })
}

fn row_charts(model: &Model, facts: &Facts, row: &Row, regions: &[Region]) -> Vec<Chart> {
    let metrics: Vec<&Metric> = row.metrics.iter().filter_map(|name| named(name)).collect();
    let of_region = |region: &Region| {
        let all = metrics.iter().flat_map(|metric| lines(model, facts, metric, region, row)).collect();
        // All metrics of a row live in one place.
        let at = metrics.first().map_or_else(|| region.clone(), |metric| home(metric.place, region));
        chart(row.title, region, &at, all, thresholds(model, region, row))
    };
    regions.iter().filter_map(of_region).collect()
}

/// The metrics of the application that alarms watch.
fn own_charts(model: &Model, facts: &Facts, regions: &[Region]) -> Vec<Chart> {
    let of_region = |region: &Region| {
        let (mut all, mut lines) = (Vec::new(), Vec::new());
        for (key, alarm) in &model.alarms {
            let (Watches::Custom(metric), Some(member)) = (&alarm.watches, alarm.members.get(region)) else { continue };
            all.push((key.clone(), own_line(facts, key, metric, member.statistic, region)));
            lines.push(threshold(key, member.when, member.threshold, member.period));
        }
        chart(OWN, region, region, all, lines)
    };
    regions.iter().filter_map(of_region).collect()
}

fn own_line(facts: &Facts, key: &str, metric: &CustomMetric, of: Statistic, region: &Region) -> Line {
    let options = BTreeMap::from([("label".to_owned(), json!(key)), ("stat".to_owned(), json!(statistic(of)))]);
    Line { namespace: metric.namespace.clone(), metric: metric.name.clone(), dimensions: words(facts, metric, region), options }
}

fn text(markdown: String, height: u32) -> Widget {
    let properties = BTreeMap::from([("markdown".to_owned(), json!(markdown))]);
    let cell = Cell { y: 0, x: 0, width: COLUMNS, height };
    Widget { cell, kind: "text".to_owned(), properties, lines: BTreeMap::new(), alarms: BTreeMap::new() }
}

/// The light of every region.
fn status(model: &Model, facts: &Facts) -> Option<Widget> {
    let light = |region: Region| {
        let given = Given::by(Ref::<CompositeAlarmArn>::to(&Scope::from(&region), composite_alarm::REGION));
        (format!("{region}/{}", alarms::name(&model.stack, composite_alarm::REGION)), given)
    };
    let alarms: BTreeMap<String, Given> = composite_alarm::regions(model, facts).into_iter().map(light).collect();
    let properties = BTreeMap::from([("title".to_owned(), json!("Any alarm of a region"))]);
    let cell = Cell { y: 0, x: 0, width: COLUMNS, height: STATUS };
    (!alarms.is_empty()).then(|| Widget { cell, kind: "alarm".to_owned(), properties, lines: BTreeMap::new(), alarms })
}

fn header(model: &Model, regions: &[Region], left_out: &[&str]) -> Widget {
    let side_by_side = regions.iter().map(Region::as_str).collect::<Vec<_>>().join(", ");
    let mut markdown = format!(
        "# {}\nAll regions side by side: {side_by_side}. Compare before you act: what one region shows alone is the region's, what all show is \
         everyone's. Made by mrctl from the topology; what is changed here by hand is changed back by the next apply.",
        model.stack
    );
    if !left_out.is_empty() {
        markdown.push_str(&format!(
            " **Left out**, because a dashboard takes {WIDGETS} widgets and {ALL_LINES} metrics: {}.",
            left_out.join(", ")
        ));
    }
    text(markdown, TEXT + 1)
}

/// The widgets of the topology's dashboard, by title, with references to what they show.
pub(super) fn layout(model: &Model, facts: &Facts) -> BTreeMap<String, Widget> {
    let regions = model.rollout_order();
    let mut rows: Vec<(&str, String, Vec<Chart>)> =
        ROWS.iter().map(|row| (row.title, row.about.to_owned(), row_charts(model, facts, row, &regions))).collect();
    let own = "What the application sends itself and alarms watch.".to_owned();
    rows.push((OWN, own, own_charts(model, facts, &regions)));
    rows.retain(|(.., charts)| !charts.is_empty());

    let status = status(model, facts);
    let mut body: Vec<Widget> = Vec::new();
    let mut y = TEXT + 1;
    if let Some(mut status) = status {
        status.cell.y = y;
        y += STATUS;
        body.push(status);
    }
    let (mut drawn, mut left_out) = (0, Vec::new());
    for (title, about, charts) in rows {
        let many: usize = charts.iter().map(|chart| chart.widget.lines.len()).sum();
        // The header comes, too.
        if body.len() + charts.len() + 2 > WIDGETS || drawn + many > ALL_LINES {
            left_out.push(title);
            continue;
        }
        drawn += many;
        let mut explained = text(format!("## {title}\n{about}"), TEXT);
        explained.cell.y = y;
        y += TEXT;
        body.push(explained);
        y = place(&mut body, charts, &regions, y);
    }
    body.push(header(model, &regions, &left_out));
    by_title(body)
}

/// Places the charts of a row, each region in a column of its own. Gives where the next row begins.
fn place(body: &mut Vec<Widget>, charts: Vec<Chart>, regions: &[Region], y: u32) -> u32 {
    let beside = regions.len().clamp(1, BESIDE);
    let width = COLUMNS / u32::try_from(beside).unwrap_or(COLUMNS);
    let mut end = y;
    for mut chart in charts {
        let index = regions.iter().position(|region| *region == chart.region).unwrap_or_default();
        let number = |index: usize| u32::try_from(index).unwrap_or_default();
        let at = y + number(index / beside) * CHART;
        chart.widget.cell = Cell { y: at, x: number(index % beside) * width, width, height: CHART };
        end = end.max(at + CHART);
        body.push(chart.widget);
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::metrics::METRICS;

    #[test]
    fn rows_name_metrics_of_the_table_that_live_in_one_place() {
        for row in &ROWS {
            let metrics: Vec<&Metric> = row.metrics.iter().filter_map(|name| named(name)).collect();
            assert_eq!(metrics.len(), row.metrics.len(), "{}", row.title);
            let home = |metric: &&Metric| home(metric.place, &Region::new("eu-west-1"));
            assert!(metrics.iter().all(|metric| home(metric) == home(&metrics[0])), "{}", row.title);
            assert!(row.right.iter().all(|name| row.metrics.contains(name)), "{}", row.title);
        }
        let drawn: usize = ROWS.iter().map(|row| row.metrics.len()).sum();
        assert!(drawn <= METRICS.len());
    }

    #[test]
    fn a_metric_of_pairs_or_gateways_is_placed_so() {
        use crate::topology::metrics::Place;
        for metric in METRICS {
            assert_eq!(metric.dimensions.contains(&Dimension::ReceivingRegion), metric.place == Place::Pairs, "{}", metric.name);
            assert_eq!(metric.dimensions.contains(&Dimension::NatGatewayId), metric.place == Place::NatGateways, "{}", metric.name);
        }
    }
}
