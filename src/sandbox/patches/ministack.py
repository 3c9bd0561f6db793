"""What MiniStack lacks and mrctl needs, so that mrctl itself has no code for emulators. Runs before MiniStack serves.

Every patch names the function it stands for: when an update has renamed or dropped it, the emulator does not start.
"""
import re

from ministack.services import ec2, ecs


def instead_of(action, name):
    """Makes the decorated function answer `action`; it is given what answered before, the module's function `name`, first."""
    original = getattr(ec2, name, None)
    if original is None or ec2._ACTION_MAP.get(action) is not original:
        raise SystemExit(f"the patch for {action} does not fit this MiniStack: {name} does not answer it")

    def put(patch):
        ec2._ACTION_MAP[action] = lambda params: patch(original, params)
        return patch

    return put


NEEDED = """_p _xml _error _parse_filters _parse_member_list _resource_matches_tag_filters _eni_fields_xml _vpce_fields_xml _random_ip
    _vpcs _subnets _addresses _network_interfaces _nat_gateways _vpc_endpoints _vpc_peering"""
for needed in NEEDED.split():
    if not hasattr(ec2, needed):
        raise SystemExit(f"the patches do not fit this MiniStack: {needed} is gone")


# --- NAT gateways: MiniStack shows them without addresses, leaves the address unassociated and makes no interface. ---

def interface_of(nat):
    return nat["NatGatewayId"].replace("nat-", "eni-")


@instead_of("CreateNatGateway", "_create_nat_gateway")
def create_nat_gateway(original, params):
    status, head, body = original(params)
    made = re.search(rb"nat-\w+", body)
    if status != 200 or not made:
        return status, head, body
    nat = ec2._nat_gateways[made.group().decode()]
    address = ec2._addresses.get(nat["AllocationId"])
    nat["PublicIp"] = address["PublicIp"] if address else ""
    if address:
        address["AssociationId"] = nat["NatGatewayId"].replace("nat-", "eipassoc-")
        address["NetworkInterfaceId"] = interface_of(nat)
    ec2._network_interfaces[interface_of(nat)] = {
        "NetworkInterfaceId": interface_of(nat),
        "SubnetId": nat["SubnetId"],
        "VpcId": nat["VpcId"],
        "Description": f"Interface for NAT Gateway {nat['NatGatewayId']}",
        "OwnerId": ec2.get_account_id(),
        "Status": "in-use",
        "PrivateIpAddress": ec2._random_ip("10.0"),
        "InterfaceType": "nat_gateway",
        "MacAddress": "02:00:00:00:00:01",
        "Groups": [],
        "Attachment": None,
        "PublicIp": nat["PublicIp"],
    }
    return status, head, with_addresses(body)


@instead_of("DescribeNatGateways", "_describe_nat_gateways")
def describe_nat_gateways(original, params):
    status, head, body = original(params)
    return status, head, with_addresses(body)


@instead_of("DeleteNatGateway", "_delete_nat_gateway")
def delete_nat_gateway(original, params):
    answer = original(params)
    nat = ec2._nat_gateways.get(ec2._p(params, "NatGatewayId"))
    if nat:
        ec2._network_interfaces.pop(interface_of(nat), None)
        address = ec2._addresses.get(nat["AllocationId"])
        if address and address["NetworkInterfaceId"] == interface_of(nat):
            address["AssociationId"] = address["NetworkInterfaceId"] = None
    return answer


def with_addresses(body):
    def one(found):
        nat = ec2._nat_gateways.get(found["id"])
        if not nat or not nat["AllocationId"]:
            return found[0]
        return f"""{found["before"]}<natGatewayAddressSet><item>
            <allocationId>{nat["AllocationId"]}</allocationId>
            <networkInterfaceId>{interface_of(nat)}</networkInterfaceId>
            <publicIp>{nat.get("PublicIp", "")}</publicIp>
            <isPrimary>true</isPrimary>
        </item></natGatewayAddressSet>"""

    shown = r"(?P<before><natGatewayId>(?P<id>nat-\w+)</natGatewayId>(?:(?!<natGatewayId>).)*?)<natGatewayAddressSet/>"
    return re.sub(shown, one, body.decode(), flags=re.S).encode()


