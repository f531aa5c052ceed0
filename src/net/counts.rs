//! Figures of the sockets. Labels are closed sets of words, so that no peer can make more.

use metrics::{Counter, Gauge, counter, gauge};

use crate::sip::Transport;

/// The figures of one process; made once, because finding a counter by name costs more than
/// counting.
pub(super) struct Counts {
    received: [Counter; 5],
    sent: [Counter; 5],
    connections: [Gauge; 5],
    /// Neither a message nor a keep-alive: STUN, RTP, noise.
    pub not_sip: Counter,
    /// Nearly a message, and nobody to answer.
    pub broken: Counter,
    /// Connections refused because an address, or all together, have too many.
    pub crowded: Counter,
    /// Connections closed because their peer was too slow, or said nothing.
    pub slow: Counter,
    /// Messages of ours that found no room: the peer does not read, or the link is full.
    pub unread: Counter,
    /// Messages of ours whose peer could not be reached.
    pub unreachable: Counter,
    /// WebSockets of pages that are not ours.
    pub foreign_pages: Counter,
    /// Questions to name servers that failed.
    pub names_failed: Counter,
    answered: [(u16, Counter); 7],
    answered_other: Counter,
}

/// The codes that are answered here, without the exchange.
const CODES: [u16; 7] = [400, 405, 413, 416, 501, 505, 503];

impl Counts {
    pub(super) fn new() -> Counts {
        let dropped = |why: &'static str| counter!("navbat_sip_dropped_total", "why" => why);
        let way = |name: &'static str| {
            ALL.map(|transport| counter!(name, "transport" => word(transport)))
        };
        let refused =
            |code: String| counter!("navbat_sip_answered_stateless_total", "code" => code);
        Counts {
            received: way("navbat_sip_received_total"),
            sent: way("navbat_sip_sent_total"),
            connections: ALL
                .map(|transport| gauge!("navbat_sip_connections", "transport" => word(transport))),
            not_sip: dropped("not_sip"),
            broken: dropped("broken"),
            crowded: dropped("crowded"),
            slow: dropped("slow"),
            unread: dropped("unread"),
            unreachable: dropped("unreachable"),
            foreign_pages: dropped("foreign_page"),
            names_failed: counter!("navbat_dns_failed_total"),
            answered: CODES.map(|code| (code, refused(code.to_string()))),
            answered_other: refused("other".to_owned()),
        }
    }

    pub(super) fn received(&self, on: Transport) {
        self.received.get(place(on)).into_iter().for_each(|counter| counter.increment(1));
    }

    pub(super) fn sent(&self, on: Transport) {
        self.sent.get(place(on)).into_iter().for_each(|counter| counter.increment(1));
    }

    pub(super) fn answered(&self, code: u16) {
        let own = self.answered.iter().find(|(own, _)| *own == code);
        own.map_or(&self.answered_other, |(_, counter)| counter).increment(1);
    }

    pub(super) fn opened(&self, on: Transport) {
        self.connections.get(place(on)).into_iter().for_each(|gauge| gauge.increment(1.0));
    }

    pub(super) fn closed(&self, on: Transport) {
        self.connections.get(place(on)).into_iter().for_each(|gauge| gauge.decrement(1.0));
    }
}

const ALL: [Transport; 5] =
    [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss];

/// A transport's place in a table.
pub(super) const fn place(transport: Transport) -> usize {
    match transport {
        Transport::Udp => 0,
        Transport::Tcp => 1,
        Transport::Tls => 2,
        Transport::Ws => 3,
        Transport::Wss => 4,
    }
}

/// A transport's word in the configuration and in figures.
pub const fn word(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
        Transport::Tls => "tls",
        Transport::Ws => "ws",
        Transport::Wss => "wss",
    }
}
