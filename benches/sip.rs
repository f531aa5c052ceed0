//! How long reading and writing SIP takes.
//!
//! `cargo bench --bench sip`. A forked call costs about thirty messages, each read and written
//! once: the first two figures decide the CPU of a call.

use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use navbat::model::{Name, Now, Period, Seed};
use navbat::sip::{
    Caller, Cause, Core, Event, Flow, Hop, Invite, Known, Message, Method, Packet, Request,
    Response, SessionId, SipOutput, Stack, StackSettings, Target, Transmit, Transport, TrunkAuth,
    TrunkLine, digest, frame, read, sdp,
};

const INVITE: &str = "INVITE sip:712000001@192.0.2.10:5060;transport=udp SIP/2.0\r\n\
    Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK-524287-1---3f2a6b1c9d8e7f60;rport\r\n\
    Max-Forwards: 70\r\n\
    Contact: <sip:998901234567@198.51.100.7:5060;transport=udp>\r\n\
    To: <sip:712000001@192.0.2.10>\r\n\
    From: \"Aziza\" <sip:998901234567@198.51.100.7>;tag=a73kszlfl\r\n\
    Call-ID: 843817637684230-998sdasdh09@198.51.100.7\r\n\
    CSeq: 1 INVITE\r\n\
    Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, UPDATE, INFO\r\n\
    Supported: replaces, timer, 100rel\r\n\
    Session-Expires: 1800\r\n\
    User-Agent: Softphone 1.0\r\n\
    Content-Type: application/sdp\r\n\
    Content-Length: LENGTH\r\n\r\n";

const OFFER: &str = "v=0\r\n\
    o=- 3883943 3883943 IN IP4 198.51.100.7\r\n\
    s=-\r\n\
    c=IN IP4 198.51.100.7\r\n\
    t=0 0\r\n\
    m=audio 16384 RTP/AVP 8 0 18 101\r\n\
    a=rtpmap:8 PCMA/8000\r\n\
    a=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:18 G729/8000\r\n\
    a=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-15\r\n\
    a=sendrecv\r\n";

fn invite() -> Vec<u8> {
    format!("{}{OFFER}", INVITE.replace("LENGTH", &OFFER.len().to_string())).into_bytes()
}

