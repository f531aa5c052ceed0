//! A name server of the test: answers from a table, over UDP, and can be made silent.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, NAPTR, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use hickory_resolver::proto::serialize::binary::{BinDecodable, BinEncodable};
use tokio::net::UdpSocket;

/// What the table holds: by name (in lower case, with its last dot) and kind.
type Table = BTreeMap<(String, RecordType), Vec<(u32, RData)>>;

/// A name server. It ends with the runtime of its test.
#[derive(Clone)]
pub struct Zone {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    table: Table,
    silent: bool,
    asked: Vec<(String, RecordType)>,
}

impl Zone {
    pub async fn open() -> Zone {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let zone = Zone { address, state: Arc::default() };
        tokio::spawn(answer(socket, zone.state.clone()));
        zone
    }

    fn put(&self, name: &str, ttl: u32, rdata: RData) {
        let key = (name.to_ascii_lowercase(), rdata.record_type());
        self.state.lock().unwrap().table.entry(key).or_default().push((ttl, rdata));
    }

    /// An address.
    pub fn a(&self, name: &str, ttl: u32, address: [u8; 4]) {
        self.put(name, ttl, RData::A(A(address.into())));
    }

    /// A service: priority, weight, port, host.
    pub fn srv(&self, name: &str, ttl: u32, service: (u16, u16, u16, &str)) {
        let (priority, weight, port, host) = service;
        let host = Name::from_ascii(host).unwrap();
        self.put(name, ttl, RData::SRV(SRV::new(priority, weight, port, host)));
    }

    /// An offer of a service: order, preference, service, where its SRV records are.
    pub fn naptr(&self, name: &str, ttl: u32, offer: (u16, u16, &str, &str)) {
        let (order, preference, service, replacement) = offer;
        let naptr = NAPTR::new(
            order,
            preference,
            b"s".to_vec().into_boxed_slice(),
            service.as_bytes().to_vec().into_boxed_slice(),
            Vec::new().into_boxed_slice(),
            Name::from_ascii(replacement).unwrap(),
        );
        self.put(name, ttl, RData::NAPTR(naptr));
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.state.lock().unwrap().table.clear();
    }

    /// Takes questions and answers none.
    pub fn silence(&self, silent: bool) {
        self.state.lock().unwrap().silent = silent;
    }

    /// What was asked for.
    pub fn asked(&self) -> Vec<(String, RecordType)> {
        self.state.lock().unwrap().asked.clone()
    }
}

async fn answer(socket: UdpSocket, state: Arc<Mutex<State>>) {
    let mut buffer = [0_u8; 4096];
    loop {
        let (len, peer) = socket.recv_from(&mut buffer).await.unwrap();
        let question = Message::from_bytes(&buffer[..len]).unwrap();
        let Some(reply) = reply(&question, &state) else { continue };
        socket.send_to(&reply.to_bytes().unwrap(), peer).await.unwrap();
    }
}

fn reply(question: &Message, state: &Mutex<State>) -> Option<Message> {
    let query: &Query = question.queries.first()?;
    let name = query.name().to_ascii().to_ascii_lowercase();
    let mut state = state.lock().unwrap();
    state.asked.push((name.clone(), query.query_type()));
    if state.silent {
        return None;
    }
    let mut reply = Message::response(question.metadata.id, OpCode::Query);
    assert_eq!(reply.metadata.message_type, MessageType::Response);
    reply.metadata.authoritative = true;
    reply.add_query(query.clone());
    let known = state.table.keys().any(|(own, _)| *own == name);
    for (ttl, rdata) in state.table.get(&(name, query.query_type())).into_iter().flatten() {
        reply.add_answer(Record::from_rdata(query.name().clone(), *ttl, rdata.clone()));
    }
    if !known {
        reply.metadata.response_code = ResponseCode::NXDomain;
    }
    Some(reply)
}
