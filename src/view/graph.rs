//! The plan as a picture, in the languages of Graphviz and Mermaid.
//!
//! What is to be done is drawn as operations, everything else as it stands; so an empty plan is a picture of the topology.
//! An arrow goes from what comes first to what comes after it. Arrows that follow from others are left out.
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use petgraph::{
    algo::{toposort, tred},
    graph::{DiGraph, NodeIndex},
};

use super::style;
use crate::{
    plan::{Action, Op, Plan, Reason, Step},
    resource::{Link, Region, Scope, doc},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Resource,
    Gate,
    Drain,
}

struct Node {
    scope: Scope,
    shape: Shape,
    /// The name of its colours.
    class: &'static str,
    lines: Vec<String>,
}

struct Picture {
    nodes: Vec<Node>,
    edges: BTreeMap<(usize, usize), Reason>,
}

/// Name, fill and border of each class, the same in both languages.
const CLASSES: [(&str, &str, &str); 9] = [
    ("create", "#d7f5dd", "#1a7f37"),
    ("update", "#fff3c4", "#9a6700"),
    ("replace", "#f1dcff", "#8250df"),
    ("delete", "#ffdcd7", "#cf222e"),
    ("keep", "#f2f2f2", "#8c8c8c"),
    ("waiting", "#d8f0ff", "#0969da"),
    ("hold", "#d8f0ff", "#57606a"),
    ("leave", "#ffffff", "#57606a"),
    ("traffic", "#ffe8cc", "#bc4c00"),
];

/// The picture for Graphviz.
#[must_use]
pub fn dot(plan: &Plan) -> String {
    let picture = Picture::of(plan);
    let mut out = String::new();
    let _ = writeln!(out, "digraph {} {{", dot_text(std::slice::from_ref(&plan.stack)));
    out.push_str(
        "  rankdir=LR;\n  node [fontname=\"sans-serif\", fontsize=10, style=filled];\n  edge [fontname=\"sans-serif\", fontsize=8];\n",
    );
    for (scope, nodes) in picture.clusters() {
        let _ = writeln!(out, "  subgraph {} {{", dot_text(&[format!("cluster_{scope}")]));
        let _ = writeln!(out, "    label={};", dot_text(&[scope]));
        for (index, node) in nodes {
            let shape = match node.shape {
                Shape::Resource => "box",
                Shape::Gate => "diamond",
                Shape::Drain => "invtrapezium",
            };
            let (fill, border) = colours(node.class);
            let _ = writeln!(
                out,
                "    n{index} [label={}, shape={shape}, class={}, fillcolor=\"{fill}\", color=\"{border}\"];",
                dot_text(&node.lines),
                node.class
            );
        }
        out.push_str("  }\n");
    }
    for ((before, after), reason) in &picture.edges {
        let attributes = match reason {
            Reason::Refers => String::new(),
            reason => format!(" [label={}, style={}]", dot_text(&[word(*reason).to_owned()]), dot_line(*reason)),
        };
        let _ = writeln!(out, "  n{before} -> n{after}{attributes};");
    }
    out.push_str("}\n");
    out
}

/// The picture for Mermaid.
#[must_use]
pub fn mermaid(plan: &Plan) -> String {
    let picture = Picture::of(plan);
    let mut out = "flowchart LR\n".to_owned();
    for (number, (scope, nodes)) in picture.clusters().into_iter().enumerate() {
        let _ = writeln!(out, "  subgraph s{number}[{}]", mermaid_text(&[scope]));
        for (index, node) in nodes {
            let (open, close) = match node.shape {
                Shape::Resource => ("[", "]"),
                Shape::Gate => ("{{", "}}"),
                Shape::Drain => ("[\\", "/]"),
            };
            let _ = writeln!(out, "    n{index}{open}{}{close}:::{}", mermaid_text(&node.lines), mermaid_class(node.class));
        }
        out.push_str("  end\n");
    }
    for ((before, after), reason) in &picture.edges {
        let arrow = match reason {
            Reason::Refers => "-->".to_owned(),
            Reason::Traffic | Reason::Wave => format!("==>|{}|", word(*reason)),
            reason => format!("-.->|{}|", word(*reason)),
        };
        let _ = writeln!(out, "  n{before} {arrow} n{after}");
    }
    let used: BTreeSet<&str> = picture.nodes.iter().map(|node| node.class).collect();
    for (class, fill, border) in CLASSES.iter().filter(|(class, ..)| used.contains(class)) {
        let _ = writeln!(out, "  classDef {} fill:{fill},stroke:{border},color:#1f2328", mermaid_class(class));
    }
    out
}

