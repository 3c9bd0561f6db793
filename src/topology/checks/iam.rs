//! The section `iam`.
use crate::topology::{codes, decode::Draft, node::shortened, placeholders, report::Problem, services::boundary_values};

/// IAM allows 512 characters for the whole path; the name of the stack comes behind it (field guide 5).
const LONGEST_PATH: usize = 400;

pub fn iam(draft: &Draft, problems: &mut Vec<Problem>) {
    let Some(iam) = &draft.iam else { return };
    if let Some(path) = &iam.path {
        let text = path.value.as_str();
        let wrong = if !text.starts_with('/') {
            "must begin with `/`"
        } else if !text.ends_with('/') {
            "must end with `/`"
        } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains("//") {
            "has characters that are not possible"
        } else if text.len() > LONGEST_PATH {
            "is too long"
        } else {
            ""
        };
        if !wrong.is_empty() {
            problems.push(
                Problem::new(codes::IAM_PATH, format!("`{}` cannot be the path of roles", shortened(text)))
                    .at(path.span, wrong)
                    .help("write it as `/mrctl/`; mrctl adds the name of the stack"),
            );
        }
    }
    if let Some(boundary) = &iam.permissions_boundary {
        let before = problems.len();
        let filled = placeholders::fill(boundary, &boundary_values(draft), problems);
        let Some(arn) = filled.filter(|_| problems.len() == before) else { return };
        let is_policy = match arn.splitn(6, ':').collect::<Vec<_>>()[..] {
            ["arn", partition, "iam", "", account, name] => {
                let is_account = account == "aws" || account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
                partition.starts_with("aws") && is_account && name.strip_prefix("policy/").is_some_and(|name| !name.is_empty())
            }
            _ => false,
        };
        if !is_policy {
            problems.push(
                Problem::new(codes::IAM_BOUNDARY, format!("`{}` is not the ARN of a policy", shortened(&arn)))
                    .at(boundary.span, "bounds every role that mrctl makes")
                    .help("write `arn:aws:iam::123456789012:policy/NAME`"),
            );
        }
    }
}
