//! What a service's containers are made of: image, ports, variables, commands, and the tables they use.
use super::{service_tasks::within, services::Here, tables::member_codes};
use crate::topology::{
    codes::{self, Code},
    node::shortened,
    placeholders,
    report::{At, Problem},
    services::values,
    suggest,
};

/// What is wrong with the ARN of a secret that only some regions cannot use.
const ELSEWHERE: &str = "is in another region";

pub fn containers(here: &Here<'_>, problems: &mut Vec<Problem>) {
    let member = here.member;
    image(here, problems);
    if let Some(port) = &member.port {
        within(codes::SERVICE_PORT, port, 1..=65535, "a port", problems);
    }
    let values = values(here.draft, here.table_names, here.region, true, "a service");
    let check = member.container_health_check.as_ref().and_then(|check| check.command.as_ref());
    let commands = member.command.iter().chain(&member.entrypoint).chain(check.iter().flat_map(|command| &command.value));
    for text in commands.chain(member.environment.iter().map(|(_, value)| value)) {
        placeholders::fill(text, &values, problems);
    }
    if let Some(command) = check {
        let words: Vec<&str> = command.value.iter().map(|word| word.value.as_str()).collect();
        let fits = matches!(words[..], ["CMD", _, ..] | ["CMD-SHELL", _]);
        if !fits {
            problems.push(
                Problem::new(codes::SERVICE_COMMAND, "this is not a command that ECS can run in a container")
                    .at(command.span, "must be `CMD` and a command, or `CMD-SHELL` and one line for the shell")
                    .help("write `[CMD-SHELL, \"curl -f http://localhost:3000/health || exit 1\"]`, or `[CMD, /bin/check, --fast]`"),
            );
        }
    }
    variables(here, problems);
    secrets(here, problems);
    uses(here, problems);
}

/// The image with its placeholders filled in, if they can be.
pub fn image_uri(here: &Here<'_>, problems: &mut Vec<Problem>) -> Option<At<String>> {
    let uri = here.member.image.as_ref()?.uri.as_ref()?;
    let values = values(here.draft, here.table_names, here.region, false, "the name of an image");
    let before = problems.len();
    let filled = placeholders::fill(uri, &values, problems)?;
    // A misspelt placeholder leaves its braces, which no image may have: the better message is already there.
    (problems.len() == before).then_some(At { value: filled, span: uri.span })
}

/// The region of an ECR registry; nothing when the image is from elsewhere.
pub fn registry_region(uri: &str) -> Option<&str> {
    let (host, _) = uri.split_once('/')?;
    match host.split('.').collect::<Vec<_>>()[..] {
        [_, "dkr", "ecr" | "ecr-fips", region, "amazonaws", "com", ..] => Some(region),
        _ => None,
    }
}

fn image(here: &Here<'_>, problems: &mut Vec<Problem>) {
    let Some(written) = here.member.image.as_ref().and_then(|image| image.uri.as_ref()) else { return };
    let Some(uri) = image_uri(here, problems) else { return };
    let text = uri.value.replace("{account}", "123456789012");
    let length = text.chars().count();
    let wrong = if text.is_empty() {
        "is empty".to_owned()
    } else if length > 512 {
        format!("has {length} characters, at most 512 are possible")
    } else if let Some(strange) = text.chars().find(|c| !(c.is_ascii_alphanumeric() || "._-/:@+".contains(*c))) {
        format!("contains `{}`", strange.escape_debug())
    } else {
        String::new()
    };
    if !wrong.is_empty() {
        problems.push(
            // As it is written, so that it is the same problem in every region.
            Problem::new(codes::SERVICE_IMAGE, format!("`{}` is not the name of an image", shortened(&written.value)))
                .at(uri.span, wrong)
                .help("write it as a registry takes it: `{account}.dkr.ecr.{region}.amazonaws.com/api:1.4.2`"),
        );
        return;
    }
    if let Some(region) = registry_region(&text).filter(|region| *region != here.region) {
        let problem = Problem::new(
            codes::SERVICE_IMAGE_REGION,
            format!("in `{}` the image comes from `{}`, so no task can start while that is down", here.region, shortened(region)),
        );
        let problem = problem.at(uri.span, "a registry of another region");
        problems.push(problem.help("let ECR replicate the image and write `{region}` in its name"));
    }
}

