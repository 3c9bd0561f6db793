"""The same for load balancers and certificates. Runs after `ministack.py`, in one program with it."""
import json
import random

from ministack.services import acm, alb, tagging


# --- Load balancers: MiniStack shows them in another VPC and one zone, makes no interfaces, takes two listeners on one port, keeps
# the listeners of one that is deleted, and does not follow which target group is used. ---

@stands_for(alb, "_lb_xml")
def lb_xml(original, lb):
    text = original(lb)
    for id_ in lb.get("Subnets", []):
        subnet = ec2._subnets.get(id_)
        if subnet:
            shown = rf"<ZoneName>[^<]*</ZoneName><SubnetId>{re.escape(id_)}</SubnetId>"
            text = re.sub(shown, f"<ZoneName>{subnet['AvailabilityZone']}</ZoneName><SubnetId>{id_}</SubnetId>", text)
    return text


def owner_of(lb):
    """How the interfaces of a load balancer name it (Elastic Load Balancing user guide, "Application Load Balancers")."""
    return "ELB " + lb["LoadBalancerArn"].split(":loadbalancer/")[1]


def place(lb):
    """One interface in each subnet, with the groups of the load balancer; public addresses when it faces the internet."""
    leave(lb)
    for id_ in lb["Subnets"]:
        number = "eni-" + "".join(random.choices("0123456789abcdef", k=17))
        subnet = ec2._subnets.get(id_, {})
        lb["VpcId"] = subnet.get("VpcId", lb["VpcId"])
        ec2._network_interfaces[number] = {
            "NetworkInterfaceId": number,
            "SubnetId": id_,
            "VpcId": lb["VpcId"],
            "Description": owner_of(lb),
            "OwnerId": ec2.get_account_id(),
            "Status": "in-use",
            "PrivateIpAddress": ec2._random_ip("10.0"),
            "InterfaceType": "interface",
            "MacAddress": "02:00:00:00:00:02",
            "Groups": [{"GroupId": group, "GroupName": group} for group in lb["SecurityGroups"]],
            "Attachment": None,
            "PublicIp": ec2._random_ip("52.0") if lb["Scheme"] == "internet-facing" else "",
        }


def leave(lb):
    for id_, interface in list(ec2._network_interfaces.items()):
        if interface["Description"] == owner_of(lb):
            del ec2._network_interfaces[id_]


def follow():
    """Which load balancers send requests to which target group, by the listeners and rules that are there."""
    used = {}
    for rule in alb._rules.values():
        listener = alb._listeners.get(rule["ListenerArn"])
        for action in rule["Actions"] if listener else []:
            used.setdefault(action.get("TargetGroupArn"), set()).add(listener["LoadBalancerArn"])
    for arn, group in alb._tgs.items():
        group["LoadBalancerArns"] = sorted(used.get(arn, ()))


@stands_for(alb, "_create_lb")
def create_lb(original, params):
    status, head, body = original(params)
    made = re.search(r"<LoadBalancerArn>([^<]+)", body.decode())
    if status != 200 or not made:
        return status, head, body
    lb = alb._lbs[made[1]]
    place(lb)
    return alb._xml(200, "CreateLoadBalancer", f"<LoadBalancers>{alb._lb_xml(lb)}</LoadBalancers>")


def placed(original, params):
    answer = original(params)
    lb = alb._lbs.get(alb._p(params, "LoadBalancerArn"))
    if lb:
        place(lb)
    return answer


stands_for(alb, "_set_subnets")(placed)
stands_for(alb, "_set_security_groups")(placed)


@stands_for(alb, "_delete_lb")
def delete_lb(original, params):
    arn = alb._p(params, "LoadBalancerArn")
    for listener in [one for one in alb._listeners.values() if one["LoadBalancerArn"] == arn]:
        alb._delete_listener({"ListenerArn": [listener["ListenerArn"]]})
    if arn in alb._lbs:
        leave(alb._lbs[arn])
    return original(params)


@stands_for(alb, "_create_listener")
def create_listener(original, params):
    """A listener that is there already is given back when everything is equal (API reference, "CreateListener")."""
    on, port = alb._p(params, "LoadBalancerArn"), alb._p(params, "Port")
    for there in alb._listeners.values():
        if (there["LoadBalancerArn"], str(there["Port"])) != (on, port):
            continue
        same = (there["Protocol"], there["DefaultActions"], there.get("Certificates", []))
        asked = (alb._p(params, "Protocol"), alb._parse_actions(params), alb._parse_certificate_arns(params))
        if same != asked:
            return alb._error("DuplicateListener", "A listener already exists on this port for this load balancer")
        return alb._xml(200, "CreateListener", f"<Listeners>{alb._listener_xml(there)}</Listeners>")
    answer = original(params)
    follow()
    return answer


def followed(original, params):
    answer = original(params)
    follow()
    return answer


for name in ("_modify_listener", "_delete_listener", "_create_rule", "_modify_rule", "_delete_rule"):
    stands_for(alb, name)(followed)


# --- Certificates: MiniStack lists neither their further names nor their age, and the tagging index does not know them. ---

original_list = acm._list_certificates


def list_certificates(data):
    status, head, body = original_list(data)
    answer = json.loads(body)
    for line in answer["CertificateSummaryList"]:
        found = acm._certificates[line["CertificateArn"]]
        line["SubjectAlternativeNameSummaries"] = found.get("SubjectAlternativeNames", [])
        line["CreatedAt"] = acm._epoch(found["CreatedAt"])
    return acm.json_response(answer)


acm._list_certificates = list_certificates
if "acm" in tagging._COLLECTORS:
    raise SystemExit("this MiniStack finds certificates by tag; its patch is to be removed")
tagging._COLLECTORS["acm"] = lambda: ((arn, found.get("Tags", [])) for arn, found in acm._certificates.items())
