//! The roles of the account, listed once for all regions: IAM has one endpoint, and the tagging index does not know roles.
use std::{collections::BTreeSet, sync::Arc};

use super::{dns::desks, errors::fault, hedge::first_of};
use crate::resource::{Cx, Fault, Region};

/// A role as the list shows it.
#[derive(Clone, Debug)]
pub struct Listed {
    pub name: String,
    pub path: String,
}

/// Every role of the account. Any region that answers may ask. An account has a thousand at most unless it asked for more (IAM user
/// guide, "IAM and AWS STS quotas"), and that is one page.
///
/// # Errors
/// What AWS refused.
pub async fn all(cx: &Cx) -> Result<Arc<Vec<Listed>>, Fault> {
    let desks = desks(cx);
    let ask = || {
        first_of(&desks, |region| async move {
            let mut pages = cx.fleet.region(&region).iam.list_roles().into_paginator().page_size(1000).items().send();
            let mut all = Vec::new();
            while let Some(role) = pages.next().await {
                let role = role.map_err(fault("iam:ListRoles"))?;
                all.push(Listed { name: role.role_name, path: role.path });
            }
            Ok(all)
        })
    };
    cx.memo.once("iam:ListRoles".to_owned(), ask).await
}

/// The regions that the stack's roles name, in the topology or not: the only trace of a region in which nothing else is left.
///
/// # Errors
/// What AWS refused.
pub async fn regions_of_roles(cx: &Cx) -> Result<BTreeSet<Region>, Fault> {
    Ok(all(cx).await?.iter().filter_map(|role| region_of(&cx.owner.stack, role)).collect())
}

/// The region in the name of a role under a path of that stack: `<stack>-<region>-…`. A hint: what is ours its marks tell.
fn region_of(stack: &str, role: &Listed) -> Option<Region> {
    let rest = role.path.ends_with(&format!("/{stack}/")).then(|| role.name.strip_prefix(stack)?.strip_prefix('-')).flatten()?;
    let parts: Vec<&str> = rest.split('-').collect();
    // eu-west-1, us-gov-west-1: words, then a number.
    let number = parts.iter().position(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit()))?;
    let are_words = parts[..number].iter().all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase()));
    ((2..=3).contains(&number) && are_words && parts.len() > number + 1).then(|| Region::new(&parts[..=number].join("-")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_role_tells_its_region() {
        let of = |path: &str, name: &str| {
            let role = Listed { name: name.to_owned(), path: path.to_owned() };
            region_of("shop", &role).map(|region| region.to_string())
        };
        assert_eq!(of("/mrctl/shop/", "shop-eu-west-1-api-task").as_deref(), Some("eu-west-1"));
        assert_eq!(of("/team/shop/", "shop-us-gov-west-1-api-2-execution").as_deref(), Some("us-gov-west-1"));
        for (path, name) in [
            ("/", "shop-eu-west-1-api-task"),
            ("/mrctl/shop-b/", "shop-b-eu-west-1-api-task"),
            ("/mrctl/shop/", "shopping-eu-west-1-api"),
            ("/mrctl/shop/", "shop-eu-west-1"),
            ("/mrctl/shop/", "shop-deploy-2-role"),
            ("/mrctl/shop/", "shop-admin"),
        ] {
            assert_eq!(of(path, name), None, "{path}{name}");
        }
    }
}
