"""What moto lacks and mrctl needs, so that mrctl itself has no code for emulators. Runs before moto serves.

Every patch looks for what it stands for: when an update has renamed or dropped it, the emulator does not start.
"""
import copy
import json
import logging
import os
import re
import uuid

from moto.applicationautoscaling.exceptions import AWSValidationException
from moto.applicationautoscaling.models import ApplicationAutoscalingBackend
from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult, BaseResponse
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.route53.exceptions import DnsNameInvalidForZone, Route53ClientError
from moto.route53.models import HealthCheck, RecordSet, Route53Backend
from moto.route53.responses import Route53 as Route53Responses
from moto.secretsmanager.exceptions import InvalidRequestException
from moto.secretsmanager.models import ReplicaSecret, SecretsManagerBackend
from moto.secretsmanager.responses import SecretsManagerResponse
from moto.servicequotas.models import ServiceQuotasBackend
from moto.servicequotas.responses import ServiceQuotasResponse


def instead_of(owner, name):
    """Puts the decorated function in the place of `owner.name`; it is given what was there first."""
    original = getattr(owner, name, None)
    if original is None:
        raise SystemExit(f"a patch does not fit this moto: {owner.__name__}.{name} is gone")

    def put(patch):
        setattr(owner, name, lambda *arguments, **named: patch(original, *arguments, **named))
        return patch

    return put


# One line a request is no news.
logging.getLogger("werkzeug").setLevel(logging.WARNING)


# --- Health: moto has no way to be told who started it, and to tell it back. ---

@instead_of(DomainDispatcherApplication, "__call__")
def call(original, self, environ, start_response):
    if environ.get("PATH_INFO") != "/_mrctl/health":
        return original(self, environ, start_response)
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"token": os.environ["MRCTL_SANDBOX_TOKEN"]}).encode()]


# --- Accounts: moto has one account when MOTO_ACCOUNT_ID is set. MiniStack takes an access key of twelve digits for an account;
# so does this, or the two would keep tests apart in different ways. ---

@instead_of(BaseResponse, "get_current_account")
def get_current_account(original, self):
    key = re.search(r"Credential=(\d{12})/", self.headers.get("Authorization", ""))
    return key[1] if key else original(self)


# --- Application Auto Scaling: moto looks for ECS services in itself, and they are in the other emulator. ---

@instead_of(ApplicationAutoscalingBackend, "_ecs_service_exists_for_target")
def ecs_service_exists_for_target(_original, _self, _resource):
    return True


# --- Application Auto Scaling: what is not there has a code of its own in AWS (API reference, "DeregisterScalableTarget",
# "DeleteScalingPolicy"), and is any invalid request in moto. ---

def not_found_by_its_name(original, self, *arguments, **named):
    try:
        return original(self, *arguments, **named)
    except AWSValidationException as refusal:
        if "found for service namespace" in refusal.message:
            raise JsonRESTError("ObjectNotFoundException", refusal.message) from None
        raise


instead_of(ApplicationAutoscalingBackend, "deregister_scalable_target")(not_found_by_its_name)
instead_of(ApplicationAutoscalingBackend, "delete_scaling_policy")(not_found_by_its_name)


# --- Health checks that follow an alarm: moto forgets which, and gives them a port and an interval. ---

ALARM_FIELDS = ("AlarmIdentifier", "InsufficientDataHealthStatus")


def with_alarm(check, asked):
    for field in ALARM_FIELDS:
        if asked(field):
            check.alarm = {**getattr(check, "alarm", {}), field: asked(field)}


@instead_of(Route53Responses, "create_health_check")
def create_health_check(original, self):
    answer = original(self)
    with_alarm(answer.result["HealthCheck"], self._get_param("HealthCheckConfig").get)
    return answer


@instead_of(Route53Responses, "update_health_check")
def update_health_check(original, self):
    answer = original(self)
    with_alarm(answer.result["HealthCheck"], self._get_param)
    return answer


asked_config = HealthCheck.health_check_config


def health_check_config(self):
    config = asked_config.fget(self)
    if self.type_ == "CLOUDWATCH_METRIC":
        kept = {field: config[field] for field in ("Type", "Inverted", "Disabled")}
        return {**kept, **getattr(self, "alarm", {})}
    return config


HealthCheck.health_check_config = property(health_check_config)


# --- Service Quotas: moto knows those of Amazon VPC alone, and has no call to ask for more. Here more is granted at once. ---

# Elastic IPs are a quota of Amazon EC2 (AWS General Reference, "Amazon EC2 endpoints and quotas").
ADDRESSES = {
    "Adjustable": True,
    "GlobalQuota": False,
    "QuotaCode": "L-0263D0A3",
    "QuotaName": "EC2-VPC Elastic IPs",
    "ServiceCode": "ec2",
    "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)",
    "Unit": "None",
    "Value": 5.0,
}


@instead_of(ServiceQuotasBackend, "get_service_quota")
def get_service_quota(original, self, service_code, quota_code):
    is_addresses = (service_code, quota_code) == (ADDRESSES["ServiceCode"], ADDRESSES["QuotaCode"])
    quota = dict(ADDRESSES if is_addresses else original(self, service_code, quota_code))
    quota["QuotaArn"] = f"arn:aws:servicequotas:{self.region_name}:{self.account_id}:{service_code}/{quota_code}"
    quota["Value"] = getattr(self, "granted", {}).get(quota_code, quota["Value"])
    return quota


