//! More than the exchange can do: new calls are refused at once, running ones are not touched.

use std::net::SocketAddr;

use navbat::net::{Arrived, NetLimits};
use navbat::sip::Transport;
use tokio::net::UdpSocket;

use super::rig::{PATIENCE, Rig, call_id, request, until};

const ABOVE: usize = 8;
const BELOW: usize = 4;

fn limits() -> NetLimits {
    NetLimits { shed_above: ABOVE, shed_below: BELOW, retry_after: 7, ..NetLimits::default() }
}

struct Phone(UdpSocket, SocketAddr);

impl Phone {
    async fn of(rig: &Rig) -> Phone {
        Phone(UdpSocket::bind("127.0.0.1:0").await.unwrap(), rig.address())
    }

    async fn send(&self, text: &str) {
        self.0.send_to(text.as_bytes(), self.1).await.unwrap();
    }

    async fn heard(&self) -> String {
        let mut buffer = [0; 4096];
        let read = tokio::time::timeout(PATIENCE, self.0.recv(&mut buffer)).await;
        String::from_utf8(buffer[..read.expect("no answer").unwrap()].to_vec()).unwrap()
    }
}

/// Fills the inbox up to the upper mark.
async fn fill(rig: &Rig, phone: &Phone) {
    for at in 0..ABOVE {
        phone.send(&request("INVITE", &format!("in-{at}"))).await;
    }
    until(|| rig.inbox.len() == ABOVE).await;
}

#[tokio::test]
async fn past_the_mark_new_calls_get_503_and_come_again_later() {
    let mut rig = Rig::open(&[Transport::Udp], limits());
    let phone = Phone::of(&rig).await;
    fill(&rig, &phone).await;
    let call = request("INVITE", "late");
    phone.send(&call).await;
    let refused = phone.heard().await;
    assert!(refused.starts_with("SIP/2.0 503 "), "{refused}");
    assert!(
        refused.contains("Retry-After: 7\r\n") && refused.contains("Call-ID: late"),
        "{refused}"
    );
    assert!(refused.len() <= 2 * call.len(), "{} for {}", refused.len(), call.len());
    for method in ["REGISTER", "OPTIONS", "SUBSCRIBE"] {
        phone.send(&request(method, "late")).await;
        assert!(phone.heard().await.starts_with("SIP/2.0 503 "), "{method}");
    }
    // The ACK of that answer is nobody's business but ours.
    let to = refused.lines().find(|line| line.starts_with("To:")).unwrap();
    let ack = request("ACK", "late").replace("To: <sip:queue@navbat.local>", to);
    phone.send(&ack).await;
    // What belongs to calls that run comes in: requests, responses, and a repeated INVITE.
    let in_dialog = "To: <sip:queue@navbat.local>;tag=ours";
    phone.send(&request("BYE", "run").replace("To: <sip:queue@navbat.local>", in_dialog)).await;
    phone.send(&request("INVITE", "re").replace("To: <sip:queue@navbat.local>", in_dialog)).await;
    phone.send(&request("CANCEL", "in-1")).await;
    phone.send(&request("INVITE", "in-2")).await;
    let response = request("OPTIONS", "resp")
        .replace("OPTIONS sip:queue@navbat.local SIP/2.0", "SIP/2.0 200 OK");
    phone.send(&response).await;
    let mut heard = Vec::new();
    for _ in 0..ABOVE + 5 {
        heard.push(call_id(&rig.packet().await));
    }
    assert_eq!(heard[ABOVE..], ["run", "re", "in-1", "in-2", "resp"]);
    rig.nothing();
}

#[tokio::test]
async fn between_the_marks_it_stays_as_it_was() {
    let mut rig = Rig::open(&[Transport::Udp], limits());
    let phone = Phone::of(&rig).await;
    fill(&rig, &phone).await;
    phone.send(&request("INVITE", "first")).await;
    assert!(phone.heard().await.starts_with("SIP/2.0 503 "));
    // A little room is not enough: else it would change with every message.
    for _ in 0..ABOVE - BELOW - 1 {
        rig.packet().await;
    }
    phone.send(&request("INVITE", "second")).await;
    assert!(phone.heard().await.starts_with("SIP/2.0 503 "));
    rig.packet().await;
    phone.send(&request("INVITE", "third")).await;
    until(|| rig.inbox.len() == BELOW + 1).await;
    let mut last = String::new();
    for _ in 0..=BELOW {
        last = call_id(&rig.packet().await);
    }
    assert_eq!(last, "third");
}

#[tokio::test]
async fn a_full_inbox_loses_nothing_that_belongs_to_a_call() {
    let mut rig = Rig::open(&[Transport::Udp], limits());
    let phone = Phone::of(&rig).await;
    let count = super::rig::INBOX + 20;
    for at in 0..count {
        let to = "To: <sip:queue@navbat.local>;tag=ours";
        let bye = request("BYE", &format!("{at}"));
        phone.send(&bye.replace("To: <sip:queue@navbat.local>", to)).await;
    }
    for at in 0..count {
        assert_eq!(call_id(&rig.packet().await), at.to_string());
    }
}

#[tokio::test]
async fn a_node_that_stops_refuses_new_calls_and_keeps_registrations() {
    let mut rig = Rig::open(&[Transport::Udp], NetLimits::default());
    let phone = Phone::of(&rig).await;
    phone.send(&request("INVITE", "before")).await;
    assert_eq!(call_id(&rig.packet().await), "before");
    rig.wires.refuse_new();
    phone.send(&request("INVITE", "after")).await;
    assert!(phone.heard().await.starts_with("SIP/2.0 503 "));
    phone.send(&request("REGISTER", "phone")).await;
    phone.send(&request("INVITE", "before")).await;
    let next = [call_id(&rig.packet().await), call_id(&rig.packet().await)];
    assert_eq!(next, ["phone", "before"]);
    assert!(!matches!(rig.inbox.try_recv(), Ok(Arrived::Packet(_))));
}
