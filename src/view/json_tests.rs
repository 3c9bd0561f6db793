use super::*;
use crate::view::human::sample;
use serde_json::json;

#[test]
fn the_plan_has_every_part_of_its_contract() {
    let document = plan(&sample::change_all());
    let keys: Vec<&String> = document.as_object().unwrap().keys().collect();
    for key in ["format_version", "stack", "account", "regions", "summary", "steps", "gates", "drains", "posture", "findings"] {
        assert!(keys.iter().any(|known| *known == key), "{key}");
    }
    insta::assert_json_snapshot!(document["steps"][5], @r#"
    {
      "action": "delete",
      "address": "eu-west-1/dynamodb.table/Sessions",
      "changes": [
        {
          "from": true,
          "path": "deletion_protection",
          "to": false
        }
      ],
      "kind": "dynamodb.table",
      "needs": [
        "drain/eu-west-1"
      ],
      "region": "eu-west-1",
      "waiting": null,
      "why": "the file no longer has it"
    }
    "#);
    insta::assert_json_snapshot!(document["gates"], @r#"
    [
      {
        "bake": "2m",
        "checks": [
          "service api is healthy",
          "no alarm is on"
        ],
        "id": "gate/us-east-1",
        "needs": [
          "us-east-1/dynamodb.table/Orders"
        ]
      }
    ]
    "#);
    insta::assert_json_snapshot!(document["drains"], @r#"
    [
      {
        "id": "drain/eu-west-1",
        "needs": []
      }
    ]
    "#);
    assert_eq!(document["regions"]["us-east-1"], json!({ "state": "reachable", "detail": null }));
    assert_eq!(document["findings"][0]["line"], 12);
    assert_eq!(document["findings"][1]["address"], "us-east-1/ec2.vpc/main");
}

#[test]
fn unknown_and_secret_values_are_marked() {
    let document = plan(&sample::create());
    let changes = |step: usize, path: &str| {
        let all = document["steps"][step]["changes"].as_array().unwrap().clone();
        all.into_iter().find(|change| change["path"] == path).unwrap()
    };
    assert_eq!(changes(1, "vpc")["to"], json!({ "known_after": "us-east-1/ec2.vpc/main#id" }));
    assert_eq!(changes(1, "vpc")["from"], Value::Null);
    assert_eq!(changes(2, "password")["to"], json!({ "redacted": true }));
    assert_eq!(document["steps"][1]["needs"], json!(["us-east-1/ec2.vpc/main"]));
    assert_eq!(plan(&sample::create()).to_string(), document.to_string());
}

fn stamped(event: Event) -> Stamped {
    Stamped { at: "2026-01-02T03:04:05Z".parse().unwrap(), seq: 7, event }
}

#[test]
fn every_line_says_when_what_and_about_what() {
    let fault = Fault {
        op: "ec2:CreateVpc".into(),
        class: Class::Denied,
        code: Some("UnauthorizedOperation".into()),
        message: Some("no".into()),
        request_id: Some("r-1".into()),
    };
    let failed = Event::Failed {
        addr: sample::addr("us-east-1/ec2.vpc/main"),
        doing: Doing::Creating,
        fault,
        exists: "nothing was made".into(),
        elapsed: Duration::from_millis(1500),
    };
    insta::assert_json_snapshot!(event(&stamped(failed)), @r#"
    {
      "address": "us-east-1/ec2.vpc/main",
      "advice": "allow `ec2:CreateVpc` for these credentials, then run the same command again",
      "aws_message": "no",
      "call": "ec2:CreateVpc",
      "class": "denied",
      "code": "UnauthorizedOperation",
      "elapsed_ms": 1500,
      "exists": "nothing was made",
      "kind": "ec2.vpc",
      "message": "us-east-1/ec2.vpc/main: could not create: ec2:CreateVpc failed with UnauthorizedOperation: no (request id r-1); nothing was made (1.5s)",
      "op": "create",
      "region": "us-east-1",
      "request_id": "r-1",
      "seq": 7,
      "time": "2026-01-02T03:04:05Z",
      "type": "failed",
      "v": 1
    }
    "#);
    let lifted = Event::ProtectionLifted {
        addr: sample::addr("us-east-1/dynamodb.table/Orders"),
        change: sample::change("deletion_protection", true.into(), false.into()),
    };
    insta::assert_snapshot!(event(&stamped(lifted)), @r#"{"address":"us-east-1/dynamodb.table/Orders","change":{"from":true,"path":"deletion_protection","to":false},"kind":"dynamodb.table","message":"us-east-1/dynamodb.table/Orders: deletion protection is lifted (true → false)","region":"us-east-1","seq":7,"time":"2026-01-02T03:04:05Z","type":"protection_lifted","v":1}"#);
    let stopping = event(&stamped(Event::Stopping { why: Stop::TimedOut, running: 2 }));
    insta::assert_snapshot!(stopping, @r#"{"message":"the time given with --timeout is over: nothing more is started, 2 operations are running to their end","running":2,"seq":7,"time":"2026-01-02T03:04:05Z","type":"stopping","v":1,"why":"timed_out"}"#);
}

#[test]
fn the_last_line_says_how_it_ended() {
    let end = Finished {
        at: "2026-01-02T03:04:05Z".parse().unwrap(),
        seq: 8,
        outcome: "done",
        exit_code: 0,
        summary: tally(&Tally { done: 3, ..Tally::default() }),
        extra: Map::new(),
    };
    insta::assert_snapshot!(finished(&end), @r#"{"exit_code":0,"message":"done","outcome":"done","seq":8,"summary":{"done":3,"failed":0,"left":0,"skipped":0},"time":"2026-01-02T03:04:05Z","type":"finished","v":1}"#);
}