# --- Network interfaces: MiniStack ignores every filter. ---

@instead_of("DescribeNetworkInterfaces", "_describe_network_interfaces")
def describe_network_interfaces(_original, params):
    ids, filters = ec2._parse_member_list(params, "NetworkInterfaceId"), ec2._parse_filters(params)

    def matches(interface):
        fields = {
            "network-interface-id": [interface["NetworkInterfaceId"]],
            "subnet-id": [interface["SubnetId"]],
            "vpc-id": [interface["VpcId"]],
            "group-id": [group["GroupId"] for group in interface["Groups"]],
            "status": [interface["Status"]],
            "interface-type": [interface.get("InterfaceType", "interface")],
            "description": [interface["Description"]],
        }
        fits = all(set(fields[name]) & set(wanted) for name, wanted in filters.items() if name in fields)
        return fits and ec2._resource_matches_tag_filters(interface["NetworkInterfaceId"], filters)

    def shown(interface):
        text = ec2._eni_fields_xml(interface)
        if interface.get("PublicIp"):
            public = f"<association><publicIp>{interface['PublicIp']}</publicIp></association>"
            text = text.replace("<groupSet>", public + "<groupSet>", 1)
        if interface["Description"].startswith("ELB "):
            by_service = "<requesterId>amazon-elb</requesterId><requesterManaged>true</requesterManaged>"
            text = text.replace("<groupSet>", by_service + "<groupSet>", 1)
        return text

    interfaces = ec2._network_interfaces.values()
    chosen = [one for one in interfaces if (not ids or one["NetworkInterfaceId"] in ids) and matches(one)]
    items = "".join(map(shown, chosen))
    return ec2._xml(200, "DescribeNetworkInterfacesResponse", f"<networkInterfaceSet>{items}</networkInterfaceSet>")


# --- Endpoints: MiniStack forgets the groups and private DNS of interface endpoints, and ignores every filter. ---

@instead_of("CreateVpcEndpoint", "_create_vpc_endpoint")
def create_vpc_endpoint(original, params):
    status, head, body = original(params)
    made = re.search(rb"vpce-\w+", body)
    if status != 200 or not made:
        return status, head, body
    endpoint = ec2._vpc_endpoints[made.group().decode()]
    endpoint["Groups"] = ec2._parse_member_list(params, "SecurityGroupId")
    # Interface endpoints have it unless told otherwise (EC2 API reference, "CreateVpcEndpoint").
    by_default = str(endpoint["VpcEndpointType"] == "Interface")
    endpoint["PrivateDns"] = ec2._p(params, "PrivateDnsEnabled", by_default).lower()
    return ec2._xml(200, "CreateVpcEndpointResponse", endpoint_fields(endpoint, "vpcEndpoint"))


@instead_of("ModifyVpcEndpoint", "_modify_vpc_endpoint")
def modify_vpc_endpoint(original, params):
    answer = original(params)
    endpoint = ec2._vpc_endpoints.get(ec2._p(params, "VpcEndpointId"))
    if endpoint:
        added, removed = (ec2._parse_member_list(params, f"{word}SecurityGroupId") for word in ("Add", "Remove"))
        kept = [group for group in endpoint["Groups"] if group not in removed]
        endpoint["Groups"] = kept + [group for group in added if group not in kept]
        endpoint["PrivateDns"] = ec2._p(params, "PrivateDnsEnabled", endpoint["PrivateDns"]).lower()
    return answer


@instead_of("DescribeVpcEndpoints", "_describe_vpc_endpoints")
def describe_vpc_endpoints(_original, params):
    ids, filters = ec2._parse_member_list(params, "VpcEndpointId"), ec2._parse_filters(params)
    for id_ in ids:
        if id_ not in ec2._vpc_endpoints:
            return ec2._error("InvalidVpcEndpointId.NotFound", f"The Vpc Endpoint Id '{id_}' does not exist", 400)

    def matches(endpoint):
        fields = {
            "vpc-endpoint-id": endpoint["VpcEndpointId"],
            "vpc-id": endpoint["VpcId"],
            "service-name": endpoint["ServiceName"],
            "vpc-endpoint-state": endpoint["State"],
            "vpc-endpoint-type": endpoint["VpcEndpointType"],
        }
        fits = all(fields[name] in wanted for name, wanted in filters.items() if name in fields)
        return fits and ec2._resource_matches_tag_filters(endpoint["VpcEndpointId"], filters)

    endpoints = ec2._vpc_endpoints.values()
    items = "".join(endpoint_fields(one, "item") for one in endpoints if (not ids or one["VpcEndpointId"] in ids) and matches(one))
    return ec2._xml(200, "DescribeVpcEndpointsResponse", f"<vpcEndpointSet>{items}</vpcEndpointSet>")


