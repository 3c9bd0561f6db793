//! docs/dashboard.md and docs/dashboard.svg show the dashboard that the code makes of the example.
use std::{collections::BTreeMap, fs};

use mrctl::{
    resource::{Facts, Zone},
    topology,
};
use serde_json::Value;

use super::{read, root};

/// A column and a row of the grid, in pixels.
const COLUMN: u64 = 44;
const ROW: u64 = 26;
/// Lines of a chart that are named in the sketch.
const NAMED: usize = 5;

/// The widgets of the example's dashboard, by title, as the kind wants them; with its alarms, if it has any.
fn widgets() -> BTreeMap<String, Value> {
    let (mut model, _) = topology::load("topology.example.yaml", read("topology.example.yaml").as_bytes()).expect("a valid file");
    model.dashboard = true;
    let zones = |region: &str| (1..=3).map(|number| Zone { id: format!("{region}-az{number}") }).collect();
    let zones = model.regions.keys().map(|region| (region.clone(), zones(region.as_str()))).collect();
    let facts = Facts { account: Some("123456789012".to_owned()), zones, ..Facts::default() };
    let kinds = mrctl::kinds::all();
    let wants = kinds.get("cloudwatch.dashboard").unwrap().desired(&model, &facts);
    let [want] = &wants[..] else { panic!("{wants:#?}") };
    serde_json::from_value(want.spec["widgets"].clone()).unwrap()
}

/// `8x6 at 0,12`: where, and how large.
fn cell(widget: &Value) -> [u64; 4] {
    let text = widget["cell"].as_str().unwrap();
    let (size, at) = text.split_once(" at ").unwrap();
    let ((width, height), (x, y)) = (size.split_once('x').unwrap(), at.split_once(',').unwrap());
    [x, y, width, height].map(|number| number.parse().unwrap())
}

fn sorted(widgets: &BTreeMap<String, Value>) -> Vec<(&String, &Value)> {
    let mut all: Vec<_> = widgets.iter().collect();
    all.sort_by_key(|(_, widget)| {
        let [x, y, ..] = cell(widget);
        (y, x)
    });
    all
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// What stands in a widget: the labels of its lines and thresholds, or the first words of a text.
fn inside(widget: &Value) -> Vec<String> {
    if let Some(text) = widget["properties"]["markdown"].as_str() {
        let words = text.lines().skip(1).collect::<Vec<_>>().join(" ");
        return vec![words.chars().take(150).collect::<String>() + if words.chars().count() > 150 { " …" } else { "" }];
    }
    let keys = |field: &str| widget[field].as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect::<Vec<_>>();
    let mut lines = [keys("lines"), keys("alarms")].concat();
    let more = lines.len().saturating_sub(NAMED);
    lines.truncate(NAMED);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    let marks = widget["properties"]["annotations"]["horizontal"].as_array().into_iter().flatten();
    lines.extend(marks.filter_map(|mark| Some(format!("- - {}", mark["label"].as_str()?))));
    lines
}

fn svg(widgets: &BTreeMap<String, Value>) -> String {
    let bottom = widgets.values().map(|widget| cell(widget)[1] + cell(widget)[3]).max().unwrap_or_default();
    let (width, height) = (24 * COLUMN, bottom * ROW);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    for (title, widget) in sorted(widgets) {
        let [x, y, wide, high] = cell(widget);
        let (left, top) = (x * COLUMN + 3, y * ROW + 3);
        let fill = match widget["kind"].as_str() {
            Some("metric") => "#eef4fb",
            Some("alarm") => "#fdf1e7",
            _ => "#f5f5f5",
        };
        out.push_str(&format!(
            "<rect x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"{}\" rx=\"3\" fill=\"{fill}\" stroke=\"#8a94a0\"/>\n",
            wide * COLUMN - 6,
            high * ROW - 6
        ));
        out.push_str(&format!("<text x=\"{}\" y=\"{}\" font-weight=\"bold\">{}</text>\n", left + 8, top + 18, escaped(title)));
        for (index, line) in inside(widget).iter().enumerate() {
            let at = top + 36 + 17 * index as u64;
            out.push_str(&format!("<text x=\"{}\" y=\"{at}\" fill=\"#3c4650\">{}</text>\n", left + 8, escaped(line)));
        }
    }
    out.push_str("</svg>\n");
    out
}

/// One line for each row: its title, what it tells, and what each of its charts shows.
fn table(widgets: &BTreeMap<String, Value>) -> String {
    let mut out = "| row | what it tells | lines |\n|---|---|---|\n".to_owned();
    let all = sorted(widgets);
    for (index, (title, widget)) in all.iter().enumerate().filter(|(_, (_, widget))| widget["kind"] == "text") {
        let about = widget["properties"]["markdown"].as_str().unwrap().lines().skip(1).collect::<Vec<_>>().join(" ");
        let charts = all[index + 1..].iter().take_while(|(_, widget)| widget["kind"] != "text");
        let charts = charts.map(|(title, widget)| format!("{title}: {}", inside(widget).join("; ")));
        out.push_str(&format!("| {title} | {about} | {} |\n", charts.collect::<Vec<_>>().join("<br>")));
    }
    out
}

const BEGIN: &str = "<!-- rows: made by a test -->\n";
const END: &str = "<!-- end of rows -->";

#[test]
fn the_sketch_of_the_dashboard_is_what_the_code_makes() {
    let widgets = widgets();
    let (drawn, told) = (svg(&widgets), table(&widgets));
    let page = read("docs/dashboard.md");
    let (before, rest) = page.split_once(BEGIN).expect("docs/dashboard.md has a place for the rows");
    let (_, after) = rest.split_once(END).expect("docs/dashboard.md says where the rows end");
    let whole = format!("{before}{BEGIN}{told}{END}{after}");
    if std::env::var_os("MRCTL_BLESS").is_some() {
        fs::write(root().join("docs/dashboard.svg"), &drawn).unwrap();
        fs::write(root().join("docs/dashboard.md"), &whole).unwrap();
        return;
    }
    let is_as_it_was = read("docs/dashboard.svg") == drawn && page == whole;
    assert!(is_as_it_was, "docs/dashboard.md or docs/dashboard.svg differs from src/kinds/layout.rs: run this test with MRCTL_BLESS=1");
}
