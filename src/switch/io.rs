//! What goes into the switch and what comes out: the engine's words, and beside them the wires'.

use std::sync::Arc;

use super::wiring::Wiring;
use crate::acd::Settings;
use crate::acd::io::Input as Told;
use crate::acd::io::{
    Arrival, Command, Effect, Heard, LegEvent, Placement, RouteAsk, Ticket, Transfer,
};
use crate::model::{CallId, LegId, Name, Now, Reach, Record};
use crate::sip::{Hop, Packet, Transmit};

/// Everything that can happen to the switch, but for the passing of time.
#[derive(Debug, Clone)]
pub enum Input {
    /// A provider told us something.
    Heard(Heard),
    /// A provider asks whom to ring.
    RouteAsked(RouteAsk),
    /// A call reached us that we own. Comes from outside only where no lines are attached.
    Arrived(Arrival),
    /// An operator dialled something. Comes from outside only where no lines are attached.
    Placed(Placement),
    /// A party asks to be passed on. Comes from outside only where no lines are attached.
    Transfer(Transfer),
    /// Something happened to a leg. Comes from outside only where no lines are attached.
    Leg {
        /// Which leg.
        leg: LegId,
        /// What happened.
        event: LegEvent,
    },
    /// A registrar or a probe learned about an operator's device.
    Reach {
        /// Whose.
        operator: Name,
        /// What.
        reach: Reach,
    },
    /// A person, a supervisor or a program wants something; answered by [`Effect::Reply`].
    Command {
        /// For the reply.
        ticket: Ticket,
        /// The login of who asks, for the audit.
        by: Name,
        /// Whether that is somebody else than the operator concerned.
        supervisor: bool,
        /// What is wanted.
        command: Command,
    },
    /// An outside service answers [`Effect::AskOwner`].
    OwnerKnown {
        /// The call of the question.
        call: CallId,
        /// Who is responsible for the client; `None`: nobody.
        operator: Option<Name>,
    },
    /// A new configuration. Entries that live keep theirs.
    Reload(Arc<Settings>),
    /// The process started again; the first input after the journal was read.
    Restarted {
        /// Legs that live on. With lines attached the switch works them out itself.
        kept: Vec<LegId>,
    },
    /// A SIP message came in.
    Sip(Packet),
    /// A message could not be brought to this hop.
    Undelivered(Hop),
    /// Where a trunk is, as the names of its host resolve now.
    TrunkHops {
        /// Which trunk.
        trunk: Name,
        /// Best first.
        hops: Vec<Hop>,
    },
    /// New telephones, trunks and rights. Conversations go on.
    Rewire(Arc<Wiring>),
}

/// What comes out: what happened first, then what to do.
#[expect(
    clippy::large_enum_variant,
    reason = "outputs are polled one at a time and moved once, so a box would only add a visit to the heap"
)]
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// What happened; goes to the journal.
    Record(Now, Record),
    /// Bytes for the wire.
    Send {
        /// Where and what.
        transmit: Transmit,
        /// Whether it waits for the commit of the records before it, at most 50 ms.
        promise: bool,
    },
    /// What to do otherwise.
    Effect(Effect),
}

/// An input for the engine, or one for the wires.
pub enum Split {
    /// For the engine.
    Engine(Told),
    /// For the wires.
    Wire(Wire),
}

/// What happens on wires.
#[expect(
    clippy::large_enum_variant,
    reason = "made and taken apart within one call, so a box would only add a visit to the heap"
)]
pub enum Wire {
    /// A message came in.
    Sip(Packet),
    /// A message could not be brought.
    Undelivered(Hop),
    /// Where a trunk is.
    TrunkHops(Name, Vec<Hop>),
    /// New telephones, trunks and rights.
    Rewire(Arc<Wiring>),
}

impl Input {
    /// Tells the engine's inputs from those of the wires.
    pub fn split(self) -> Split {
        Split::Engine(match self {
            Input::Heard(heard) => Told::Heard(heard),
            Input::RouteAsked(ask) => Told::RouteAsked(ask),
            Input::Arrived(arrival) => Told::Arrived(arrival),
            Input::Placed(placement) => Told::Placed(placement),
            Input::Transfer(transfer) => Told::Transfer(transfer),
            Input::Leg { leg, event } => Told::Leg { leg, event },
            Input::Reach { operator, reach } => Told::Reach { operator, reach },
            Input::Command { ticket, by, supervisor, command } => {
                Told::Command { ticket, by, supervisor, command }
            }
            Input::OwnerKnown { call, operator } => Told::OwnerKnown { call, operator },
            Input::Reload(settings) => Told::Reload(settings),
            Input::Restarted { kept } => Told::Restarted { kept },
            Input::Sip(packet) => return Split::Wire(Wire::Sip(packet)),
            Input::Undelivered(hop) => return Split::Wire(Wire::Undelivered(hop)),
            Input::TrunkHops { trunk, hops } => {
                return Split::Wire(Wire::TrunkHops(trunk, hops));
            }
            Input::Rewire(wiring) => return Split::Wire(Wire::Rewire(wiring)),
        })
    }
}