def endpoint_fields(endpoint, tag):
    groups = "".join(f"<item><groupId>{group}</groupId></item>" for group in endpoint["Groups"])
    more = f"<groupSet>{groups}</groupSet><privateDnsEnabled>{endpoint['PrivateDns']}</privateDnsEnabled>"
    return ec2._vpce_fields_xml(endpoint, tag).replace("<subnetIdSet>", more + "<subnetIdSet>", 1)


# --- Peering: MiniStack shows neither ranges nor options, and has no call to set options. ---

# (peering, side) -> whether names are resolved. Both sides read the same store; ids are never used twice.
resolves = {}


def own_side(peering, side):
    """Each side of a peering between regions is set and read in its own region (VPC peering guide, "DNS resolution")."""
    info = peering[f"{side}VpcInfo"]
    return (info["OwnerId"], info["Region"]) == (ec2.get_account_id(), ec2.get_region())


def with_details(body):
    def one(found):
        peering, side = ec2._vpc_peering.get(found["id"]), found["side"].capitalize()
        if not peering:
            return found[0]
        info, more = peering[f"{side}VpcInfo"], ""
        vpc = ec2._vpcs.get_scoped(info["OwnerId"], info["Region"], info["VpcId"])
        if vpc and (own_side(peering, side) or peering["Status"]["Code"] == "active"):
            range_ = vpc["CidrBlock"]
            more += f"<cidrBlock>{range_}</cidrBlock><cidrBlockSet><item><cidrBlock>{range_}</cidrBlock></item></cidrBlockSet>"
        if peering["Status"]["Code"] == "active" and own_side(peering, side):
            word = str(resolves.get((found["id"], side), False)).lower()
            more += f"<peeringOptions><allowDnsResolutionFromRemoteVpc>{word}</allowDnsResolutionFromRemoteVpc></peeringOptions>"
        return f"{found['before']}{more}{found['end']}"

    text = body.decode()
    for side in ("requester", "accepter"):
        shown = (
            r"(?P<before><vpcPeeringConnectionId>(?P<id>pcx-\w+)</vpcPeeringConnectionId>(?:(?!<vpcPeeringConnectionId>).)*?)"
            rf"(?P<end></(?P<side>{side})VpcInfo>)"
        )
        text = re.sub(shown, one, text, flags=re.S)
    return text.encode()


def detailed(original, params):
    status, head, body = original(params)
    return status, head, with_details(body)


instead_of("CreateVpcPeeringConnection", "_create_vpc_peering_connection")(detailed)
instead_of("AcceptVpcPeeringConnection", "_accept_vpc_peering_connection")(detailed)
instead_of("DescribeVpcPeeringConnections", "_describe_vpc_peering_connections")(detailed)


def modify_vpc_peering_connection_options(params):
    id_ = ec2._p(params, "VpcPeeringConnectionId")
    peering = ec2._vpc_peering.get(id_)
    if not peering:
        return ec2._error("InvalidVpcPeeringConnectionID.NotFound", f"The vpcPeeringConnection ID '{id_}' does not exist", 400)
    if peering["Status"]["Code"] != "active":
        message = f"Peering {id_} is not active. Peering options can be added only to active peerings."
        return ec2._error("OperationNotPermitted", message, 400)
    answer = ""
    for side in ("Requester", "Accepter"):
        wanted = ec2._p(params, f"{side}PeeringConnectionOptions.AllowDnsResolutionFromRemoteVpc")
        if not wanted:
            continue
        if not own_side(peering, side):
            message = f"The {side.lower()}'s options of {id_} are set in its own account and region."
            return ec2._error("OperationNotPermitted", message, 400)
        resolves[id_, side] = wanted.lower() == "true"
        word = str(resolves[id_, side]).lower()
        option = f"<allowDnsResolutionFromRemoteVpc>{word}</allowDnsResolutionFromRemoteVpc>"
        answer += f"<{side.lower()}PeeringConnectionOptions>{option}</{side.lower()}PeeringConnectionOptions>"
    return ec2._xml(200, "ModifyVpcPeeringConnectionOptionsResponse", answer)


