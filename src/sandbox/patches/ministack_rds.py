"""The same for Aurora: what a global database needs and MiniStack lacks. Runs after `ministack.py`, in one program with it."""
import itertools

from ministack.services import rds

NEEDED = """_clusters _instances _instance_xml _subnet_groups _global_clusters _db_cluster_snapshots _db_cluster_param_groups _resolve_cluster
    _resolve_global_cluster _create_cluster_snapshot_internal _global_member_engine_version_conflict_error _tags _error _p"""
for needed in NEEDED.split():
    if not hasattr(rds, needed):
        raise SystemExit(f"the patches do not fit this MiniStack: rds.{needed} is gone")


def member_of(cluster):
    """The entry of a cluster in its global cluster, and the global cluster."""
    name = cluster.get("GlobalClusterIdentifier")
    found = rds._resolve_global_cluster(name) if name else None
    members = found.get("GlobalClusterMembers", []) if found else []
    return next((one for one in members if one["DBClusterArn"] == cluster["DBClusterArn"]), None), found


# --- A global cluster has an endpoint that leads to its writer, once it has one. ---

@stands_for(rds, "_global_cluster_xml")
def global_cluster_xml(original, found):
    for member in found.get("GlobalClusterMembers", []):
        cluster = rds._resolve_cluster(member["DBClusterArn"])
        member["GlobalWriteForwardingStatus"] = forwarding(cluster, member) if cluster else "disabled"
    text = original(found)
    if any(member.get("IsWriter") for member in found.get("GlobalClusterMembers", [])):
        text += f"<Endpoint>{found['GlobalClusterIdentifier']}.global-sandbox.global.rds.amazonaws.com</Endpoint>"
    return text


# --- Write forwarding: MiniStack forgets that it was asked for. The writer's own takes effect when it is no writer any more (RDS API
# reference, "CreateDBCluster"). ---

def forwarding(cluster, member):
    return "enabled" if cluster.get("_forwards") and member and not member.get("IsWriter") else "disabled"


@stands_for(rds, "_cluster_xml")
def cluster_xml(original, cluster):
    member, _ = member_of(cluster)
    if member:
        cluster["GlobalWriteForwardingStatus"] = forwarding(cluster, member)
    # Its own instances answer on this machine, and MiniStack says so; those of AWS have names that stay.
    cluster = {**cluster, **cluster.get("_names", {})}
    asked = f"<GlobalWriteForwardingRequested>{str(bool(cluster.get('_forwards'))).lower()}</GlobalWriteForwardingRequested>"
    return original(cluster) + asked


def remember(params, cluster):
    asked = rds._p(params, "EnableGlobalWriteForwarding")
    if asked and cluster:
        cluster["_forwards"] = asked == "true"
    key = cluster.get("KmsKeyId", "") if cluster else ""
    if key.startswith("alias/"):
        # A key is always shown by its ARN (RDS API reference, "DBCluster").
        cluster["KmsKeyId"] = f"arn:aws:kms:{rds.get_region()}:{rds.get_account_id()}:key/{key.replace('/', '-')}"


@stands_for(rds, "_create_db_cluster_impl")
def create_db_cluster(original, params):
    answer = original(params)
    if answer[0] == 200:
        made = rds._clusters.get(rds._p(params, "DBClusterIdentifier"))
        remember(params, made)
        if made:
            made.setdefault("_names", {name: made[name] for name in ("Endpoint", "ReaderEndpoint")})
    return answer


@stands_for(rds, "_modify_db_cluster_impl")
def modify_db_cluster(original, params):
    answer = original(params)
    cluster = rds._resolve_cluster(rds._p(params, "DBClusterIdentifier"))
    if answer[0] == 200 and cluster:
        remember(params, cluster)
        member, found = member_of(cluster)
        # The version of a global cluster is its writer's; MiniStack leaves it at the first one, and refuses members with another.
        if member and member.get("IsWriter") and found:
            found["EngineVersion"] = cluster["EngineVersion"]
        for instance in rds._instances.values():
            if instance.get("DBClusterIdentifier") == cluster["DBClusterIdentifier"]:
                instance["EngineVersion"] = cluster["EngineVersion"]
    return answer


# --- A major upgrade resets every member to the family's default parameters (field guide 4.5). ---

