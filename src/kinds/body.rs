//! The body of a dashboard, as AWS keeps it and as a document: widgets by title, and in charts the lines by label, with references
//! to what they show. Pure.
use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value, json};

use super::{
    cloudwatch::composite_alarm::CompositeAlarmArn,
    watching::{Dimensions, found},
};
use crate::resource::{Fault, Given, Ref, Region, Scope};

/// Where a widget stands on a grid of 24 columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    pub y: u32,
    pub x: u32,
    pub width: u32,
    pub height: u32,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{} at {},{}", self.width, self.height, self.x, self.y)
    }
}

impl FromStr for Cell {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (size, at) = text.split_once(" at ")?;
            let ((width, height), (x, y)) = (size.split_once('x')?, at.split_once(',')?);
            Some(Self { y: y.parse().ok()?, x: x.parse().ok()?, width: width.parse().ok()?, height: height.parse().ok()? })
        };
        read().ok_or_else(|| format!("`{text}` is no cell"))
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// One widget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Widget {
    pub cell: Cell,
    /// `metric`, `text`, `alarm`.
    pub kind: String,
    /// Everything in `properties` but metrics and alarms.
    pub properties: BTreeMap<String, Value>,
    /// The metrics of a chart, by label.
    pub lines: BTreeMap<String, Line>,
    /// The alarms of a status widget, by name.
    pub alarms: BTreeMap<String, Given>,
}

/// One metric of a chart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    pub namespace: String,
    /// AWS's name of the metric.
    pub metric: String,
    pub dimensions: Dimensions,
    /// How it is drawn: its label, its statistic, or an expression of somebody's.
    pub options: BTreeMap<String, Value>,
}

/// What the body says beside its widgets: the last three hours at first, and every chart with its own period.
pub(super) fn settings() -> BTreeMap<String, Value> {
    [("start".to_owned(), json!("-PT3H")), ("periodOverride".to_owned(), json!("inherit"))].into()
}

/// By what a widget is known: the title of a chart, or the first line of a text.
fn title(properties: &BTreeMap<String, Value>) -> String {
    let text = |key: &str| properties.get(key).and_then(Value::as_str);
    let first = |text: &str| text.lines().next().unwrap_or_default().trim_start_matches('#').trim().to_owned();
    text("title").map(str::to_owned).or_else(|| text("markdown").map(first)).unwrap_or_else(|| "without a title".to_owned())
}

/// The same widgets by title; a second one of a title is told by its number.
pub(super) fn by_title(widgets: impl IntoIterator<Item = Widget>) -> BTreeMap<String, Widget> {
    let mut all = BTreeMap::new();
    for widget in widgets {
        let title = title(&widget.properties);
        insert(&mut all, &title, widget);
    }
    all
}

fn insert<T>(all: &mut BTreeMap<String, T>, name: &str, value: T) {
    let free = |name: &String| !all.contains_key(name);
    let numbered = (2_u32..).map(|number| format!("{name} ({number})"));
    if let Some(name) = std::iter::once(name.to_owned()).chain(numbered).find(free) {
        all.insert(name, value);
    }
}

/// Reads a body. What is no JSON has no widgets, and says so among its settings.
pub(super) fn read(text: &str) -> (BTreeMap<String, Widget>, BTreeMap<String, Value>) {
    let Ok(Value::Object(mut body)) = serde_json::from_str::<Value>(text) else {
        return (BTreeMap::new(), [("unreadable".to_owned(), json!(true))].into());
    };
    let widgets = body.remove("widgets").unwrap_or_default();
    let mut widgets: Vec<Widget> = widgets.as_array().into_iter().flatten().map(read_widget).collect();
    widgets.sort_by_key(|widget| widget.cell);
    (by_title(widgets), body.into_iter().collect())
}