def request_service_quota_increase(self):
    asked = json.loads(self.body)
    quota = self.backend.get_service_quota(asked["ServiceCode"], asked["QuotaCode"])
    self.backend.granted = {**getattr(self.backend, "granted", {}), asked["QuotaCode"]: float(asked["DesiredValue"])}
    named = {name: quota[name] for name in ("ServiceCode", "QuotaCode", "QuotaName", "QuotaArn")}
    return json.dumps({"RequestedQuota": {**named, "Id": "granted", "Status": "APPROVED", "DesiredValue": asked["DesiredValue"]}})


if hasattr(ServiceQuotasResponse, "request_service_quota_increase"):
    raise SystemExit("this moto knows RequestServiceQuotaIncrease; its patch is to be removed")
ServiceQuotasResponse.request_service_quota_increase = request_service_quota_increase


# --- Secrets Manager: a replica that failed stays in moto's list when it is asked for again, and a replica cannot become a secret of
# its own (API reference, "StopReplicationToReplica"). ---

@instead_of(SecretsManagerBackend, "replicate_secret_to_regions")
def replicate_secret_to_regions(original, self, secret_id, replica_regions, force_overwrite):
    secret = self.describe_secret(secret_id)
    if not isinstance(secret, ReplicaSecret):
        again = {replica["Region"] for replica in replica_regions}
        secret.replicas = [replica for replica in secret.replicas if replica.has_replica or replica.region not in again]
    return original(self, secret_id, replica_regions, force_overwrite=force_overwrite)


def stop_replication_to_replica(self):
    replica = self.backend.describe_secret(self._get_param("SecretId"))
    if not isinstance(replica, ReplicaSecret):
        raise InvalidRequestException("You can't stop replication to a secret that isn't a replica.")
    alone = copy.copy(replica.source)
    alone.arn, alone.region, alone.replicas = replica.arn, replica.region, []
    alone.versions, alone.tags = copy.deepcopy(alone.versions), copy.deepcopy(alone.tags)
    replica.source.replicas.remove(replica)
    dict.pop(self.backend.secrets, replica.arn)
    self.backend.secrets[alone.name] = alone
    return json.dumps({"ARN": alone.arn})


if hasattr(SecretsManagerResponse, "stop_replication_to_replica"):
    raise SystemExit("this moto knows StopReplicationToReplica; its patch is to be removed")
SecretsManagerResponse.stop_replication_to_replica = stop_replication_to_replica


# --- Route 53: moto applies a change batch piece by piece, deletes by set identifier whatever the name, refuses what was deleted
# before, and gives every change the same id. AWS applies all or nothing, and knows a record set by name, type and set identifier
# (Route 53 API reference, "ChangeResourceRecordSets"). ---

def plain(name):
    return name.replace("\\052", "*").rstrip(".").lower()


def identity(record_set):
    return (plain(record_set.name), record_set.type, record_set.set_identifier)


@instead_of(Route53Backend, "change_resource_record_sets")
def change_resource_record_sets(_original, self, zone_id, changes):
    zone = self.get_hosted_zone(zone_id)
    after = {identity(record_set): record_set for record_set in zone.rrsets}
    for change in changes:
        asked = dict(change["ResourceRecordSet"], Name=plain(change["ResourceRecordSet"]["Name"]) + ".")
        within = asked["Name"] == zone.name or asked["Name"].endswith("." + zone.name)
        if not within:
            raise DnsNameInvalidForZone(name=asked["Name"], zone_name=zone.name)
        asked["ResourceRecords"] = [record["Value"] for record in asked.get("ResourceRecords", [])]
        record_set = RecordSet(asked)
        key, action = identity(record_set), change["Action"]
        shown = f"[name='{asked['Name']}', type='{record_set.type}'"
        shown += f", set-identifier='{record_set.set_identifier}']" if record_set.set_identifier else "]"
        if action == "CREATE" and key in after:
            text = f"Tried to create resource record set {shown} but it already exists"
            raise Route53ClientError("InvalidChangeBatch", f"[{text}]")
        if action == "DELETE" and key not in after:
            text = f"Tried to delete resource record set {shown} but it was not found"
            raise Route53ClientError("InvalidChangeBatch", f"[{text}]")
        if action == "DELETE":
            del after[key]
        else:
            after[key] = record_set
    zone.rrsets = list(after.values())


@instead_of(Route53Responses, "change_resource_record_sets")
def numbered(original, self):
    answer = original(self)
    answer.result["ChangeInfo"]["Id"] = f"/change/C{uuid.uuid4().hex[:20].upper()}"
    return answer


# A page can end between the members of one name, and AWS writes `*` as it does in zone files.
@instead_of(Route53Responses, "list_resource_record_sets")
def list_resource_record_sets(_original, self):
    zone = self.backend.get_hosted_zone(self._get_param("HostedZoneId"))

    def order(name, kind, identifier):
        return (".".join(reversed(plain(name).split("."))), kind or "", identifier or "")

    start = order(*(self._get_param(f"StartRecord{part}") or "" for part in ("Name", "Type", "Identifier")))
    all_sets = sorted(zone.rrsets, key=lambda one: order(one.name, one.type, one.set_identifier))
    rest = [one for one in all_sets if order(one.name, one.type, one.set_identifier) >= start]
    most = self._get_int_param("MaxItems", 300)
    shown = []
    for one in rest[:most]:
        one = copy.copy(one)
        one.name = one.name.replace("*", "\\052")
        shown.append(one)
    result = {"ResourceRecordSets": shown, "IsTruncated": len(rest) > most, "MaxItems": most}
    if len(rest) > most:
        following = rest[most]
        result["NextRecordName"] = following.name.replace("*", "\\052")
        result["NextRecordType"] = following.type
        result["NextRecordIdentifier"] = following.set_identifier
    return ActionResult(result)
