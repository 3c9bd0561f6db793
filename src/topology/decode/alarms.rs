//! The sections `alarms` and `alerts`.
use std::time::Duration;

use super::{
    Block, MISSING_DATA, Place, Reading, STATISTICS, WHENS,
    encryption::{KeysDraft, keys},
    per_region::{Whose, per_region},
    service::by_name,
};
use crate::topology::{
    codes, masked,
    metrics::Subject,
    model::{MissingData, Statistic, When},
    node::{Entry, Value, shortened},
    report::{At, Problem},
    suggest,
};

/// What is watched is the same in every region; `regions` names its regions itself.
const SHARED: [&str; 10] = ["service", "table", "aurora", "record", "metric", "namespace", "dimensions", "unit", "operation", "regions"];
/// The keys that name a subject.
pub const SUBJECTS: [(&str, Subject); 4] =
    [("service", Subject::Service), ("table", Subject::Table), ("aurora", Subject::Aurora), ("record", Subject::Record)];

/// Names and values; the span is that of the key.
type Dimensions = At<Vec<(At<String>, At<String>)>>;

/// One entry of `alarms`.
pub struct AlarmDraft {
    pub key: At<String>,
    /// Those of `service`, `table`, `aurora`, `record` that are there.
    pub subjects: Vec<(Subject, At<String>)>,
    /// Like `subjects`, but also those that could not be read.
    pub subject_present: bool,
    pub metric: Option<At<String>>,
    /// With a namespace it is a metric of the user's own.
    pub namespace: Option<At<String>>,
    /// There, but perhaps unreadable.
    pub namespace_present: bool,
    pub dimensions: Option<Dimensions>,
    pub unit: Option<At<String>>,
    pub operation: Option<At<String>>,
    /// Nothing: all regions of the subject. The span is that of the key.
    pub regions: Option<At<Vec<At<String>>>>,
    pub member: AlarmMemberDraft,
    /// By region, the settings there: `per_region` merged over the alarm's own.
    pub per_region: Vec<(At<String>, AlarmMemberDraft)>,
}

impl AlarmDraft {
    /// The settings in a region.
    pub fn member_in(&self, region: &str) -> &AlarmMemberDraft {
        self.per_region.iter().find(|(of, _)| of.value == region).map_or(&self.member, |(_, member)| member)
    }
}

/// The settings of an alarm in a region; what is absent has its default.
pub struct AlarmMemberDraft {
    pub threshold: Option<At<ThresholdDraft>>,
    /// There, but perhaps unreadable.
    pub threshold_present: bool,
    pub period: Option<At<Duration>>,
    pub evaluation_periods: Option<At<u64>>,
    pub datapoints: Option<At<u64>>,
    pub when: Option<At<When>>,
    pub missing_data: Option<At<MissingData>>,
    pub statistic: Option<At<Statistic>>,
    /// There, but perhaps unreadable.
    pub statistic_present: bool,
}

/// `threshold`: a number, and what the file says it counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ThresholdDraft {
    pub number: f64,
    pub unit: Option<ThresholdUnit>,
}

/// What stands behind the number of a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThresholdUnit {
    Milliseconds,
    Seconds,
    Minutes,
    Hours,
    Percent,
}

/// The section `alerts`.
#[derive(Default)]
pub struct AlertsDraft {
    pub emails: Vec<At<String>>,
    pub https: Vec<At<String>>,
    pub arns: Vec<At<String>>,
    pub encryption: Option<KeysDraft>,
}

