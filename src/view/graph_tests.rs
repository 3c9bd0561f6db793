use super::*;
use crate::view::human::sample;

#[test]
fn operations_stand_in_their_regions() {
    insta::assert_snapshot!(dot(&sample::create()), @r##"
    digraph "shop" {
      rankdir=LR;
      node [fontname="sans-serif", fontsize=10, style=filled];
      edge [fontname="sans-serif", fontsize=8];
      subgraph "cluster_eu-west-1" {
        label="eu-west-1";
        n3 [label="+ ec2.vpc\nmain", shape=box, class=create, fillcolor="#d7f5dd", color="#1a7f37"];
        n4 [label="+ ec2.subnet\nprivate-1", shape=box, class=create, fillcolor="#d7f5dd", color="#1a7f37"];
        n5 [label="+ dynamodb.table\nOrders", shape=box, class=create, fillcolor="#d7f5dd", color="#1a7f37"];
      }
      subgraph "cluster_us-east-1" {
        label="us-east-1";
        n0 [label="+ ec2.vpc\nmain", shape=box, class=create, fillcolor="#d7f5dd", color="#1a7f37"];
        n1 [label="+ ec2.subnet\nprivate-1", shape=box, class=create, fillcolor="#d7f5dd", color="#1a7f37"];
        n2 [label="+ dynamodb.table\nOrders", shape=box, class=create, fillcolor="#d7f5dd", color="#1a7f37"];
        n6 [label="+ sns.topic\nalerts", shape=box, class=create, fillcolor="#d7f5dd", color="#1a7f37"];
      }
      n0 -> n1;
      n1 -> n6 [label="after", style=dashed];
      n2 -> n5 [label="lane", style=dotted];
      n3 -> n4;
    }
    "##);
    insta::assert_snapshot!(mermaid(&sample::create()), @r##"
    flowchart LR
      subgraph s0["eu-west-1"]
        n3["#43; ec2.vpc<br/>main"]:::is_create
        n4["#43; ec2.subnet<br/>private-1"]:::is_create
        n5["#43; dynamodb.table<br/>Orders"]:::is_create
      end
      subgraph s1["us-east-1"]
        n0["#43; ec2.vpc<br/>main"]:::is_create
        n1["#43; ec2.subnet<br/>private-1"]:::is_create
        n2["#43; dynamodb.table<br/>Orders"]:::is_create
        n6["#43; sns.topic<br/>alerts"]:::is_create
      end
      n0 --> n1
      n1 -.->|after| n6
      n2 -.->|lane| n5
      n3 --> n4
      classDef is_create fill:#d7f5dd,stroke:#1a7f37,color:#1f2328
    "##);
}

#[test]
fn gates_drains_and_both_halves_of_a_replacement_are_drawn() {
    insta::assert_snapshot!(mermaid(&sample::change_all()), @r##"
    flowchart LR
      subgraph s0["eu-west-1"]
        n0[\"drain<br/>eu-west-1"/]:::is_traffic
        n2["#45; dynamodb.table<br/>Sessions"]:::is_delete
        n6["~ dynamodb.table<br/>Orders"]:::is_update
        n7["~ ec2.route#95;table<br/>public"]:::is_update
        n8["#62; ec2.vpc<br/>main"]:::is_waiting
      end
      subgraph s1["us-east-1"]
        n1{{"gate<br/>us-east-1"}}:::is_traffic
        n3["± remove ec2.subnet<br/>private-1"]:::is_replace
        n4["± make ec2.subnet<br/>private-1"]:::is_replace
        n5["~ dynamodb.table<br/>Orders"]:::is_update
        n9["! dynamodb.table<br/>Carts"]:::is_leave
        n10["= ec2.vpc<br/>main"]:::is_keep
      end
      n0 ==>|traffic| n2
      n3 -.->|replacement| n4
      n5 ==>|wave| n1
      classDef is_update fill:#fff3c4,stroke:#9a6700,color:#1f2328
      classDef is_replace fill:#f1dcff,stroke:#8250df,color:#1f2328
      classDef is_delete fill:#ffdcd7,stroke:#cf222e,color:#1f2328
      classDef is_keep fill:#f2f2f2,stroke:#8c8c8c,color:#1f2328
      classDef is_waiting fill:#d8f0ff,stroke:#0969da,color:#1f2328
      classDef is_leave fill:#ffffff,stroke:#57606a,color:#1f2328
      classDef is_traffic fill:#ffe8cc,stroke:#bc4c00,color:#1f2328
    "##);
}

#[test]
fn an_empty_plan_is_a_picture_of_the_topology() {
    insta::assert_snapshot!(mermaid(&sample::empty()), @r#"
    flowchart LR
      subgraph s0["eu-west-1"]
        n2["= ec2.vpc<br/>main"]:::is_keep
        n3["= ec2.subnet<br/>private-1"]:::is_keep
      end
      subgraph s1["us-east-1"]
        n0["= ec2.vpc<br/>main"]:::is_keep
        n1["= ec2.subnet<br/>private-1"]:::is_keep
      end
      n0 --> n1
      n2 --> n3
      classDef is_keep fill:#f2f2f2,stroke:#8c8c8c,color:#1f2328
    "#);
}

#[test]
fn names_cannot_break_out_of_their_quotes() {
    assert_eq!(dot_text(&["a\"b\\".into(), "c".into()]), r#""a\"b\\\nc""#);
    assert_eq!(mermaid_text(&["- x\"#".into()]), "\"#45; x#34;#35;\"");
    let picture = mermaid(&sample::plan_of(vec![sample::step("us-east-1/route53.record/*.example.com", Action::Create)]));
    assert!(picture.contains("#42;.example.com"), "{picture}");
}

#[test]
fn a_cycle_is_shown_whole() {
    let edges: BTreeMap<_, _> = [((0, 1), Reason::Refers), ((1, 0), Reason::After)].into();
    assert_eq!(reduced(2, edges.clone()), edges);
}