fn read_widget(widget: &Value) -> Widget {
    let number = |key: &str| widget.get(key).and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok()).unwrap_or_default();
    let cell = Cell { y: number("y"), x: number("x"), width: number("width"), height: number("height") };
    let mut properties = widget.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let region = Region::new(properties.get("region").and_then(Value::as_str).unwrap_or_default());
    let mut lines = BTreeMap::new();
    for (label, line) in read_lines(&region, properties.remove("metrics").unwrap_or_default()) {
        insert(&mut lines, &label, line);
    }
    let mut alarms = BTreeMap::new();
    for arn in properties.remove("alarms").unwrap_or_default().as_array().into_iter().flatten().filter_map(Value::as_str) {
        let mut parts = arn.splitn(7, ':').skip(3);
        let (region, name) = (parts.next().unwrap_or_default(), parts.nth(2).unwrap_or(arn));
        let given = Given::by(Ref::<CompositeAlarmArn>::is(&Scope::from(&Region::new(region)), arn));
        alarms.insert(format!("{region}/{name}"), given);
    }
    let kind = widget.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    Widget { cell, kind, properties: properties.into_iter().collect(), lines, alarms }
}

/// The lines of a chart: `[namespace, metric, dimension, value, …, {options}]`, in which `.` is what stands there in the line before
/// and `...` all that follows in it (CloudWatch API reference, "Dashboard body structure and syntax").
fn read_lines(region: &Region, metrics: Value) -> Vec<(String, Line)> {
    let mut before: Vec<String> = Vec::new();
    let mut lines = Vec::new();
    for line in metrics.as_array().into_iter().flatten() {
        let items = line.as_array().map(Vec::as_slice).unwrap_or_default();
        let options: BTreeMap<String, Value> = items.last().and_then(Value::as_object).cloned().unwrap_or_default().into_iter().collect();
        let words: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
        let mut whole: Vec<String> = Vec::new();
        for (index, word) in words.iter().enumerate() {
            match *word {
                "." => whole.push(before.get(index).cloned().unwrap_or_default()),
                "..." => {
                    let left = before.len().saturating_sub(words.len() - 1 - index);
                    whole.extend(before.get(whole.len()..left).unwrap_or_default().iter().cloned());
                }
                word => whole.push(word.to_owned()),
            }
        }
        let mut parts = whole.iter().map(String::as_str);
        let (namespace, metric) = (parts.next().unwrap_or_default().to_owned(), parts.next().unwrap_or_default().to_owned());
        let rest: Vec<&str> = parts.collect();
        let pairs = rest.chunks(2).filter_map(|pair| Some((*pair.first()?, *pair.get(1)?)));
        // A line may have a region of its own.
        let own = options.get("region").and_then(Value::as_str).map_or_else(|| region.clone(), Region::new);
        let dimensions = found(&namespace, &metric, &own, pairs);
        let label = options.get("label").and_then(Value::as_str).unwrap_or(&metric).to_owned();
        before = whole;
        lines.push((label, Line { namespace, metric, dimensions, options }));
    }
    lines
}

/// The body with everything filled in, widgets from top to bottom and from left to right.
///
/// # Errors
/// A bug of the engine: a reference is not resolved.
pub(super) fn write(widgets: &BTreeMap<String, Widget>, settings: &BTreeMap<String, Value>) -> Result<String, Fault> {
    let mut sorted: Vec<&Widget> = widgets.values().collect();
    sorted.sort_by_key(|widget| widget.cell);
    let widgets: Vec<Value> = sorted.into_iter().map(write_widget).collect::<Result<_, _>>()?;
    let mut body: Map<String, Value> = settings.clone().into_iter().collect();
    body.insert("widgets".to_owned(), json!(widgets));
    Ok(Value::Object(body).to_string())
}

fn write_widget(widget: &Widget) -> Result<Value, Fault> {
    let mut properties: Map<String, Value> = widget.properties.clone().into_iter().collect();
    if !widget.lines.is_empty() {
        let lines: Vec<Value> = widget.lines.values().map(write_line).collect::<Result<_, _>>()?;
        properties.insert("metrics".to_owned(), json!(lines));
    }
    if !widget.alarms.is_empty() {
        let arns: Vec<&str> = widget.alarms.values().map(Given::get).collect::<Result<_, _>>()?;
        properties.insert("alarms".to_owned(), json!(arns));
    }
    let Cell { y, x, width, height } = widget.cell;
    Ok(json!({ "type": widget.kind, "x": x, "y": y, "width": width, "height": height, "properties": properties }))
}