fn request() -> Request {
    match read(&invite()) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

fn messages(bench: &mut Criterion) {
    let bytes = invite();
    let request = request();
    let ringing = Response::reply_to(&request, 180).with_to_tag("b1");
    let answer = ringing.to_bytes();
    let mut group = bench.benchmark_group("sip");
    group.throughput(Throughput::Elements(1));
    group.bench_function("read INVITE", |bench| bench.iter(|| read(black_box(&bytes))));
    group.bench_function("read 180", |bench| bench.iter(|| read(black_box(&answer))));
    group.bench_function("frame INVITE", |bench| bench.iter(|| frame(black_box(&bytes))));
    let mut out = Vec::with_capacity(2048);
    group.bench_function("write INVITE", |bench| {
        bench.iter(|| {
            out.clear();
            black_box(&request).write(&mut out);
            out.len()
        });
    });
    group.bench_function("write 180 afresh", |bench| bench.iter(|| black_box(&ringing).to_bytes()));
    group.bench_function("make INVITE", |bench| {
        bench.iter(|| {
            let core = Core {
                via: request.via().clone(),
                from: request.from().clone(),
                to: request.to().clone(),
                call_id: request.call_id().to_owned(),
                cseq: 1,
            };
            Request::new(Method::Invite, request.uri().clone(), core)
                .with(Known::Contact, "<sip:192.0.2.10:5060>")
                .with_body(sdp::CONTENT_TYPE, OFFER)
        });
    });
    group.bench_function("make 180", |bench| {
        bench.iter(|| Response::reply_to(black_box(&request), 180).with_to_tag("b1"));
    });
    group.finish();
}

fn descriptions(bench: &mut Criterion) {
    let origin = sdp::Origin { id: 1, version: 2, address: [192, 0, 2, 10].into() };
    let mut group = bench.benchmark_group("sdp");
    group.bench_function("read", |bench| bench.iter(|| sdp::read(black_box(OFFER.as_bytes()))));
    group.bench_function("rewrite", |bench| {
        bench.iter(|| sdp::rewrite(black_box(OFFER.as_bytes()), &origin, None));
    });
    group.finish();
}

fn passwords(bench: &mut Criterion) {
    let ha1 = digest::Ha1::new("aziza", "pbx.uz", "secret");
    let mut group = bench.benchmark_group("digest");
    for algorithm in [digest::Algorithm::Md5, digest::Algorithm::Sha256] {
        let challenge = digest::Challenge {
            realm: String::from("pbx.uz"),
            nonce: String::from("dcd98b7102dd2f0e8b11d0f600bfb0c0"),
            opaque: None,
            algorithm,
            qop_auth: true,
            stale: false,
        };
        let signer = digest::Signer {
            user: "aziza",
            ha1: &ha1,
            method: Method::Register,
            uri: "sip:pbx.uz",
        };
        let header = digest::Credentials::answer(&challenge, &signer, "c1", 1).to_text();
        group.bench_function(format!("read and verify {}", algorithm.as_str()), |bench| {
            bench.iter(|| {
                let read = digest::Credentials::read(black_box(&header));
                read.is_ok_and(|read| read.verify(&ha1, Method::Register))
            });
        });
    }
    group.finish();
}

/// Two stacks that are each other's carrier, and the moment both live in.
struct Pair {
    ends: [Stack; 2],
    now: Now,
}

const ENDS: [&str; 2] = ["192.0.2.1:5060", "192.0.2.2:5060"];

fn end(own: usize) -> Stack {
    let [local, peer]: [SocketAddr; 2] =
        [own, 1 - own].map(|at| ENDS[at].parse().expect("a literal address"));
    let mut settings = StackSettings::new("pbx.uz", [1; 32]);
    let written = (local.ip().to_string(), local.port());
    settings.advertise.insert((Transport::Udp, local), written);
    settings.trunks.push(TrunkLine {
        name: Name::from("other"),
        hops: vec![Hop { transport: Transport::Udp, peer, local: Some(local), connection: None }],
        sources: Vec::new(),
        host: peer.ip().to_string(),
        port: None,
        transport: Transport::Udp,
        auth: TrunkAuth::Ip { probe: Period::days(3650) },
        channels_max: 1000,
    });
    Stack::new(Arc::new(settings), Seed::new(7))
}

impl Pair {
    fn new() -> Pair {
        Pair { ends: [end(0), end(1)], now: Now::default() }
    }

    /// Carries messages both ways until there are none; gives how many, and the last session
    /// that came in at the second end.
    fn settle(&mut self) -> (u64, Option<SessionId>) {
        let (mut carried, mut invited) = (0, None);
        loop {
            let before = carried;
            for at in 0..2 {
                while let Some(output) = self.ends[at].poll_output() {
                    match output {
                        SipOutput::Transmit(out) | SipOutput::Promise(out) => {
                            carried += 1;
                            self.carry(at, &out);
                        }
                        SipOutput::Event(Event::Invited(event)) => invited = Some(event.session),
                        SipOutput::Event(_) | SipOutput::Kept(_) => {}
                    }
                }
            }
            if carried == before {
                return (carried, invited);
            }
        }
    }

    fn carry(&mut self, from: usize, out: &Transmit) {
        let flow = Flow {
            transport: Transport::Udp,
            local: out.hop.peer,
            peer: ENDS[from].parse().expect("a literal address"),
            connection: 0,
        };
        let message = read(&out.bytes).expect("what we write can be read");
        let packet = Packet { flow, message, size: out.bytes.len() };
        self.ends[1 - from].receive(packet, self.now);
    }

    fn pass(&mut self, millis: u64) {
        self.now.mono = self.now.mono + Period::millis(millis);
        for end in &mut self.ends {
            end.handle_timeout(self.now);
        }
        self.settle();
    }

    /// Calls, rings, answers; gives both sessions.
    fn call(&mut self) -> (SessionId, SessionId) {
        let invite = Invite {
            target: Target::Trunk { name: Name::from("other"), user: String::from("712000001") },
            caller: Caller { user: String::from("712000002"), ..Caller::default() },
            sdp: Some(Bytes::from_static(OFFER.as_bytes())),
            replaces: None,
            referred_by: None,
            alert: None,
            hops: 70,
            extra: Vec::new(),
        };
        let ours = self.ends[0].invite(invite, self.now);
        let theirs = self.settle().1.expect("the call arrives");
        self.ends[1].ring(theirs, 180, None, self.now);
        self.settle();
        let answer = Bytes::from_static(OFFER.as_bytes());
        self.ends[1].accept(theirs, Some(answer), self.now);
        self.settle();
        (ours, theirs)
    }
}

/// A call of two ends in one process: INVITE, 100, 180, 200, ACK, BYE, 200, each written by one
/// stack and read by the other, with all transactions and their timers until nothing is left.
fn calls(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("stack");
    group.throughput(Throughput::Elements(1));
    let mut pair = Pair::new();
    pair.pass(1);
    group.bench_function("whole call, both ends", |bench| {
        bench.iter(|| {
            let (ours, _) = pair.call();
            pair.ends[0].bye(ours, &Cause::normal(), pair.now);
            pair.settle();
            pair.pass(40_000);
        });
    });
    for established in [1000, 10_000] {
        let mut pair = Pair::new();
        pair.pass(1);
        for _ in 0..established {
            pair.call();
            pair.now.mono = pair.now.mono + Period::millis(1);
        }
        group.bench_function(format!("whole call beside {established} others"), |bench| {
            bench.iter(|| {
                let (ours, _) = pair.call();
                pair.ends[0].bye(ours, &Cause::normal(), pair.now);
                pair.pass(5); // or what was just answered would pile up
            });
        });
    }
    let mut pair = Pair::new();
    pair.pass(1);
    group.bench_function("cancelled call, both ends", |bench| {
        bench.iter(|| {
            let invite = Invite {
                target: Target::Trunk { name: Name::from("other"), user: String::from("7120") },
                caller: Caller::default(),
                sdp: Some(Bytes::from_static(OFFER.as_bytes())),
                replaces: None,
                referred_by: None,
                alert: None,
                hops: 70,
                extra: Vec::new(),
            };
            let ours = pair.ends[0].invite(invite, pair.now);
            pair.settle();
            pair.ends[0].cancel(ours, &Cause::answered_elsewhere(), pair.now);
            pair.settle();
            pair.pass(40_000);
        });
    });
    group.finish();
}

criterion_group!(benches, messages, descriptions, passwords, calls);
criterion_main!(benches);