fn variables(here: &Here<'_>, problems: &mut Vec<Problem>) {
    let (environment, secrets) = (&here.member.environment, &here.member.secrets);
    for (name, _) in environment.iter().chain(secrets) {
        let text = name.value.as_str();
        let fits = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
        let wrong = match text {
            "AWS_REGION" => "mrctl sets it, to the region of the task",
            _ if !fits => "is not the name of a variable",
            _ => continue,
        };
        problems.push(
            Problem::new(codes::SERVICE_ENVIRONMENT, format!("`{}` cannot be set", shortened(text)))
                .at(name.span, wrong)
                .help("a name has letters, digits and `_ . -`, begins with a letter or `_`, and is not `AWS_REGION`"),
        );
    }
    for (name, _) in secrets {
        if let Some((first, _)) = environment.iter().find(|(other, _)| other.value == name.value) {
            problems.push(
                Problem::new(codes::SERVICE_ENVIRONMENT, format!("`{}` is set twice", shortened(&name.value)))
                    .at(name.span, "as a secret")
                    .at(first.span, "and in `environment`")
                    .help("remove one of the two"),
            );
        }
    }
}

fn secrets(here: &Here<'_>, problems: &mut Vec<Problem>) {
    let values = values(here.draft, here.table_names, here.region, false, "the name of a secret");
    for (_, secret) in &here.member.secrets {
        let before = problems.len();
        let Some(filled) = placeholders::fill(secret, &values, problems).filter(|_| problems.len() == before) else { continue };
        let text = filled.replace("{account}", "123456789012");
        let parts: Vec<&str> = text.splitn(7, ':').collect();
        let wrong = match parts[..] {
            ["arn", _, "secretsmanager", region, account, "secret", name] if !name.is_empty() => match () {
                () if !(account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit())) => "has no account of twelve digits",
                () if region != here.region => ELSEWHERE,
                () => continue,
            },
            ["arn", ..] => "is not the ARN of a secret",
            _ if text.is_empty() || text.len() > 512 => "must have 1 to 512 characters",
            _ if !text.chars().all(|c| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c)) => "is neither a name nor an ARN",
            _ => continue,
        };
        let text = if wrong == ELSEWHERE {
            format!("a task in `{}` would need a secret of another region", here.region)
        } else {
            "no task can read this secret".to_owned()
        };
        problems.push(Problem::new(codes::SERVICE_SECRET, text).at(secret.span, wrong).help(
            "write its name, or its ARN with `{region}`: `arn:aws:secretsmanager:{region}:{account}:secret:NAME`; for one key of it add `:KEY::`",
        ));
    }
}

fn uses(here: &Here<'_>, problems: &mut Vec<Problem>) {
    for (key, _) in &here.member.tables {
        let Some(table) = here.draft.tables.iter().find(|table| table.key.value == key.value) else {
            let keys: Vec<&str> = here.draft.tables.iter().map(|table| table.key.value.as_str()).collect();
            problems.push(refused(
                codes::SERVICE_USES,
                format!("there is no table `{}` in this file", shortened(&key.value)),
                key,
                "not under `tables`",
                suggest::help(&key.value, "tables", &keys),
            ));
            continue;
        };
        if !member_codes(here.draft, table).contains(&here.region) {
            problems.push(
                refused(
                    codes::SERVICE_USES,
                    format!("the table `{}` is not in `{}`, where the service uses it", shortened(&key.value), here.region),
                    key,
                    "used in every region of the service",
                    format!(
                        "add `{region}` to the regions of the table, or take the use away: `per_region: {{ {region}: {{ uses: null }} }}`",
                        region = here.region
                    ),
                )
                .at(table.regions.as_ref().map_or(table.key.span, |list| list.span), "the table's regions"),
            );
        }
    }
}

fn refused(code: Code, text: String, at: &At<String>, label: &str, help: String) -> Problem {
    Problem::new(code, text).at(at.span, label).help(help)
}