pub fn alarms(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<Vec<AlarmDraft>> {
    let entries = reading.entries(place, path)?;
    Some(entries.iter().filter_map(|entry| alarm(reading, entry, &format!("{path}.{}", entry.key.value))).collect())
}

pub fn alerts(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<At<AlertsDraft>> {
    // A URL may hold a key; it is one under a misspelt key, too.
    masked::urls(place.node, &mut reading.masked);
    let mut block = reading.block(place, path, "alerts")?;
    let https = block.optional(reading, "https", urls).unwrap_or_default();
    let mut list = |key| block.optional(reading, key, |r, place, path| r.texts(place, path)).map(|list| list.value).unwrap_or_default();
    let (emails, arns) = (list("emails"), list("arns"));
    let draft = AlertsDraft { emails, https, arns, encryption: block.optional(reading, "encryption", keys) };
    block.finish(reading);
    Some(At { value: draft, span: place.key })
}

/// A list of texts that are not repeated in messages.
fn urls(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<Vec<At<String>>> {
    if matches!(place.node.value, Value::Scalar { .. }) {
        let problem = Problem::new(codes::DECODE_TYPE, format!("`{path}` must be a list, not text")).at(place.key, "expected a list");
        reading.problems.push(problem.help("write one URL a line, each after `- `"));
        return None;
    }
    Some(reading.texts(place, path)?.value)
}

fn alarm(reading: &mut Reading, entry: &Entry, path: &str) -> Option<AlarmDraft> {
    let entries = match &entry.value.value {
        // A key alone lacks its metric, which says more than "must be a map, not nothing".
        Value::Scalar { .. } if entry.value.is_null() => &[],
        _ => reading.entries(Place { node: &entry.value, key: entry.key.span }, path)?,
    };
    let mut block = Block::over("alarm", path, entry.key.span, entries);
    let whose = Whose { entries, shared: &SHARED, kind: "alarm_in_region", what: "an alarm", code: codes::ALARM_PER_REGION };
    let mut present = |key| block.entry(reading, key).is_some_and(|entry| !entry.value.is_null());
    let namespace_present = present("namespace");
    let subject_present = SUBJECTS.iter().fold(false, |before, (key, _)| before | present(key));
    let subjects = SUBJECTS.into_iter().filter_map(|(key, subject)| {
        let named = block.optional(reading, key, |r, place, path| r.text(place, path))?;
        Some((subject, named))
    });
    let hint = "name a metric of docs/alarms.md: `metric: target_5xx`, or one of your own with its `namespace`";
    let draft = AlarmDraft {
        key: entry.key.clone(),
        subjects: subjects.collect(),
        subject_present,
        namespace_present,
        metric: block.required(reading, "metric", hint, |r, place, path| r.text(place, path)),
        namespace: block.optional(reading, "namespace", |r, place, path| r.text(place, path)),
        dimensions: block
            .optional(reading, "dimensions", |r, place, path| by_name(r, place, path).map(|value| At { value, span: place.key })),
        unit: block.optional(reading, "unit", |r, place, path| r.text(place, path)),
        operation: block.optional(reading, "operation", |r, place, path| r.text(place, path)),
        regions: block.optional(reading, "regions", |r, place, path| r.texts(place, path)),
        member: member(reading, &mut block),
        per_region: block
            .optional(reading, "per_region", |r, place, path| per_region(r, place, path, &whose, |r, block, _| member(r, block)))
            .unwrap_or_default(),
    };
    block.finish(reading);
    Some(draft)
}

fn member(reading: &mut Reading, block: &mut Block<'_>) -> AlarmMemberDraft {
    let mut present = |key| block.entry(reading, key).is_some_and(|entry| !entry.value.is_null());
    AlarmMemberDraft {
        threshold_present: present("threshold"),
        statistic_present: present("statistic"),
        threshold: block.optional(reading, "threshold", threshold),
        period: block.optional(reading, "period", |r, place, path| r.duration(place, path)),
        evaluation_periods: block.optional(reading, "evaluation_periods", |r, place, path| r.whole_number(place, path)),
        datapoints: block.optional(reading, "datapoints", |r, place, path| r.whole_number(place, path)),
        when: block.optional(reading, "when", |r, place, path| r.choice(place, path, WHENS)),
        missing_data: block.optional(reading, "missing_data", |r, place, path| r.choice(place, path, MISSING_DATA)),
        statistic: block.optional(reading, "statistic", statistic),
    }
}

/// `50`, `0.5`, `3s`, `250ms`, `80%`.
fn threshold(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<At<ThresholdDraft>> {
    let text = reading.text(place, path)?;
    let value = parse_threshold(&text.value);
    if value.is_none() {
        reading.problems.push(
            Problem::new(codes::ALARM_THRESHOLD, format!("`{path}` must be a number, not `{}`", shortened(&text.value)))
                .at(text.span, "not a number with or without a unit")
                .help("write a number, with a unit where it has one: `50`, `0.5`, `250ms`, `3s`, `80%`"),
        );
    }
    value.map(|value| At { value, span: text.span })
}

fn parse_threshold(text: &str) -> Option<ThresholdDraft> {
    let units = [
        ("ms", ThresholdUnit::Milliseconds),
        ("s", ThresholdUnit::Seconds),
        ("m", ThresholdUnit::Minutes),
        ("h", ThresholdUnit::Hours),
        ("%", ThresholdUnit::Percent),
    ];
    let (number, unit) =
        units.into_iter().find_map(|(ending, unit)| text.strip_suffix(ending).map(|number| (number, Some(unit)))).unwrap_or((text, None));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let positive = number.strip_prefix('-').unwrap_or(number);
    let is_number = positive.split_once('.').map_or_else(|| digits(positive), |(whole, part)| digits(whole) && digits(part));
    let number = number.parse::<f64>().ok().filter(|number| is_number && number.is_finite())?;
    Some(ThresholdDraft { number, unit })
}

/// A word, or a percentile: `p99`, `p99.9`.
fn statistic(reading: &mut Reading, place: Place<'_>, path: &str) -> Option<At<Statistic>> {
    let text = reading.text(place, path)?;
    let word = STATISTICS.iter().find(|(word, _)| *word == text.value).map(|(_, statistic)| *statistic);
    let value = word.or_else(|| percentile(&text.value));
    if value.is_none() {
        let words: Vec<&str> = STATISTICS.iter().map(|(word, _)| *word).collect();
        let near = suggest::nearest(&text.value, words.iter().copied());
        let near = near.map_or_else(|| "it can be".to_owned(), |near| format!("did you mean `{near}`? It can be"));
        reading.problems.push(
            Problem::new(codes::ALARM_STATISTIC, format!("`{path}` cannot be `{}`", shortened(&text.value)))
                .at(text.span, "not a statistic")
                .help(format!("{near} {}, or a percentile such as `p99` or `p99.9`", suggest::list(&words))),
        );
    }
    value.map(|value| At { value, span: text.span })
}

/// Above 0, at most 100, with at most ten decimals (CloudWatch user guide, "CloudWatch statistics definitions").
fn percentile(text: &str) -> Option<Statistic> {
    let number = text.strip_prefix('p')?;
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |part: &str, most: usize| !part.is_empty() && part.len() <= most && part.bytes().all(|byte| byte.is_ascii_digit());
    let percent = number.parse::<f64>().ok().filter(|_| digits(whole, 3) && digits(part, 10))?;
    (percent > 0.0 && percent <= 100.0).then_some(Statistic::Percentile(percent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds() {
        let read = |text: &str| parse_threshold(text).map(|threshold| (threshold.number, threshold.unit));
        assert_eq!(read("50"), Some((50.0, None)));
        assert_eq!(read("-0.5"), Some((-0.5, None)));
        assert_eq!(read("250ms"), Some((250.0, Some(ThresholdUnit::Milliseconds))));
        assert_eq!(read("1.5s"), Some((1.5, Some(ThresholdUnit::Seconds))));
        assert_eq!(read("2m"), Some((2.0, Some(ThresholdUnit::Minutes))));
        assert_eq!(read("1h"), Some((1.0, Some(ThresholdUnit::Hours))));
        assert_eq!(read("80%"), Some((80.0, Some(ThresholdUnit::Percent))));
        for wrong in ["", "s", "%", "1e3", "nan", "inf", "1.", ".5", "--1", "3 s", "3d", "1,5", "0x1", "٣"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(read(&"9".repeat(400)), None, "no number of 64 bits");
    }

    #[test]
    fn percentiles() {
        assert_eq!(percentile("p99"), Some(Statistic::Percentile(99.0)));
        assert_eq!(percentile("p99.9"), Some(Statistic::Percentile(99.9)));
        assert_eq!(percentile("p100"), Some(Statistic::Percentile(100.0)));
        for wrong in ["99", "p", "p0", "p0.0", "p101", "p99.", "p-1", "p1e1", "p99.99999999999", "P99", "pé"] {
            assert_eq!(percentile(wrong), None, "{wrong}");
        }
    }
}