@stands_for(rds, "_modify_global_cluster_impl")
def modify_global_cluster(original, params):
    found = rds._resolve_global_cluster(rds._p(params, "GlobalClusterIdentifier"))
    before = rds._aurora_major_series(found["Engine"], found["EngineVersion"]) if found else None
    answer = original(params)
    if answer[0] == 200 and found and rds._p(params, "EngineVersion"):
        after = rds._aurora_major_series(found["Engine"], found["EngineVersion"])
        for member in found.get("GlobalClusterMembers", []) if after != before else []:
            cluster = rds._resolve_cluster(member["DBClusterArn"])
            if cluster:
                cluster["DBClusterParameterGroup"] = f"default.{found['Engine']}{after}"
    return answer


# --- An instance stands in a zone of its cluster's subnet group, and shows that group; MiniStack has all in the first zone. ---

@stands_for(rds, "_instance_xml")
def instance_xml(original, instance):
    cluster = rds._resolve_cluster(instance["DBClusterIdentifier"]) if instance.get("DBClusterIdentifier") else None
    group = rds._subnet_groups.get(cluster["DBSubnetGroup"]) if cluster else None
    if not group or not group.get("Subnets"):
        return original(instance)
    zone = instance.setdefault("_zone", group["Subnets"][0]["SubnetAvailabilityZone"]["Name"])
    return original({**instance, "DBSubnetGroup": group, "AvailabilityZone": zone})


# --- A switch of the writer needs no replication here: nothing runs behind the clusters. ---

@stands_for(rds, "_switchover_global_cluster")
def switchover_global_cluster(original, params):
    result = rds._switch_global_cluster_writer(params)
    if isinstance(result, tuple):
        return result
    inner = f"<SwitchoverGlobalClusterResult><GlobalCluster>{rds._global_cluster_xml(result)}</GlobalCluster></SwitchoverGlobalClusterResult>"
    return rds._xml(200, "SwitchoverGlobalClusterResponse", inner)


# --- Final snapshots: MiniStack makes none. They carry no tags of the cluster unless it copies them. ---

@stands_for(rds, "_delete_db_cluster")
def delete_db_cluster(original, params):
    cluster = rds._resolve_cluster_in_request_region(rds._p(params, "DBClusterIdentifier"))
    skip, name = rds._p(params, "SkipFinalSnapshot") == "true", rds._p(params, "FinalDBSnapshotIdentifier")
    if cluster and skip == bool(name):
        return rds._error(
            "InvalidParameterCombination",
            "FinalDBSnapshotIdentifier cannot be specified when deleting a cluster with SkipFinalSnapshot" if skip
            else "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
            400,
        )
    if cluster and name in rds._db_cluster_snapshots:
        return rds._error("DBClusterSnapshotAlreadyExistsFault", f"Cannot create the cluster snapshot {name}: it exists already.", 400)
    answer = original(params)
    if answer[0] == 200 and cluster and name:
        snapshot = rds._create_cluster_snapshot_internal(name, cluster)
        if not cluster.get("CopyTagsToSnapshot"):
            snapshot["TagList"] = []
    return answer


@stands_for(rds, "_cluster_snapshot_xml")
def cluster_snapshot_xml(original, snapshot):
    """Tags that are set later are kept by ARN."""
    later = rds._tags.get(snapshot["DBClusterSnapshotArn"])
    return original({**snapshot, "TagList": later} if later else snapshot)


# --- Subnet groups and parameter groups: MiniStack makes a subnet group twice and removes what is in use. ---

@stands_for(rds, "_create_subnet_group")
def create_subnet_group(original, params):
    name = rds._p(params, "DBSubnetGroupName")
    if name in rds._subnet_groups:
        return rds._error("DBSubnetGroupAlreadyExists", f"The DB subnet group '{name}' already exists.", 400)
    return original(params)


def used_by(field, name):
    here = f":{rds.get_region()}:"
    things = itertools.chain(rds._clusters.values(), rds._instances.values())
    return next((one for one in things if one.get(field) == name and here in one.get("DBClusterArn", one.get("DBInstanceArn", ""))), None)


@stands_for(rds, "_delete_subnet_group")
def delete_subnet_group(original, params):
    name = rds._p(params, "DBSubnetGroupName")
    if used_by("DBSubnetGroup", name):
        message = f"Cannot delete the subnet group '{name}' because at least one database cluster is still using it."
        return rds._error("InvalidDBSubnetGroupStateFault", message, 400)
    return original(params)


@stands_for(rds, "_delete_db_cluster_param_group")
def delete_db_cluster_param_group(original, params):
    name = rds._p(params, "DBClusterParameterGroupName")
    if used_by("DBClusterParameterGroup", name):
        message = "One or more database clusters are still members of this parameter group, so the group cannot be deleted"
        return rds._error("InvalidDBParameterGroupState", message, 400)
    return original(params)
