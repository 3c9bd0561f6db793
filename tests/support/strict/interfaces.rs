//! Interfaces that a service made in somebody's subnet, and that outlive it by minutes (2.2.6).
use super::{
    World,
    call::{Call, Refusal},
    refuse, xml,
};

/// Who asks for the interfaces of load balancers.
const REQUESTER: &str = "amazon-elb";
/// The load balancers face the internet.
const ADDRESS: &str = "203.0.113.7";

/// The word for those of a load balancer that is gone.
pub const LINGERING: &str = "lingering";

/// Whether it has a public address.
pub fn is_public(world: &World, call: &Call, interface: &xml::Item) -> bool {
    let lingers = world.memory().lingering.contains_key(&call.who(interface.one("networkInterfaceId")));
    lingers || !interface.one("association/publicIp").is_empty()
}

/// Shows whose they are. Each look at one counts; after the last it is gone.
pub fn shown(world: &World, call: &Call, text: &str) -> String {
    let ids: Vec<String> = xml::items(text, "networkInterfaceSet").iter().map(|one| one.one("networkInterfaceId").to_owned()).collect();
    let mut gone = Vec::new();
    let mut text = text.to_owned();
    for id in ids {
        let who = call.who(&id);
        let mut memory = world.memory();
        let element = format!("<networkInterfaceId>{id}</networkInterfaceId>");
        let requester = format!("<requesterId>{REQUESTER}</requesterId><requesterManaged>true</requesterManaged>");
        if memory.slow.peek(&who) == Some(LINGERING) {
            text = text.replace(&element, &format!("{element}{requester}"));
        }
        let Some(looks) = memory.lingering.get_mut(&who) else { continue };
        let address = format!("<association><publicIp>{ADDRESS}</publicIp></association>");
        text = text.replace(&element, &format!("{element}{requester}{address}"));
        if let Some(left) = looks {
            *left = left.saturating_sub(1);
            if *left == 0 {
                memory.lingering.remove(&who);
                gone.push(id);
            }
        }
    }
    for id in gone {
        world.forward(&call.ask_ec2_with("DeleteNetworkInterface", &[("NetworkInterfaceId", &id)]));
    }
    text
}

/// 2.2.6: those of a service are not ours to delete.
pub fn delete(world: &World, call: &Call) -> Result<(), Refusal> {
    if world.memory().lingering.contains_key(&call.who(call.field("NetworkInterfaceId"))) {
        return refuse("AuthFailure", "You do not have permission to access the specified resource.");
    }
    Ok(())
}
