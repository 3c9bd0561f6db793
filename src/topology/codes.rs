//! Every code that a report may carry, with its severity and the paragraph that `mrctl validate --explain CODE` prints.
//!
//! A problem can only be made from an entry of this table, so nothing is ever reported that cannot be explained.

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// No plan is made.
    Error,
    /// A plan is made, and the warning is shown with it.
    Warning,
}

impl Severity {
    /// As it stands in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    pub name: &'static str,
    pub severity: Severity,
    pub explanation: &'static str,
}

/// What a code means and what to do about it; nothing for a code that does not exist.
#[must_use]
pub fn explain(code: &str) -> Option<&'static str> {
    ALL.iter().find(|known| known.name == code).map(|known| known.explanation)
}

macro_rules! codes {
    ($($constant:ident $severity:ident $name:literal $explanation:literal)*) => {
        $(pub const $constant: Code = Code { name: $name, severity: Severity::$severity, explanation: $explanation };)*
        /// The whole table, in the order of the reference.
        pub const ALL: &[Code] = &[$($constant),*];
    };
}

codes! {
    FILE_MISSING Error "file::missing" "There is no file at the path that mrctl was given. Without `--file`, mrctl reads `topology.yaml` in the current folder."
    FILE_UNREADABLE Error "file::unreadable" "The file is there but cannot be read: it is a folder, or its permissions forbid it. The message repeats what the operating system said."
    FILE_TOO_LARGE Error "file::too-large" "A topology may have at most 1 MiB. A larger file is refused before it is read to the end; most likely it is not a topology at all."
    FILE_EMPTY Error "file::empty" "The file has no content, or nothing but comments. A topology needs at least `version`, `stack` and `regions`."
    FILE_NOT_UTF8 Error "file::not-utf8" "The file has bytes that are not UTF-8. Save it as UTF-8 in your editor; the report points at the first byte that does not fit."
    FILE_SEVERAL_DOCUMENTS Error "file::several-documents" "A YAML file may hold several documents separated by `---`. A topology is exactly one document, because one file describes one stack; put other stacks into files of their own."
    FILE_TOO_MANY_NODES Error "file::too-many-nodes" "A topology may have at most 10,000 keys and values. What an alias (`*name`) stands for counts each time it is used, so that a small file cannot grow into a huge one."
    FILE_NESTING Error "file::nesting" "Lists and maps may be nested at most 64 deep. No topology needs more than ten."
    YAML_SYNTAX Error "yaml::syntax" "The file is not valid YAML at this place. The mistake may also stand a little before it: look for a missing colon, a missing quote or bracket, or a line that is indented differently from its neighbours."
    YAML_TAB Error "yaml::tab" "YAML does not allow tabs for indentation. Use spaces; most editors can convert them."
    YAML_DUPLICATE_KEY Error "yaml::duplicate-key" "The same key stands twice in one map. Many YAML readers silently take the last one; mrctl refuses, because one of the two would be lost."
    YAML_MERGE_KEY Error "yaml::merge-key" "`<<` merges one map into another in YAML 1.1 only and hides what is really asked for. Write the keys out, or use an alias for a whole value. Tables have `per_region` for what differs between regions."
    YAML_KEY Error "yaml::key" "A key must be plain text. YAML also allows lists and maps as keys, which means nothing in a topology; often the cause is an unquoted value that begins with `{` or `[`."
    YAML_ALIAS Error "yaml::alias" "An alias (`*name`) must refer to an anchor (`&name`) that stands before it and does not contain it."
    YAML_TAG Error "yaml::tag" "YAML tags such as `!Ref` or `!!binary` have no meaning in a topology. Only the core tags (`!!str`, `!!int`, `!!bool`, `!!map`, `!!seq` and the like) are tolerated. Text that begins with `!` needs quotes."
    DECODE_TYPE Error "decode::type" "The value has another type than the key needs: for example a list where a map is needed, or text where a number is needed. The message names both."
    DECODE_MISSING Error "decode::missing" "A key that has no default is missing, or has no value."
    DECODE_UNKNOWN_KEY Error "decode::unknown-key" "No such key exists at this place. It is an error and not ignored, because a misspelt safety setting would otherwise do nothing without a word."
    DECODE_CHOICE Error "decode::choice" "The key takes one of a few words only; the help lists them."
    DECODE_DURATION Error "decode::duration" "A duration is a whole number followed by `s`, `m` or `h`: `30s`, `5m`, `1h`."
    DECODE_REPEATED Error "decode::repeated" "The same entry stands twice in a list in which each may stand once."
    VERSION_UNSUPPORTED Error "version::unsupported" "`version` is the version of the file format. This mrctl reads version 1."
    SECTION_NOT_BUILT Error "section::not-built" "The section belongs to the topology format but this version of mrctl does not build it yet. It is an error, because a plan that leaves it out would look complete and not be. Take the section out, or keep it as a comment."
    STACK_NAME Error "stack::name" "The stack's name begins every name in AWS and is the mark of ownership. It has 2 to 20 characters: a lower-case letter first, then lower-case letters, digits and hyphens, and no hyphen at the end. Changing it later means another stack."
    ACCOUNT_ID Error "account::id" "An AWS account id has exactly twelve digits. Quote it, so that other YAML tools keep a leading zero."
    TAGS_KEY Error "tags::key" "A tag key has 1 to 128 letters, digits and `_ . : / = + - @`, and no space: it is the strictest rule of all services that carry the tags. `Name` is set by mrctl itself."
    TAGS_VALUE Error "tags::value" "A tag value has 1 to 256 letters, digits, spaces and `_ . : / = + - @`. An empty value is refused, because some services drop the tag without saying so."
    TAGS_RESERVED Error "tags::reserved" "The prefixes `aws:` and `rds:` belong to AWS, `mrctl:` holds the marks of ownership. Choose another key."
    TAGS_CASE Error "tags::case" "Two tag keys differ in case only. IAM treats them as one key, other services as two, so they cannot be kept apart everywhere."
    TAGS_TOO_MANY Error "tags::too-many" "AWS allows 50 tags on a resource. mrctl keeps ten for its marks and for AWS itself, so a topology may set 40."
    TAGS_DO_NOT_FIT Error "tags::do-not-fit" "mrctl remembers which tags came from the file in the tags `mrctl:keys` to `mrctl:keys-4`, each of at most 256 characters. All keys together must fit there; use fewer or shorter keys."
    REGION_NONE Error "region::none" "The topology names no region. mrctl has no default region: every region that it may touch stands in the file."
    REGION_SINGLE Warning "region::single" "The topology has one region only, so losing it loses the workload. That is fine while a stack grows or shrinks."
    REGION_NAME Error "region::name" "This is not an AWS region code. A code looks like `eu-west-1`: an area, a direction (`central`, `east`, `northeast` …) and a number. A letter at the end (`eu-west-1a`) makes it a zone."
    REGION_UNKNOWN Warning "region::unknown" "The code looks like a region but mrctl does not know it. AWS opens new regions, so it is accepted; check the spelling."
    REGION_PARTITION Error "region::partition" "AWS is divided into partitions (the commercial regions, China, GovCloud) with separate accounts. Nothing replicates between them, so one stack cannot span two."
    REGION_STATE Error "region::state" "Only `active` is possible in this version; `abandoned`, which leaves a lost region behind, is not built yet."
    CIDR_SYNTAX Error "cidr::syntax" "A CIDR block is an IPv4 address and a prefix length: `10.10.0.0/16`. IPv6 is not supported yet."
    CIDR_SIZE Error "cidr::size" "The range of a region must be /16 (the largest that AWS allows for a VPC) to /22 (the smallest that can be cut into four zones of public and private subnets)."
    CIDR_HOST_BITS Error "cidr::host-bits" "The address has bits set outside the prefix, so it names a host inside the range and not the range. AWS would silently round it down; the help shows the range that was probably meant."
    CIDR_PUBLIC Warning "cidr::public" "The range is not private (RFC 1918, or 100.64.0.0/10). A VPC with a public range cannot reach the real owners of these addresses."
    CIDR_OVERLAP Error "cidr::overlap" "Two regions have ranges that overlap. They could never be connected by peering or a transit gateway, and the range of a VPC cannot be changed later, so it is always an error."
    CIDR_MISSING Error "cidr::missing" "With a `network` section every region gets a VPC and needs a `cidr`, unless `network.existing` names a VPC for it."
    NETWORK_ZONES Error "network::zones" "A region's network spans two to four availability zones: give a number from 2 to 4, or a list with two to four zone ids for each region of the file that gets a network."
    NETWORK_ZONE_ID Error "network::zone-id" "A zone id looks like `use1-az1`. Zone *names* such as `us-east-1a` mean different places in different accounts and are not accepted. The id's first part names its region, which must be a region of the file."
    NETWORK_ENDPOINT Error "network::endpoint" "The name of an endpoint is the last part of its service name, without `com.amazonaws.REGION.`: for example `s3`, `dynamodb`, `ecr.api`. It has lower-case letters, digits, dots and hyphens."
    NETWORK_EXISTING Error "network::existing" "`network.existing` refers to a VPC and its subnets by id (`vpc-…`, `subnet-…`, eight or seventeen hexadecimal digits), under a region of the file."
    TABLE_NAME Error "table::name" "The name of a DynamoDB table has 3 to 255 letters, digits and `_ . -`. It is `<stack>-<key>` unless `name` says otherwise."
    TABLE_NAME_TAKEN Error "table::name-taken" "Two tables of the topology would have the same name in DynamoDB."
    TABLE_ATTRIBUTE Error "table::attribute" "The name of a key attribute has 1 to 255 characters."
    TABLE_SAME_KEY Error "table::same-key" "The partition key and the sort key must be different attributes."
    TABLE_ATTRIBUTE_TYPE Error "table::attribute-type" "DynamoDB knows each key attribute of a table once, so it has the same type in the keys of the table and of all its indexes."
    TABLE_INDEX Error "table::index" "An index has a name of 3 to 255 letters, digits and `_ . -`, keys, and a projection: `all`, `keys_only` or a list of other attributes (at most 20 in one index, 100 in all). A table has at most 20 global and 5 local indexes. A local index (`local: true`) has the partition key of its table and another sort key, and the table has a sort key too."
    TABLE_TTL Error "table::ttl" "`ttl_attribute` names the attribute with the time, in seconds since 1970 and as a number, after which DynamoDB deletes an item. The name has 1 to 255 characters; a key attribute of another type would never let anything expire."
    TABLE_STREAM Error "table::stream" "The members of a global table copy from each other's stream of new and old images, so it cannot be off. `stream` is for tables in one region."
    TABLE_ENCRYPTION Error "table::encryption" "With keys of your own, `encryption` has one for each region of the table and for no other: the ARN (not an alias) of a KMS key in that region. DynamoDB never mixes keys of your own with its own."
    TABLE_STRONG Error "table::strong" "A strongly consistent table is in exactly three regions of one set, or in two and has a `witness` in a third. The sets are us-east-1, us-east-2, us-west-2; eu-west-1, eu-west-2, eu-west-3, eu-central-1; ap-northeast-1, ap-northeast-2, ap-northeast-3. It has no TTL and no local indexes. Only such a table has a witness."
    TABLE_CAPACITY Error "table::capacity" "Provisioned capacity is scaled by AWS between `min` and `max`, in capacity units: whole numbers from 1 to 2147483647, `min` not above `max`. `target` is the part of the capacity that is to be used, 20 to 90 percent."
    TABLE_CAPACITY_QUOTA Warning "table::capacity-quota" "A table may have at most 40,000 read and 40,000 write capacity units unless AWS has raised the quota of the account. Above it AWS stops scaling without failing any call."
    TABLE_REGIONS Error "table::regions" "`regions` of a table lists at least one region of the file, each once. Without it, the table is in all of them."
    TABLE_PER_REGION Error "table::per-region" "`per_region` changes settings of a table in one of its regions. What the members of a global table share cannot differ from region to region: keys, consistency, witness, name, regions, billing (but for `billing.read`), writes, indexes, TTL, table class and stream; `encryption` names its regions itself."
    AURORA_NAME Error "aurora::name" "The key of a global database is part of every name in AWS: a lower-case letter first, then lower-case letters, digits and hyphens, no two hyphens in a row, none at the end. `<stack>-<key>-<region>-16`, the name of the last possible instance, has at most 63 characters. The security group of the database is called `aurora-<key>`, so no service can have that name, nor a load balancer."
    AURORA_ENGINE_VERSION Error "aurora::engine-version" "`engine_version` is the whole version as AWS writes it, and fits the engine: `8.0.mysql_aurora.3.08.0` for `aurora-mysql`, `16.11` for `aurora-postgresql`. Global databases need Aurora MySQL 2.07.0 or 3.01.0, or Aurora PostgreSQL 11, or later. Which versions a region has shows only when AWS is asked."
    AURORA_CAPACITY Error "aurora::capacity" "A cluster has instances of one class, `instance_class: db.r6g.large`, or instances that Aurora scales, `serverless: { min: 8, max: 64 }`: exactly one of the two. In `per_region` take the other away: `{ instance_class: null, serverless: { min: 8, max: 64 } }`."
    AURORA_CLASS Error "aurora::class" "A global database needs memory-optimised instances: `db.r5` or a later `db.r`, or `db.x2g`, with a size such as `large` or `4xlarge`. Aurora refuses `db.t` in a global database. For `db.serverless` write `serverless`."
    AURORA_SERVERLESS Error "aurora::serverless" "The limits of Aurora Serverless v2 are capacity units (ACU) of 2 GiB each, by halves: `min` from 0 and `max` from 1, both up to 256, `min` not above `max`. It needs Aurora MySQL 3.02.0, or Aurora PostgreSQL 13.6, 14.3 or 15.2, or later; more than 128 needs 3.06.0, or 13.13, 14.10, 15.5 or 16.1. With a `min` of 0 an instance may pause, which needs 3.08.0, or 13.15, 14.12, 15.7 or 16.3, and which the writer of a global database never does: there the least is 0.5."
    AURORA_SERVERLESS_SMALL Warning "aurora::serverless-small" "AWS recommends at least 8 capacity units for the writer's cluster of a global database: with less it may not keep up with sending its changes to the other regions. Any other cluster may become the writer's too."
    AURORA_INSTANCES Error "aurora::instances" "A cluster has 0 to 16 instances. The writer's region needs at least one, and at most 16 less one for each other region. A cluster without instances holds a copy of the data that nobody can read until it gets one; only another region than the writer's can have that."
    AURORA_BACKUP_RETENTION Error "aurora::backup-retention" "Aurora keeps backups for 1 to 35 days."
    AURORA_WRITER Error "aurora::writer" "`writer` is the region where the first writer is made, so it is one of the regions of the database. Where the writer is later is read from AWS, and mrctl moves it only when it is told to."
    AURORA_REGIONS Error "aurora::regions" "`regions` of a global database lists at least one region of the file, each once. Without it, the database is in all of them. AWS allows the writer's region and ten others."
    AURORA_PER_REGION Error "aurora::per-region" "`per_region` changes settings of a global database in one of its regions: its capacity, `instances`, `write_forwarding`, `backup_retention_days`, `deletion_protection` and `parameters`. Engine, version, writer, database name, master user, `on_destroy` and `regions` are those of the whole database; `encryption` names its regions itself."
    AURORA_DATABASE_NAME Error "aurora::database-name" "The name of the database begins with a letter and has letters, digits and `_`: at most 64 for Aurora MySQL, 63 for Aurora PostgreSQL. It is no word that the engine keeps for itself."
    AURORA_MASTER_USERNAME Error "aurora::master-username" "The master user's name begins with a letter and has letters, digits and `_`: at most 16 for Aurora MySQL, 63 for Aurora PostgreSQL. It is no word that the engine keeps for itself: `rdsadmin` in both, `admin` in Aurora PostgreSQL."
    AURORA_PARAMETER Error "aurora::parameter" "The name of a parameter has lower-case letters, digits and `_ . -`, and its value is not empty. `lower_case_table_names` must be the same in all regions of a global database, because they share their tables."
    AURORA_ENCRYPTION Error "aurora::encryption" "With keys of your own, `encryption` has one for each region of the database and for no other: the ARN (not an alias) of a KMS key in that region. Without it, each cluster is encrypted with the key that AWS manages for RDS in its region."
    AURORA_WRITE_FORWARDING Error "aurora::write-forwarding" "Clusters pass writes on to the writer from Aurora MySQL 2.08.1 and Aurora PostgreSQL 14.9, 15.4 and 16 on."
    AURORA_NETWORK Error "aurora::network" "A database is in the private subnets of a network, in at least two zones: that of the section `network`, or an existing one with at least two private subnets."
    SERVICE_NAME Error "service::name" "The key of a service names it everywhere in AWS: 1 to 32 characters, a lower-case letter first, then lower-case letters, digits and hyphens, no hyphen at the end. `endpoints` and what ends with `-load-balancer` would take the name of another security group."
    SERVICE_IMAGE Error "service::image" "`image` names a container image as a registry takes it: no spaces, no braces but those of placeholders, at most 512 characters."
    SERVICE_IMAGE_REGION Warning "service::image-region" "The image comes from a registry of another region. While that region is down, no task can start here. Copy the image to a registry in each region (ECR can replicate) and write `{region}` in its name."
    SERVICE_SIZE Error "service::size" "Fargate has these pairs of `cpu` (1024 is one vCPU) and `memory` (MiB): 256 with 512, 1024 or 2048; 512 with 1024 to 4096; 1024 with 2048 to 8192; 2048 with 4096 to 16384; 4096 with 8192 to 30720, each in steps of 1024; 8192 with 16384 to 61440 in steps of 4096; 16384 with 32768 to 122880 in steps of 8192."
    SERVICE_TASKS Error "service::tasks" "`tasks` says how many tasks a region may run: `min` and `max` from 1 to 5000, `min` not above `max`. Without `max` the number stays at `min`; without `min` it is 2, or `max` when that is less."
    SERVICE_SCALE_ON Error "service::scale-on" "`scale_on` holds one metric at a target: `cpu` or `memory` at 1 to 100 percent, or `requests_per_target`, the requests to each task in a minute, which a load balancer counts. It takes exactly one of them."
    SERVICE_SCALES_NOTHING Warning "service::scales-nothing" "`scale_on` changes the number of tasks between `tasks.min` and `tasks.max`. With both the same it does nothing."
    SERVICE_PORT Error "service::port" "A port is a number from 1 to 65535."
    SERVICE_ENVIRONMENT Error "service::environment" "The name of a variable has letters, digits and `_ . -` and does not begin with a digit or a sign other than `_`. mrctl sets `AWS_REGION` itself. A name stands in `environment` or in `secrets`, not in both."
    SERVICE_SECRET Error "service::secret" "A secret is named by its name in Secrets Manager (1 to 512 letters, digits and `/ _ + = . @ -`) or by its ARN. It must be in the region of the task: a task that needs another region cannot start while that region is down. Replicate the secret and write `{region}` in the ARN."
    SERVICE_COMMAND Error "service::command" "`container_health_check.command` is what ECS runs inside the container. Its first entry is `CMD` (the rest is run as it is) or `CMD-SHELL` (one more entry, run by the shell of the image)."
    SERVICE_USES Error "service::uses" "`uses.tables` names tables of this file, `uses.aurora` its global databases. A service uses both in its own region, so a table must have a member, and a database a cluster, in every region where the service runs and uses it; `per_region` can take the use away in one."
    SERVICE_DATABASE Error "service::database" "A service writes to a global database through the writer, or through the cluster of its own region when that passes writes on. Outside the writer's region it therefore needs `write_forwarding: true`, or `peering: mesh` to reach the writer; a VPC under `network.existing` is not peered. A cluster without instances passes nothing on and cannot be read."
    SERVICE_ENV_PREFIX Error "service::env-prefix" "mrctl tells a service of a database by variables: the prefix and `_WRITER_HOST`, `_LOCAL_HOST`, `_READER_HOST`, `_PORT`, `_NAME`, `_USERNAME` and `_PASSWORD`. The prefix is `DB_` and the key in upper case, with `_` for `-`, unless `env_prefix` says otherwise: letters, digits and `_`, a letter or `_` first and no `_` at the end. Neither another database nor `environment` or `secrets` may set the same variables."
    SERVICE_LOAD_BALANCER Error "service::load-balancer" "A load balancer sends requests to the port of a container, so it needs `port`. What is about the load balancer (`health_check`, `allow_from`, `certificate`, `grace_period`, `deregistration_delay`, `deletion_protection`) means nothing without one."
    SERVICE_ALLOW_FROM Error "service::allow-from" "`allow_from` lists IPv4 ranges such as `203.0.113.0/24`, each once, with no bits outside the prefix. An empty list would let nobody in. There is room for 25, and for fewer beside health checks of records: each is a rule for each port, the checkers of Route 53 count for 25, and a security group has 60 rules."
    SERVICE_HEALTH_CHECK Error "service::health-check" "The load balancer asks each task: `path` begins with `/` and has at most 1024 characters; `interval` is 5s to 300s; `timeout` is 2s to 120s and less than the interval; `healthy` and `unhealthy` are 2 to 10 answers; `codes` are codes or ranges from 200 to 499, such as `200-299` or `200,202`. ECS asks the container: `interval` is 5s to 300s, `retries` 1 to 10, `start_period` at most 300s."
    SERVICE_CERTIFICATE Error "service::certificate" "`managed` is a certificate by ACM for the names of the records that point at the service, so there must be one in each region, at most ten, and the first by alphabet of at most 64 characters. ARNs are given for each region of the service, each of a certificate in that region: a load balancer takes no other. `none` is HTTP."
    SERVICE_DURATION Error "service::duration" "`stop_timeout` is 1s to 120s, the most that Fargate allows; `deregistration_delay` is at most 3600s; `grace_period` is at most 2147483647s."
    SERVICE_DEPLOYMENT Error "service::deployment" "`minimum_healthy` is 0 to 100 and `maximum` 100 to 200 percent of the wanted number of tasks. ECS rounds the first up and the second down; when both come to the same number of tasks, none can be stopped and none started, so no deployment could ever end."
    SERVICE_LOG_RETENTION Error "service::log-retention" "CloudWatch Logs keeps events for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days, or `forever`."
    SERVICE_NETWORK Error "service::network" "Tasks run in the private subnets of a network: that of the section `network`, or an existing one with at least one private subnet. A public load balancer needs two public subnets in two zones, an internal one two private subnets."
    SERVICE_NO_WAY_OUT Error "service::no-way-out" "Without a NAT gateway tasks reach AWS through VPC endpoints only: `s3`, `ecr.api` and `ecr.dkr` for the image, `logs`, `dynamodb` for tables, `secretsmanager` for secrets and the passwords of databases, `ssmmessages` for `exec`. The image must then come from an ECR registry of the same region."
    SERVICE_REGIONS Error "service::regions" "`regions` of a service lists at least one region of the file, each once. Without it, the service runs in all of them."
    SERVICE_PER_REGION Error "service::per-region" "`per_region` changes settings of a service in one of its regions. Only `regions` cannot differ."
    SERVICE_NOT_BUILT Error "service::not-built" "The setting belongs to the topology format but this version of mrctl does not build it yet. Take it out."
    IAM_PATH Error "iam::path" "The path of the roles begins and ends with `/` and has at most 400 printable characters of ASCII without spaces; mrctl adds the name of the stack."
    IAM_BOUNDARY Error "iam::boundary" "`permissions_boundary` is the ARN of a managed policy: `arn:aws:iam::123456789012:policy/boundary`."
    DNS_ZONE Error "dns::zone" "A zone is a domain name: labels of letters, digits and hyphens with dots between them, at least two, each of at most 63 characters and all together of at most 253."
    RECORD_NAME Error "record::name" "The name of a record is the zone or lies inside it. Its labels have letters, digits and hyphens; the first may be `*`. Upper case and a dot at the end make no difference, so each name stands once."
    RECORD_SERVICE Error "record::service" "A record points at the public load balancers of a service of this file. An internal one has no address that the world could use."
    RECORD_REGIONS Error "record::regions" "`regions` of a record lists regions where its service runs, each once. Without it, the record is for all of them."
    RECORD_PER_REGION Error "record::per-region" "`per_region` changes `health_check` of a record in one of its regions. Service, policy, weights, locations and regions are those of the whole record."
    RECORD_POLICY Error "record::policy" "`weights` belong to the policy `weighted`, `locations` to `geolocation`; each policy needs its own and no other. `latency` has neither."
    RECORD_WEIGHTS Error "record::weights" "`weights` has a whole number from 0 to 255 for each region of the record and for no other. With 0 in all of them Route 53 would send everyone everywhere."
    RECORD_LOCATIONS Error "record::locations" "`locations` has a list for each region of the record and for no other: codes of continents (AF, AN, AS, EU, OC, NA, SA) and of countries (ISO 3166, two letters; a code that is both is the continent), and `default` for everyone else. Each stands once, `default` exactly once: without it some would get no answer."
    RECORD_HEALTH_CHECK Error "record::health-check" "Route 53 asks the load balancer itself. `https` needs a certificate; with one, `http` would only see the redirect, which counts as healthy with every task dead; `auto` chooses rightly. `path` begins with `/`, has at most 255 characters and is not for `tcp`. `interval` is 10s or 30s, `failure_threshold` 1 to 10."
    RECORD_ALARM Error "record::alarm" "`from_alarm` names an alarm of this file. Route 53 follows an alarm in the record's own region, so the alarm has a part in every region of the record that follows it, and only one there: alarms for pairs of regions, for each NAT gateway, or on Route 53's own metrics (which stand in us-east-1) cannot be followed."
    RECORD_ALARM_KIND Error "record::alarm-kind" "Route 53 follows only alarms with a period of at least 60 seconds, with `average`, `sum`, `minimum`, `maximum` or `sample_count` and no percentile, and in which every evaluated period counts: `datapoints` must not be less than `evaluation_periods`."
    ALARM_NAME Error "alarm::name" "The key of an alarm is part of its name in AWS, `<stack>-<key>` and, where there are several, the region or the number after it: a lower-case letter first, then lower-case letters, digits and hyphens, no hyphen at the end, and at most 255 characters in all. `region` is taken by the composite alarm of a region. No two alarms may come to one name in one region."
    ALARM_METRIC Error "alarm::metric" "There is no metric of this name. docs/alarms.md lists those that mrctl knows; a metric of your own has a `namespace` beside it."
    ALARM_SUBJECT Error "alarm::subject" "An alarm says what it watches with exactly one of `service`, `table`, `aurora` and `record`, the one that its metric belongs to, and with the key of something in this file. Metrics of the network, and of your own, have none."
    ALARM_REGIONS Error "alarm::regions" "`regions` of an alarm lists at least one region of what it watches, each once. Without it, the alarm is in all of them."
    ALARM_PER_REGION Error "alarm::per-region" "`per_region` changes the settings of an alarm in one of its regions: threshold, period, evaluation_periods, datapoints, when, missing_data and statistic. What is watched is the same in all of them."
    ALARM_NO_METRIC Error "alarm::no-metric" "AWS has no such metric in this region, so the alarm could never judge anything: there is no load balancer, no NAT gateway, no instance, no health check, or no second region. Leave the region out with `regions`, or make what is missing. Route 53's metrics are in us-east-1 only, which the partitions of China and GovCloud do not have."
    ALARM_CONTAINER_INSIGHTS Error "alarm::container-insights" "Only Container Insights counts running tasks. It is a setting of the cluster that the services of a region share: write `container_insights: true` in one of them."
    ALARM_REPLICATION Error "alarm::replication" "DynamoDB measures how long a write takes to another region only for tables with eventual consistency in at least two regions. A strongly consistent table answers a write when another region has it."
    ALARM_RPO_LAG Error "alarm::rpo-lag" "Aurora MySQL sends `AuroraGlobalDBRPOLag` from version 2.12.0, and from 3.04.0; older ones have `aurora_replication_lag` only."
    ALARM_THRESHOLD Error "alarm::threshold" "`threshold` is a number in what the metric counts: `50` of a count, `80%` or `80` of a percentage, and with its unit of a time: `250ms`, `3s`, `2m`, which is converted. A unit that the metric does not have is an error, and so is a time without one."
    ALARM_PERIOD Error "alarm::period" "`period` is 10s, 20s, 30s or a multiple of 60s; AWS sends the metrics of docs/alarms.md every 60 seconds, so less is for metrics of your own. `evaluation_periods` times `period` is at most a day, or a week when the period is an hour or more. `datapoints` is 1 to `evaluation_periods`."
    ALARM_STATISTIC Error "alarm::statistic" "`statistic` is `average`, `sum`, `minimum`, `maximum`, `sample_count` or a percentile above 0 and at most 100, such as `p99` or `p99.9`. CloudWatch has percentiles of load balancers, Aurora and metrics of your own, not of the others. A metric of your own has no default."
    ALARM_MISSING_DATA Error "alarm::missing-data" "CloudWatch always ignores missing data of DynamoDB, whatever an alarm says, so only `ignore` is true."
    ALARM_OPERATION Error "alarm::operation" "DynamoDB counts some things for each operation only: `operation` names one, for example `PutItem`. Other metrics have none."
    ALARM_CUSTOM Error "alarm::custom" "A metric of your own has a namespace of 1 to 255 letters, digits and `. - _ / # :` or spaces that begins with neither `:` nor `AWS/`, a name of 1 to 255 printable ASCII characters, and at most 30 dimensions, each with a name of 1 to 255 characters that does not begin with `:` and a value of 1 to 1,024. `unit` is a unit of CloudWatch, such as `Count`, `Milliseconds` or `Bytes/Second`. Metrics of AWS are those of docs/alarms.md: of others mrctl cannot know where they are."
    ALARM_TOO_MANY Error "alarm::too-many" "The composite alarm of a region is over all alarms that watch it there: at most 100, and at most 10,240 characters for all of their names together."
    ALERTS_EMAIL Error "alerts::email" "`emails` are addresses such as `ops@example.com`, each once."
    ALERTS_URL Error "alerts::url" "`https` are URLs that begin with `https://` and a host, without spaces and without a part after `#`, each once. They may hold a key, so mrctl never shows more than the host."
    ALERTS_ARN Error "alerts::arn" "`arns` are the ARNs of SQS queues and Lambda functions, each once; they may contain {region}, {account} and {stack}. Alarms tell the topic of their own region, because AWS lets them tell no topic of another, and topics cannot tell topics. A FIFO queue takes nothing from a standard topic."
    ALERTS_ENCRYPTION Error "alerts::encryption" "`encryption` has the ARN (not an alias) of a KMS key of yours for each region with a topic, that is with alarms, and for no other: a topic and its key are in one region. The policy of the key must let cloudwatch.amazonaws.com use it, or alarms tell nobody and no call fails."
    ALERTS_TOO_MANY Error "alerts::too-many" "`emails`, `https` and `arns` together are at most 50. Which subscriptions are its own mrctl remembers in the tags of the topic, and these hold no more. Tell a mailing list, a queue or a function that tells the others."
    ALERTS_UNUSED Warning "alerts::unused" "Without alarms there is no topic, so nobody is told anything."
    ROLLOUT_ORDER Error "rollout::order" "`rollout.order` lists regions of the file, each at most once. Regions that it leaves out follow in the order of the file."
    ROLLOUT_GATE_TIMEOUT Error "rollout::gate-timeout" "With a `gate_timeout` of zero no gate could ever pass. Give it at least one second."
    PLACEHOLDER_REGION Error "placeholder::region" "`{region}` cannot be used here: the value is the same in all regions. The members of a global table share one name, and tags are the same everywhere."
    PLACEHOLDER_ACCOUNT Error "placeholder::account" "`{account}` stands for the value of `account`, which this file does not set."
    PLACEHOLDER_TABLE Error "placeholder::table" "`{tables.KEY}` stands for the name of a table of this file. There is no table with this key, or the placeholder stands in the name of a table itself."
    PLACEHOLDER_CLOSE Error "placeholder::close" "Text in braces that is no placeholder is left as it is. This one is close to a placeholder, so it is probably misspelt; and neither a tag nor the name of a table nor that of an image can contain braces."
    PLACEHOLDER_DOUBTFUL Warning "placeholder::doubtful" "Text in braces that is no placeholder is left as it is, because the value may have braces of its own. This one is close to a placeholder, so it may be misspelt."
}