fn write_line(line: &Line) -> Result<Value, Fault> {
    let mut items = vec![json!(line.namespace), json!(line.metric)];
    for (name, value) in &line.dimensions {
        items.extend([json!(name), json!(value.get()?)]);
    }
    items.push(json!(line.options));
    Ok(Value::Array(items))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body() -> Value {
        json!({
            "start": "-PT3H",
            "widgets": [
                { "type": "metric", "x": 12, "y": 3, "width": 12, "height": 6, "properties": {
                    "title": "Errors, eu-west-1", "region": "eu-west-1", "metrics": [
                        ["AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "LoadBalancer", "app/a/1", "TargetGroup", "targetgroup/a/1",
                            { "label": "a", "stat": "Sum" }],
                        ["AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", "LoadBalancer", "app/a/1", { "label": "b", "stat": "Sum" }],
                    ] } },
                { "type": "text", "x": 0, "y": 0, "width": 24, "height": 3, "properties": { "markdown": "# shop\nAll of it." } },
                { "type": "alarm", "x": 0, "y": 9, "width": 24, "height": 3, "properties": {
                    "title": "Alarms", "alarms": ["arn:aws:cloudwatch:eu-west-1:123456789012:alarm:shop-region"] } },
            ],
        })
    }

    #[test]
    fn what_is_read_is_written_and_read_again_as_the_same() {
        let (widgets, settings) = read(&body().to_string());
        assert_eq!(widgets.keys().collect::<Vec<_>>(), ["Alarms", "Errors, eu-west-1", "shop"]);
        assert_eq!(settings["start"], json!("-PT3H"));
        let again = read(&write(&widgets, &settings).unwrap());
        assert_eq!(again, (widgets.clone(), settings));
        let line = &widgets["Errors, eu-west-1"].lines["a"];
        let shown = serde_json::to_value(&line.dimensions["TargetGroup"]).unwrap();
        assert_eq!(shown["$ref"]["kind"], json!("elasticloadbalancingv2.target_group"));
        assert_eq!(shown["$ref"]["scope"], json!("eu-west-1"));
    }

    #[test]
    fn the_short_forms_of_the_console_say_the_same() {
        let mut short = body();
        short["widgets"][0]["properties"]["metrics"] = json!([
            ["AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "TargetGroup", "targetgroup/a/1", "LoadBalancer", "app/a/1",
                { "stat": "Sum", "label": "a" }],
            [".", "HTTPCode_ELB_5XX_Count", "LoadBalancer", "app/a/1", { "label": "b", "stat": "Sum" }],
        ]);
        assert_eq!(read(&short.to_string()), read(&body().to_string()));
        let all = json!([["N", "m", "A", "1", "B", "2"], ["...", "3", { "label": "x" }], [".", "n", ".", ".", { "label": "y" }]]);
        let lines = read_lines(&Region::new("r"), all);
        let shown = |line: &Line| {
            let dimensions: Vec<String> = line.dimensions.iter().map(|(name, value)| format!("{name}={}", value.get().unwrap())).collect();
            format!("{} {} {}", line.namespace, line.metric, dimensions.join(" "))
        };
        let shown: Vec<String> = lines.iter().map(|(_, line)| shown(line)).collect();
        assert_eq!(shown, ["N m A=1 B=2", "N m A=1 B=3", "N n A=1"]);
    }

    #[test]
    fn nothing_that_somebody_wrote_makes_it_fail() {
        for text in [
            "",
            "[]",
            "{}",
            "{\"widgets\":7}",
            "{\"widgets\":[1,{\"type\":3,\"properties\":[]},{\"properties\":{\"metrics\":[[\"...\"],7,[\".\"]]}}]}",
        ] {
            let (widgets, settings) = read(text);
            write(&widgets, &settings).unwrap();
        }
        let twice = json!({ "widgets": [{ "properties": { "title": "a" } }, { "properties": { "title": "a" } }, { "x": 1 }] });
        assert_eq!(read(&twice.to_string()).0.keys().collect::<Vec<_>>(), ["a", "a (2)", "without a title"]);
    }
}