impl Picture {
    fn of(plan: &Plan) -> Self {
        let mut nodes: Vec<Node> = plan.graph.ops.iter().map(|op| Node::of_op(plan, op)).collect();
        // Where an arrow to or from a step begins and ends: the operation that makes it, else the one it has, else its own.
        let mut of_step: Vec<usize> = Vec::new();
        for (index, step) in plan.steps.iter().enumerate() {
            let own = || plan.graph.ops.iter().enumerate().filter(move |(_, op)| op.step() == Some(index));
            let made = own().find(|(_, op)| matches!(op, Op::Make(_) | Op::Change(_)));
            of_step.push(made.or_else(|| own().next()).map_or_else(
                || {
                    nodes.push(Node::of_step(step));
                    nodes.len() - 1
                },
                |(op, _)| op,
            ));
        }
        let mut edges: BTreeMap<(usize, usize), Reason> = BTreeMap::new();
        let mut add = |before: usize, after: usize, why: Reason| {
            if before != after {
                edges.entry((before, after)).and_modify(|known| *known = why.min(*known)).or_insert(why);
            }
        };
        for (before, after, why) in &plan.graph.edges {
            add(*before, *after, *why);
        }
        for (index, step) in plan.steps.iter().enumerate() {
            // The engine has an edge for each reference between two operations, in the right direction.
            let has_op = |node: usize| node < plan.graph.ops.len();
            let referred = targets(plan, step).into_iter().map(|target| of_step[target]);
            for target in referred.filter(|target| !(has_op(*target) && has_op(of_step[index]))) {
                add(target, of_step[index], Reason::Refers);
            }
        }
        let edges = reduced(nodes.len(), edges);
        Self { nodes, edges }
    }

    /// The nodes of each scope, regions first.
    fn clusters(&self) -> Vec<(String, Vec<(usize, &Node)>)> {
        let mut clusters: BTreeMap<(bool, String), Vec<(usize, &Node)>> = BTreeMap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            clusters.entry((node.scope == Scope::Global, node.scope.to_string())).or_default().push((index, node));
        }
        clusters.into_iter().map(|((_, scope), nodes)| (scope, nodes)).collect()
    }
}

impl Node {
    fn of_op(plan: &Plan, op: &Op) -> Self {
        let of_region = |region: &Region, shape, lines| Self { scope: region.into(), shape, class: "traffic", lines };
        match op {
            Op::Drain(region) => of_region(region, Shape::Drain, vec!["drain".to_owned(), region.to_string()]),
            Op::Gate(region) => of_region(region, Shape::Gate, vec!["gate".to_owned(), region.to_string()]),
            Op::Wait(step) | Op::Make(step) | Op::Change(step) | Op::Remove(step) => {
                let Some(step) = plan.steps.get(*step) else {
                    return Self { scope: Scope::Global, shape: Shape::Resource, class: "hold", lines: vec!["?".to_owned()] };
                };
                let mut node = Self::of_step(step);
                // A replacement has two halves, and each says which it is.
                if step.action == Action::Replace {
                    let half = if matches!(op, Op::Remove(_)) { "± remove" } else { "± make" };
                    node.lines[0] = format!("{half} {}", step.addr.kind);
                }
                node
            }
        }
    }

    fn of_step(step: &Step) -> Self {
        let sign = style::sign(step.action, step.waiting.is_some());
        let class = match step.action {
            Action::Keep if step.waiting.is_some() => "waiting",
            Action::Keep => "keep",
            Action::Create => "create",
            Action::Update | Action::Adopt => "update",
            Action::Replace => "replace",
            Action::Delete => "delete",
            Action::Leave => "leave",
            Action::Hold => "hold",
        };
        let lines = vec![format!("{sign} {}", step.addr.kind), step.addr.name.to_string()];
        Self { scope: step.addr.scope.clone(), shape: Shape::Resource, class, lines }
    }
}

