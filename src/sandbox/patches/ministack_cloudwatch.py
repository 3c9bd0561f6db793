"""The same for CloudWatch: what alarms and dashboards need and MiniStack lacks. Runs after `ministack.py`, in one program with it."""
from ministack.core.responses import AccountScopedDict
from ministack.services import cloudwatch, tagging

NEEDED = """_alarms _composite_alarms _dashboards _resource_tags _put_metric_alarm _put_composite_alarm _put_dashboard _delete_dashboards _list_dashboards
    _validate_alarm_tag_arn _error get_account_id get_region"""
for needed in NEEDED.split():
    if not hasattr(cloudwatch, needed):
        raise SystemExit(f"the patches do not fit this MiniStack: cloudwatch.{needed} is gone")
if "dynamodb" not in getattr(tagging, "_COLLECTORS", {}):
    raise SystemExit("the patches do not fit this MiniStack: tagging._COLLECTORS is gone")


def fields(params, cbor_data, is_cbor, is_json):
    """The members of a request of the protocols that carry them as they are."""
    return cbor_data if is_cbor or is_json else {}


# --- Alarms: MiniStack forgets some of what PutMetricAlarm says, and shows a statistic beside a percentile. ---

@stands_for(cloudwatch, "_put_metric_alarm")
def put_metric_alarm(original, params, cbor_data, is_cbor, is_json=False):
    answer = original(params, cbor_data, is_cbor, is_json)
    asked = fields(params, cbor_data, is_cbor, is_json)
    alarm = cloudwatch._alarms.get(asked.get("AlarmName"))
    if answer[0] == 200 and alarm:
        for kept in ("EvaluateLowSampleCountPercentile", "Metrics"):
            if asked.get(kept):
                alarm[kept] = asked[kept]
        if asked.get("ExtendedStatistic") or asked.get("Metrics"):
            alarm["Statistic"] = None
    return answer


@stands_for(cloudwatch, "_put_composite_alarm")
def put_composite_alarm(original, params, cbor_data, is_cbor, is_json=False):
    answer = original(params, cbor_data, is_cbor, is_json)
    asked = fields(params, cbor_data, is_cbor, is_json)
    alarm = cloudwatch._composite_alarms.get(asked.get("AlarmName"))
    if answer[0] == 200 and alarm:
        alarm["ActionsSuppressor"] = asked.get("ActionsSuppressor")
    return answer


# --- Dashboards: of the account, not of a region, and with tags, which count when one is made (CloudWatch API reference,
# "PutDashboard"). ---

cloudwatch._dashboards = AccountScopedDict()


def dashboard_arn(name):
    return f"arn:aws:cloudwatch::{cloudwatch.get_account_id()}:dashboard/{name}"


@stands_for(cloudwatch, "_put_dashboard")
def put_dashboard(original, params, cbor_data, is_cbor, is_json=False):
    asked = fields(params, cbor_data, is_cbor, is_json)
    name = asked.get("DashboardName")
    is_new = name not in cloudwatch._dashboards
    answer = original(params, cbor_data, is_cbor, is_json)
    if answer[0] == 200 and is_new and asked.get("Tags"):
        cloudwatch._resource_tags[dashboard_arn(name)] = {tag["Key"]: tag["Value"] for tag in asked["Tags"]}
    return answer


@stands_for(cloudwatch, "_delete_dashboards")
def delete_dashboards(original, params, cbor_data, is_cbor, is_json=False):
    names = fields(params, cbor_data, is_cbor, is_json).get("DashboardNames", [])
    missing = [name for name in names if name not in cloudwatch._dashboards]
    if missing:
        # The code on the wire differs from the name of the shape.
        text = f"Dashboard {', '.join(missing)} does not exist"
        return cloudwatch._error("ResourceNotFound", text, 404, use_json=is_json, use_cbor=is_cbor)
    return original(params, cbor_data, is_cbor, is_json)


@stands_for(cloudwatch, "_list_dashboards")
def list_dashboards(original, params, cbor_data, is_cbor, is_json=False):
    status, headers, body = original(params, cbor_data, is_cbor, is_json)
    if is_cbor and status == 200:
        # Timestamps have a tag of their own here; MiniStack writes them as text.
        answer = loads(body)
        for entry in answer["DashboardEntries"]:
            entry["LastModified"] = CBORTag(1, float(cloudwatch._dashboards[entry["DashboardName"]]["LastModified"]))
        body = dumps(answer)
    return status, headers, body


@stands_for(cloudwatch, "_validate_alarm_tag_arn")
def validate_tag_arn(original, arn, is_json=False, is_cbor=False):
    name = arn.rpartition("/")[2]
    if arn == dashboard_arn(name) and name in cloudwatch._dashboards:
        return None
    return original(arn, is_json=is_json, is_cbor=is_cbor)


# --- The tagging index knows alarms, those of its region (Resource Groups Tagging API reference, "Supported services"). ---

def collect_alarms():
    for arn, tags in cloudwatch._resource_tags.items():
        if arn.startswith(f"arn:aws:cloudwatch:{cloudwatch.get_region()}:"):
            yield arn, [{"Key": key, "Value": value} for key, value in tags.items()]


tagging._COLLECTORS["cloudwatch"] = collect_alarms
