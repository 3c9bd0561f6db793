//! ARNs that follow from what the topology says.
use crate::resource::{Facts, Region};

/// ARNs of one account in one region.
pub struct Arns {
    partition: String,
    account: String,
    region: Region,
}

impl Arns {
    /// With stand-ins where AWS was not asked.
    #[must_use]
    pub fn of(facts: &Facts, region: &Region) -> Self {
        let partition = facts.partition.clone().unwrap_or_else(|| "aws".to_owned());
        Self { partition, account: facts.with_account("{account}"), region: region.clone() }
    }

    fn here(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.partition, self.region, self.account)
    }

    /// A table and its indexes.
    #[must_use]
    pub fn table(&self, name: &str) -> [String; 2] {
        [self.here("dynamodb", &format!("table/{name}")), self.here("dynamodb", &format!("table/{name}/index/*"))]
    }

    /// What a key policy calls a service of AWS here (KMS developer guide, "kms:ViaService").
    #[must_use]
    pub fn via(&self, service: &str) -> String {
        let end = if self.partition == "aws-cn" { ".cn" } else { "" };
        format!("{service}.{}.amazonaws.com{end}", self.region)
    }

    /// The streams of a log group.
    #[must_use]
    pub fn log_streams(&self, group: &str) -> String {
        self.here("logs", &format!("log-group:{group}:*"))
    }

    /// The ECR repository that an image is in; nothing when it is somewhere else. The image names account and region:
    /// `ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME` (Amazon ECR user guide, "Private registry").
    #[must_use]
    pub fn repository(&self, image: &str) -> Option<String> {
        let (host, path) = image.split_once('/')?;
        let (account, rest) = host.split_once(".dkr.ecr.")?;
        let region = rest.strip_suffix(".amazonaws.com").or_else(|| rest.strip_suffix(".amazonaws.com.cn"))?;
        let name = path.split(['@', ':']).next().unwrap_or(path);
        Some(format!("arn:{}:ecr:{region}:{account}:repository/{name}", self.partition))
    }

    /// A secret as ECS takes it (`valueFrom`): an ARN stays; a name is completed, because ECS reads a plain name as one of Systems
    /// Manager (Amazon ECS developer guide, "Pass Secrets Manager secrets through Amazon ECS environment variables"). What follows
    /// the name, `:key:stage:version`, stays.
    #[must_use]
    pub fn secret(&self, given: &str) -> String {
        if given.starts_with("arn:") { given.to_owned() } else { self.here("secretsmanager", &format!("secret:{given}")) }
    }

    /// What a policy names for a secret: without key and version. Secrets Manager puts six characters behind the name; where they
    /// are not given, `??????` stands for them (Secrets Manager user guide, "Permissions policy examples").
    #[must_use]
    pub fn secret_in_policy(&self, given: &str) -> String {
        let arn = self.secret(given).split(':').take(7).collect::<Vec<_>>().join(":");
        let has_tail = arn.rsplit_once('-').is_some_and(|(_, tail)| tail.len() == 6 && tail.chars().all(|c| c.is_ascii_alphanumeric()));
        // A name may look as if it ended like that (`prod-secret`); an ARN that does is taken for whole.
        if given.starts_with("arn:") && has_tail { arn } else { format!("{arn}-??????") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arns() -> Arns {
        let facts = Facts { account: Some("123456789012".into()), partition: Some("aws".into()), ..Facts::default() };
        Arns::of(&facts, &Region::new("eu-west-1"))
    }

    #[test]
    fn images_of_ecr_name_their_repository() {
        let image = |text| arns().repository(text);
        let wanted = "arn:aws:ecr:eu-west-1:123456789012:repository/team/api";
        assert_eq!(image("123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/api:1.4.2").as_deref(), Some(wanted));
        assert_eq!(image("123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/api@sha256:ab").as_deref(), Some(wanted));
        assert_eq!(image("public.ecr.aws/nginx/nginx:1"), None);
        assert_eq!(image("nginx"), None);
    }

    #[test]
    fn secrets_are_named_whole() {
        let named = arns().secret("shop/stripe");
        assert_eq!(named, "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/stripe");
        let in_policy = |given: &str| arns().secret_in_policy(given);
        assert_eq!(in_policy("shop/stripe"), format!("{named}-??????"));
        assert_eq!(in_policy("prod-secret"), "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod-secret-??????");
        assert_eq!(in_policy("shop/stripe:username::"), format!("{named}-??????"));
        let whole = format!("{named}-AbCdEf");
        assert_eq!(arns().secret(&whole), whole);
        assert_eq!(in_policy(&format!("{whole}:username::")), whole);
        assert_eq!(in_policy(&named), format!("{named}-??????"));
    }
}