/// The steps that a step's document refers to: as wanted, or as found where nothing is wanted.
fn targets(plan: &Plan, step: &Step) -> Vec<usize> {
    let wanted = step.want.as_ref().map(|want| &want.spec);
    let Some(document) = wanted.or_else(|| step.found.as_ref().map(|found| &found.spec)) else { return Vec::new() };
    let gives = |other: &Step, link: &Link| match link {
        Link::To { addr, .. } => other.addr == *addr,
        Link::Is { value, kind, field, scope } => {
            *other.addr.kind == **kind
                && other.addr.scope == *scope
                && other.found.as_ref().is_some_and(|found| found.outputs.get(field) == Some(value) || found.id == *value)
        }
    };
    let links = doc::links(document);
    links.iter().filter_map(|(_, link)| plan.steps.iter().position(|other| gives(other, link))).collect()
}

/// Without the arrows that follow from others. With a cycle, which the engine refuses to run, all of them are shown.
fn reduced(nodes: usize, edges: BTreeMap<(usize, usize), Reason>) -> BTreeMap<(usize, usize), Reason> {
    let mut graph = DiGraph::<(), (), usize>::with_capacity(nodes, edges.len());
    (0..nodes).for_each(|_| {
        graph.add_node(());
    });
    for (before, after) in edges.keys() {
        graph.add_edge(NodeIndex::new(*before), NodeIndex::new(*after), ());
    }
    let Ok(sorted) = toposort(&graph, None) else { return edges };
    let (list, place) = tred::dag_to_toposorted_adjacency_list::<_, usize>(&graph, &sorted);
    let (kept, _) = tred::dag_transitive_reduction_closure(&list);
    edges.into_iter().filter(|((before, after), _)| kept.contains_edge(place[*before], place[*after])).collect()
}

fn word(reason: Reason) -> &'static str {
    match reason {
        Reason::Refers => "refers",
        Reason::Referred => "referred to",
        Reason::After => "after",
        Reason::Traffic => "traffic",
        Reason::Wave => "wave",
        Reason::Replacement => "replacement",
        Reason::Lane => "lane",
    }
}

fn dot_line(reason: Reason) -> &'static str {
    match reason {
        Reason::Traffic | Reason::Wave => "bold",
        Reason::Lane | Reason::Replacement => "dotted",
        _ => "dashed",
    }
}

fn colours(class: &str) -> (&'static str, &'static str) {
    CLASSES.iter().find(|(known, ..)| *known == class).map_or(("#ffffff", "#000000"), |(_, fill, border)| (*fill, *border))
}

/// Class names of our own, so that none is a word of Mermaid.
fn mermaid_class(class: &str) -> String {
    format!("is_{class}")
}

/// A quoted text of Graphviz.
fn dot_text(lines: &[String]) -> String {
    let escaped: Vec<String> = lines.iter().map(|line| line.replace('\\', "\\\\").replace('"', "\\\"")).collect();
    format!("\"{}\"", escaped.join("\\n"))
}

/// A quoted text of Mermaid, which knows no escapes but entities. A leading sign is made one too: `+` and `-` begin a list
/// in its Markdown.
fn mermaid_text(lines: &[String]) -> String {
    let escape = |line: &String| {
        let mut text = String::new();
        for (index, character) in line.chars().enumerate() {
            match character {
                '#' | '"' | '<' | '>' | '&' | '*' | '_' | '`' => {
                    let _ = write!(text, "#{};", u32::from(character));
                }
                '+' | '-' if index == 0 => {
                    let _ = write!(text, "#{};", u32::from(character));
                }
                other => text.push(other),
            }
        }
        text
    };
    format!("\"{}\"", lines.iter().map(escape).collect::<Vec<_>>().join("<br/>"))
}

#[cfg(test)]
#[path = "graph_tests.rs"]
mod tests;