if "ModifyVpcPeeringConnectionOptions" in ec2._ACTION_MAP:
    raise SystemExit("this MiniStack knows ModifyVpcPeeringConnectionOptions; its patch is to be removed")
ec2._ACTION_MAP["ModifyVpcPeeringConnectionOptions"] = modify_vpc_peering_connection_options


# --- ECS: tasks run without containers here and then have no address, so that no target group gets them; two settings of an update
# are forgotten; a task definition that is deleted can be deregistered again. ---

def stands_for(module, name):
    """Replaces the module's function `name`, by name and in its table of actions; the patch is given the original first."""
    original = getattr(module, name, None)
    if original is None:
        raise SystemExit(f"the patches do not fit this MiniStack: {module.__name__}.{name} is gone")

    def put(patch):
        def replaced(*arguments, **named):
            return patch(original, *arguments, **named)

        setattr(module, name, replaced)
        for action, known in list(getattr(module, "_ACTION_MAP", {}).items()):
            if known is original:
                module._ACTION_MAP[action] = replaced
        return patch

    return put


@stands_for(ecs, "_task_ip")
def task_ip(original, task):
    """Every task of the network mode awsvpc has an interface with an address of its own (ECS developer guide, "Task networking")."""
    address = original(task)
    if not address and task.get("_network_mode") == "awsvpc":
        address = task["_container_ip"] = ec2._random_ip("10.0")
    return address


@stands_for(ecs, "_update_service")
def update_service(original, data):
    answer = original(data)
    cluster, named = ecs._resolve_cluster_name(data.get("cluster", "default")), ecs._resolve_service_ref(data.get("service", ""))
    service = ecs._services.get(f"{cluster}/{named[0]}") if named else None
    if service:
        service.update({key: data[key] for key in ("propagateTags", "enableECSManagedTags") if key in data})
    return answer


@stands_for(ecs, "_describe_services")
def describe_services(original, data):
    """The scheduler goes on until the wanted number of tasks runs (ECS developer guide, "Rolling update"). MiniStack takes one
    step, which is not enough where `maximumPercent` leaves little room."""
    cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
    for named in map(ecs._resolve_service_ref, data.get("services", [])):
        key = f"{cluster}/{named[0]}" if named else ""
        service = ecs._services.get(key)
        primary = ecs._primary_deployment(service) if service else None
        if primary and primary.get("rolloutState") == "IN_PROGRESS" and primary.get("runningCount", 0) < service["desiredCount"]:
            ecs._reconcile_service_tasks(cluster, key)
    return original(data)


@stands_for(ecs, "_deregister_task_definition")
def deregister_task_definition(original, data):
    known = ecs._task_defs.get(ecs._resolve_td_key(data.get("taskDefinition", "")))
    if known and known["status"] != "ACTIVE":
        return ecs.error_response_json("ClientException", "The specified task definition is inactive.", 400)
    return original(data)


# --- Security groups: a rule that names a group of the own account is shown with that account, and then not found by it. ---

@stands_for(ec2, "_strip_descriptions")
def strip_descriptions(original, rule):
    plain = original(rule)
    owned = [{"UserId": ec2.get_account_id(), **pair} for pair in plain.get("UserIdGroupPairs", [])]
    return {**plain, "UserIdGroupPairs": owned}


@stands_for(ec2, "_parse_ip_permissions")
def parse_ip_permissions(original, params, prefix):
    """MiniStack shows the prefix lists of a rule and does not read them."""
    rules = original(params, prefix)
    for number, rule in enumerate(rules, 1):
        ids = (ec2._p(params, f"{prefix}.{number}.PrefixListIds.{index}.PrefixListId") for index in range(1, 100))
        rule["PrefixListIds"] = [{"PrefixListId": id_} for id_ in ids if id_]
    return rules
