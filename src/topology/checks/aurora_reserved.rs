//! Words that an engine keeps for itself: neither a database nor the master user can be called so.
use crate::topology::model::AuroraEngine;

/// By engine, names that are taken beside the words of SQL.
pub struct Taken {
    mysql: &'static [&'static str],
    postgresql: &'static [&'static str],
}

pub const DATABASES: &Taken =
    &Taken { mysql: &["information_schema", "mysql", "performance_schema", "sys"], postgresql: &["rdsadmin", "template0", "template1"] };
/// `admin` is free in Aurora MySQL and taken in Aurora PostgreSQL, `rdsadmin` is taken in both (what CreateDBCluster answers).
pub const MASTER_USERS: &Taken = &Taken {
    mysql: &["rdsadmin", "rdsrepladmin"],
    postgresql: &[
        "admin",
        "none",
        "public",
        "rds_ad",
        "rds_iam",
        "rds_password",
        "rds_replication",
        "rds_superuser",
        "rdsadmin",
        "rdsrepladmin",
    ],
};

/// MySQL 8.0 reference manual, "Keywords and Reserved Words": those marked (R).
const MYSQL: &str = "accessible add all alter analyze and as asc asensitive before between bigint binary blob both by call cascade case \
    change char character check collate column condition constraint continue convert create cross cube cume_dist current_date \
    current_time current_timestamp current_user cursor database databases day_hour day_microsecond day_minute day_second dec decimal \
    declare default delayed delete dense_rank desc describe deterministic distinct distinctrow div double drop dual each else elseif \
    empty enclosed escaped except exists exit explain false fetch first_value float float4 float8 for force foreign from fulltext \
    function generated get grant group grouping groups having high_priority hour_microsecond hour_minute hour_second if ignore in index \
    infile inner inout insensitive insert int int1 int2 int3 int4 int8 integer intersect interval into io_after_gtids io_before_gtids is \
    iterate join json_table key keys kill lag last_value lateral lead leading leave left like limit linear lines load localtime \
    localtimestamp lock long longblob longtext loop low_priority master_bind master_ssl_verify_server_cert match maxvalue mediumblob \
    mediumint mediumtext middleint minute_microsecond minute_second mod modifies natural not no_write_to_binlog nth_value ntile null \
    numeric of on optimize optimizer_costs option optionally or order out outer outfile over partition percent_rank precision primary \
    procedure purge range rank read reads read_write real recursive references regexp release rename repeat replace require resignal \
    restrict return revoke right rlike row rows row_number schema schemas second_microsecond select sensitive separator set show signal \
    smallint spatial specific sql sqlexception sqlstate sqlwarning sql_big_result sql_calc_found_rows sql_small_result ssl starting \
    stored straight_join system table terminated then tinyblob tinyint tinytext to trailing trigger true undo union unique unlock \
    unsigned update usage use using utc_date utc_time utc_timestamp values varbinary varchar varcharacter varying virtual when where \
    while window with write xor year_month zerofill";

/// PostgreSQL 16 documentation, "SQL Key Words": those marked reserved.
const POSTGRESQL: &str = "all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation \
    column concurrently constraint create cross current_catalog current_date current_role current_schema current_time \
    current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze from full grant \
    group having ilike in initially inner intersect into is isnull join lateral leading left like limit localtime localtimestamp natural \
    not notnull null offset on only or order outer overlaps placing primary references returning right select session_user similar some \
    symmetric system_user table tablesample then to trailing true union unique user using variadic verbose when where window with";

/// Whether the engine keeps a word for itself, in whatever case it is written.
pub fn is_reserved(engine: AuroraEngine, taken: &Taken, word: &str) -> bool {
    let word = word.to_lowercase();
    let (taken, of_sql) = match engine {
        AuroraEngine::Mysql => (taken.mysql, MYSQL),
        AuroraEngine::Postgresql => (taken.postgresql, POSTGRESQL),
    };
    // The prefix of PostgreSQL's own roles and schemas.
    let of_system = engine == AuroraEngine::Postgresql && word.starts_with("pg_");
    of_system || taken.contains(&word.as_str()) || of_sql.split_whitespace().any(|other| other == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_engine_has_its_own() {
        use AuroraEngine::{Mysql, Postgresql};
        for (engine, taken, word, wanted) in [
            (Mysql, MASTER_USERS, "admin", false),
            (Postgresql, MASTER_USERS, "admin", true),
            (Mysql, MASTER_USERS, "RdsAdmin", true),
            (Postgresql, MASTER_USERS, "postgres", false),
            (Postgresql, MASTER_USERS, "pg_shop", true),
            (Postgresql, DATABASES, "postgres", false),
            (Postgresql, DATABASES, "User", true),
            (Mysql, DATABASES, "user", false),
            (Mysql, DATABASES, "order", true),
            (Mysql, DATABASES, "sys", true),
            (Mysql, DATABASES, "shop", false),
        ] {
            assert_eq!(is_reserved(engine, taken, word), wanted, "{word}");
        }
    }
}
