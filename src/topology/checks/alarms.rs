//! The section `alarms`: regions, and what each alarm has there.
use super::{alarm_metrics::metric, alarm_names::names, alarm_settings::settings, regions::listed};
use crate::topology::{
    alarms::{looks_at, region_codes},
    codes,
    decode::{AlarmDraft, Draft},
    node::shortened,
    report::{At, Problem},
    suggest,
};

pub fn alarms(draft: &Draft, table_names: &indexmap::IndexMap<String, String>, problems: &mut Vec<Problem>) {
    for alarm in &draft.alarms {
        metric(draft, alarm, table_names, problems);
        regions(draft, alarm, problems);
        let codes = region_codes(draft, alarm);
        if codes.is_empty() {
            // Its own values can be judged all the same.
            settings(alarm, &alarm.member, problems);
        }
        for region in codes {
            settings(alarm, alarm.member_in(region), problems);
        }
    }
    names(draft, problems);
}

fn regions(draft: &Draft, alarm: &AlarmDraft, problems: &mut Vec<Problem>) {
    let all = draft.region_codes();
    let subject = looks_at(draft, alarm).map(|looks| looks.region_codes(draft));
    if let Some(list) = &alarm.regions {
        let empty = (
            format!("the alarm `{}` is in no region", shortened(&alarm.key.value)),
            "list at least one region, or remove `regions` to have it in all regions of what it watches",
        );
        listed(codes::ALARM_REGIONS, list, &all, empty, problems);
        let outside = |region: &&At<String>| subject.as_ref().is_some_and(|subject| !subject.contains(&region.value.as_str()));
        for region in list.value.iter().filter(outside).filter(|region| all.contains(&region.value.as_str())) {
            let text = format!("what the alarm `{}` watches is not in `{}`", shortened(&alarm.key.value), region.value);
            let problem = Problem::new(codes::ALARM_REGIONS, text).at(region.span, "nothing to watch here");
            problems.push(problem.help(suggest::help(&region.value, "regions of it", subject.as_deref().unwrap_or_default())));
        }
    }
    let members = region_codes(draft, alarm);
    if all.is_empty() || subject.is_none() {
        return;
    }
    for (At { value: region, span }, _) in alarm.per_region.iter().filter(|(region, _)| !members.contains(&region.value.as_str())) {
        let text = format!("`per_region` names `{}`, where the alarm has nothing to watch", shortened(region));
        let problem = Problem::new(codes::ALARM_PER_REGION, text).at(*span, "no alarm here");
        problems.push(problem.help(suggest::help(region, "regions of the alarm", &members)));
    }
}
