//! Strangers at the running program: what they may send over a real socket, how little they get
//! for it, and that nothing of what they say is done.

use std::net::SocketAddr;

use tokio::net::UdpSocket;

use super::phones::telephones;
use super::rig::{PATIENCE, Server, Site};
use super::text::{Text, proof, sdp};

const LINE: &str = "+998712000001";
const ABROAD: &str = "+998901112233";
const DILNOZA: (&str, &str) = ("dilnoza", "correct horse");
const SARDOR: (&str, &str) = ("sardor", "battery staple");

/// Dilnoza may call outside, Sardor may not; one carrier is known by its address.
fn config(carrier: SocketAddr) -> String {
    format!(
        r#"
data_dir = "data"
[web]
listen = "127.0.0.1:0"
[sip]
listen = ["udp:127.0.0.1:0"]
domain = "navbat.local"
[[operator]]
name = "Dilnoza"
ready = "always"
sip = {{ user = "dilnoza", password = "correct horse" }}
dial = {{ prefixes = ["+998"], calls_max = 1, per_minute = 10, per_day = 200 }}
[[operator]]
name = "Sardor"
ready = "always"
sip = {{ user = "sardor", password = "battery staple" }}
[queue.sales]
strategy = "parallel"
wrap_up = "0s"
tiers = [{{ after = "0s", members = ["Dilnoza", "Sardor"] }}]
[[trunk]]
name = "uztelecom"
host = "{}"
port = {}
auth = "ip"
lines = ["{LINE}"]
queue = "sales"
"#,
        carrier.ip(),
        carrier.port()
    )
}

/// Anybody with a socket.
struct Somebody {
    socket: UdpSocket,
    server: SocketAddr,
    drawn: u32,
}

impl Somebody {
    async fn at(ip: [u8; 4], server: SocketAddr) -> Somebody {
        let socket = UdpSocket::bind(SocketAddr::from((ip, 0))).await.unwrap();
        Somebody { socket, server, drawn: 0 }
    }

    fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    /// A request outside any dialog.
    fn request(&mut self, method: &str, uri: &str, from: &str, to: &str) -> Text {
        self.drawn += 1;
        let (address, number) = (self.address(), self.drawn);
        Text::request(method, uri)
            .with("Via", format!("SIP/2.0/UDP {address};branch=z9hG4bKs{number:04};rport"))
            .with("Max-Forwards", "70")
            .with("From", format!("<sip:{from}@navbat.local>;tag=f{number:04}"))
            .with("To", format!("<sip:{to}@navbat.local>"))
            .with("Call-ID", format!("call{number:04}"))
            .with("CSeq", format!("1 {method}"))
            .with("Contact", format!("<sip:{from}@{address}>"))
    }

    fn invite(&mut self, uri: &str, from: &str, to: &str) -> Text {
        let ip = self.address().ip();
        self.request("INVITE", uri, from, to).sdp(&sdp(ip, 40_000))
    }

    async fn send(&self, bytes: &[u8]) {
        self.socket.send_to(bytes, self.server).await.unwrap();
    }

    /// The next message, as it came and as it reads. Questions whether it lives are answered.
    async fn hear(&self) -> (usize, Text) {
        let mut buffer = vec![0; 65_536];
        loop {
            let heard = self.socket.recv_from(&mut buffer);
            let (length, _) =
                tokio::time::timeout(PATIENCE, heard).await.expect("nothing comes").unwrap();
            let text = Text::read(&buffer[..length]).unwrap();
            if text.method() == Some("OPTIONS") {
                self.send(&text.reply(200, "alive").bytes()).await;
                continue;
            }
            return (length, text);
        }
    }

    /// The next request of a method; answers and other requests are let go of.
    async fn asked(&self, method: &str) -> Text {
        loop {
            let (_, text) = self.hear().await;
            if text.method() == Some(method) {
                return text;
            }
        }
    }

    /// Sends a request; its final answer.
    async fn told(&self, text: &Text) -> Text {
        self.send(&text.bytes()).await;
        self.answer_to(text).await
    }

    async fn answer_to(&self, text: &Text) -> Text {
        loop {
            let (_, answer) = self.hear().await;
            if answer.branch() == text.branch() && answer.code() >= Some(200) {
                return answer;
            }
        }
    }

    /// Sends a request with the proof of a password; its final answer.
    async fn proves(&mut self, text: Text, (user, password): (&str, &str)) -> Text {
        let challenged = self.told(&text).await;
        assert_eq!(challenged.code(), Some(401), "{challenged:?}");
        let md5 = challenged.all("WWW-Authenticate").find(|it| it.contains("MD5")).unwrap();
        let mut words = text.start.split(' ');
        let about = (words.next().unwrap(), words.next().unwrap());
        let proof = proof(md5, about, user, password);
        let again = self.again(&text).with("Authorization", proof);
        self.told(&again).await
    }

    /// The same request as a transaction of its own.
    fn again(&mut self, text: &Text) -> Text {
        self.drawn += 1;
        let (method, number) = (text.method().unwrap(), self.drawn);
        let via = format!("SIP/2.0/UDP {};branch=z9hG4bKs{number:04};rport", self.address());
        let cseq = format!("{number} {method}");
        let uri = text.start.split(' ').nth(1).unwrap();
        let mut again = Text::request(method, uri).with("Via", via).with("CSeq", cseq);
        for name in ["Max-Forwards", "From", "To", "Call-ID", "Contact", "Route", "Refer-To"] {
            for value in text.all(name) {
                again = again.with(name, value);
            }
        }
        if text.body.is_empty() { again } else { again.sdp(&text.body) }
    }

    async fn registers(&mut self, (user, password): (&str, &str)) -> Text {
        let ask = self.request("REGISTER", "sip:navbat.local", user, user);
        self.proves(ask.with("Expires", "600"), (user, password)).await
    }

    /// Nothing was sent here: the next datagram is the one that it sends itself.
    async fn heard_nothing(&self) {
        self.socket.send_to(b"end", self.address()).await.unwrap();
        let mut buffer = vec![0; 65_536];
        let (length, _) = self.socket.recv_from(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..length], b"end", "{}", String::from_utf8_lossy(&buffer[..length]));
    }
}

/// A running server with its carrier.
async fn site() -> (Site, Server, SocketAddr, Somebody) {
    let site = Site::new();
    let mut carrier = Somebody::at([127, 0, 0, 41], SocketAddr::from(([127, 0, 0, 1], 9))).await;
    site.write(&config(carrier.address()));
    let server = site.serve();
    let at = telephones(&server);
    carrier.server = at;
    (site, server, at, carrier)
}

/// An answer without what must differ: the user it is about, the nonce and the tag of ours.
fn plain(answer: &Text, user: &str) -> String {
    let text = String::from_utf8(answer.bytes()).unwrap().replace(user, "USER");
    let nonces = text.split("nonce=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let tag = answer.tag("To").unwrap();
    nonces.fold(text.replace(&tag, "TAG"), |text, nonce| text.replace(nonce, "NONCE"))
}

#[tokio::test]
async fn an_answer_to_a_stranger_is_small_and_the_same_for_every_user() {
    let (_site, _server, at, _carrier) = site().await;
    let methods = ["REGISTER", "INVITE", "OPTIONS", "MESSAGE", "SUBSCRIBE", "PUBLISH", "REFER"];
    for (number, method) in methods.into_iter().enumerate() {
        // A source of its own for each: too many wrong passwords silence one.
        let ip = [127, 0, 1, u8::try_from(number).unwrap()];
        let mut answers = Vec::new();
        for user in ["dilnoza", "nobody1"] {
            // Each begins anew, so that branches, tags and Call-IDs are the same.
            let mut stranger = Somebody::at(ip, at).await;
            let uri = format!("sip:{user}@navbat.local");
            let ask = stranger.request(method, &uri, user, user);
            let port = stranger.address().port().to_string();
            let bare = stranger.told(&ask).await;
            let md5 = bare.all("WWW-Authenticate").find(|it| it.contains("MD5")).unwrap();
            let guess = proof(md5, (method, &uri), user, "a guess");
            let guessed = stranger.again(&ask).with("Authorization", guess);
            let wrong = stranger.told(&guessed).await;
            assert_eq!((bare.code(), wrong.code()), (Some(401), Some(401)), "{method}");
            answers.push([bare, wrong].map(|it| plain(&it, user).replace(&port, "PORT")));
        }
        assert_eq!(answers[0], answers[1], "{method}");
    }
}

#[tokio::test]
async fn no_answer_is_larger_than_twice_what_a_stranger_sent() {
    let (_site, _server, at, _carrier) = site().await;
    let stranger = Somebody::at([127, 0, 0, 42], at).await;
    let port = stranger.address().port();
    let cases = [
        ("REGISTER", "sip:navbat.local", "t: <sip:a@b.c>", ""),
        ("INVITE", "sip:+998901112233@navbat.local", "t: <sip:a@b.c>", ""),
        ("OPTIONS", "sip:127.0.0.1", "t: <sip:a@b.c>", ""),
        ("OPTIONS", "sip:dilnoza@navbat.local", "t: <sip:a@b.c>", ""),
        ("MESSAGE", "sip:dilnoza@navbat.local", "t: <sip:a@b.c>", ""),
        ("BYE", "sip:x@navbat.local", "t: <sip:a@b.c>;tag=2", ""),
        ("CANCEL", "sip:x@navbat.local", "t: <sip:a@b.c>", ""),
        ("OPTIONS", "sip:127.0.0.1", "t: <sip:a@b.c>", "Max-Forwards: 0\r\n"),
        ("OPTIONS", "sip:127.0.0.1", "t: <sip:a@b.c>", "Expires: -\r\nMax-Forwards: x\r\n"),
        ("OPTIONS", "tel:x;;=", "t: <sip:a@b.c>", ""),
    ];
    for (number, (method, uri, to, more)) in cases.into_iter().enumerate() {
        let text = format!(
            "{method} {uri} SIP/2.0\r\nv: SIP/2.0/UDP 127.0.0.42:{port};branch=z9hG4bK{number}\r\n\
             f: <sip:a@b.c>;tag=1\r\n{to}\r\ni: x{number}\r\nCSeq: 1 {method}\r\n\
             m: <sip:a@b.c>\r\n{more}l: 0\r\n\r\n"
        );
        stranger.send(text.as_bytes()).await;
        let (length, answer) = stranger.hear().await;
        assert_eq!(answer.branch(), format!("z9hG4bK{number}"), "one answer each: {answer:?}");
        assert!(length <= 2 * text.len(), "{length} to {}: {answer:?}", text.len());
        assert!(answer.code() == Some(200) || answer.code() >= Some(400), "{answer:?}");
    }
}

#[tokio::test]
async fn ten_wrong_passwords_silence_a_source_and_nobody_else() {
    let (_site, _server, at, _carrier) = site().await;
    let mut guesser = Somebody::at([127, 0, 0, 43], at).await;
    for guess in 0..10 {
        let told = guesser.registers((DILNOZA.0, &format!("guess {guess}"))).await;
        assert_eq!(told.code(), Some(401), "guess {guess}");
    }
    // The right password is not heard any more, from no port of that address and for no user.
    // Answers come in order: the first one heard is to the question whether the server lives.
    let mut others = [guesser, Somebody::at([127, 0, 0, 43], at).await];
    for (one, user) in others.iter_mut().zip(["dilnoza", "sardor"]) {
        let ask = one.request("REGISTER", "sip:navbat.local", user, user).bytes();
        one.send(&ask).await;
        let alive = one.request("OPTIONS", "sip:127.0.0.1", "a", "b");
        one.send(&alive.bytes()).await;
        let (_, first) = one.hear().await;
        assert_eq!((first.branch(), first.code()), (alive.branch(), Some(200)));
    }
    let mut elsewhere = Somebody::at([127, 0, 0, 44], at).await;
    assert_eq!(elsewhere.registers(DILNOZA).await.code(), Some(200), "the account is not locked");
}

#[tokio::test]
async fn only_who_may_call_outside_does_and_nobody_is_called_by_their_own_route() {
    let (_site, server, at, carrier) = site().await;
    let victim = Somebody::at([127, 0, 0, 45], at).await;
    let mut stranger = Somebody::at([127, 0, 0, 42], at).await;
    let abroad = format!("sip:{ABROAD}@navbat.local");
    for from in ["dilnoza", ABROAD] {
        let ask = stranger.invite(&abroad, from, ABROAD);
        assert_eq!(stranger.told(&ask).await.code(), Some(401), "{from}");
    }
    let mut sardor = Somebody::at([127, 0, 0, 46], at).await;
    let outside = sardor.invite(&abroad, "sardor", ABROAD);
    assert_eq!(sardor.proves(outside, SARDOR).await.code(), Some(403), "default deny");
    let as_dilnoza = sardor.invite(&abroad, "dilnoza", ABROAD);
    assert_eq!(sardor.proves(as_dilnoza, SARDOR).await.code(), Some(403), "another's From");
    // Even who may call is no way to a place that they name themselves.
    let mut dilnoza = Somebody::at([127, 0, 0, 47], at).await;
    let away = victim.address();
    for (uri, route) in [
        (abroad.clone(), Some(format!("<sip:{away};lr>"))),
        (format!("sip:{ABROAD}@{away}"), None),
        (format!("{abroad};maddr={}", away.ip()), None),
    ] {
        let mut ask = dilnoza.invite(&uri, "dilnoza", ABROAD);
        if let Some(route) = route {
            ask = ask.with("Route", route);
        }
        let told = dilnoza.proves(ask, DILNOZA).await;
        assert_eq!(told.code(), Some(403), "{uri}: {told:?}");
    }
    // The first call that the carrier ever hears is the one that is allowed.
    let ask = dilnoza.invite(&abroad, "dilnoza", ABROAD);
    let challenged = dilnoza.told(&ask).await;
    let md5 = challenged.all("WWW-Authenticate").find(|it| it.contains("MD5")).unwrap();
    let proof = proof(md5, ("INVITE", &abroad), DILNOZA.0, DILNOZA.1);
    let allowed = dilnoza.again(&ask).with("Authorization", proof);
    dilnoza.send(&allowed.bytes()).await;
    let (_, invite) = carrier.hear().await;
    let asked = format!("INVITE sip:{}@", ABROAD.trim_start_matches('+'));
    assert!(invite.start.starts_with(&asked), "{invite:?}");
    carrier.send(&invite.reply(486, "busy").bytes()).await;
    assert_eq!(dilnoza.answer_to(&allowed).await.code(), Some(486));
    victim.heard_nothing().await;
    drop(server);
}

#[tokio::test]
async fn nobody_registers_for_another() {
    let (site, server, at, _carrier) = site().await;
    let token = site.printed(&["token", "create", "--role", "supervisor", "--name", "t"]);
    let mut sardor = Somebody::at([127, 0, 0, 46], at).await;
    for (from, to) in [("sardor", "dilnoza"), ("dilnoza", "sardor"), ("dilnoza", "dilnoza")] {
        let ask = sardor.request("REGISTER", "sip:navbat.local", from, to);
        let told = sardor.proves(ask.with("Expires", "600"), SARDOR).await;
        assert_eq!(told.code(), Some(403), "{from} for {to}");
    }
    assert_eq!(sardor.registers(SARDOR).await.code(), Some(200));
    let board = |board: &serde_json::Value| {
        let operators = board["operators"].as_array().unwrap().iter();
        let reach = |it: &serde_json::Value| (it["name"].clone(), it["reach"].clone());
        operators.map(reach).collect::<Vec<_>>()
    };
    let known = |it: &serde_json::Value| board(it).contains(&("Sardor".into(), "reachable".into()));
    let seen = server.until(&token, "/board", known).await;
    assert!(!board(&seen).contains(&("Dilnoza".into(), "reachable".into())), "{seen}");
}

/// A request inside a dialog, as somebody who has seen all of it would forge it.
fn forged(liar: &mut Somebody, method: &str, (from, to): (&str, &str), known: &Text) -> Text {
    liar.drawn += 1;
    let (address, number) = (liar.address(), liar.drawn + 90);
    let text = Text::request(method, "sip:navbat.local")
        .with("Via", format!("SIP/2.0/UDP {address};branch=z9hG4bKs{number};rport"))
        .with("Max-Forwards", "70")
        .with("From", from)
        .with("To", to)
        .with("Call-ID", known.value("Call-ID"))
        .with("CSeq", format!("{number} {method}"))
        .with("Contact", format!("<sip:liar@{address}>"));
    match method {
        "REFER" => text.with("Refer-To", format!("<sip:{ABROAD}@navbat.local>")),
        "INVITE" | "UPDATE" => text.sdp(&sdp(address.ip(), 40_002)),
        _ => text,
    }
}

#[tokio::test]
async fn what_is_forged_does_not_touch_a_call() {
    let (_site, _server, at, mut carrier) = site().await;
    let mut phone = Somebody::at([127, 0, 0, 47], at).await;
    assert_eq!(phone.registers(DILNOZA).await.code(), Some(200));
    // One liar in the city, and one beside each party: only the port tells them apart.
    let beside = [[127, 0, 0, 42], [127, 0, 0, 41], [127, 0, 0, 47]];
    let mut liars = Vec::new();
    for ip in beside {
        liars.push(Somebody::at(ip, at).await);
    }
    let invite = carrier.invite(&format!("sip:{LINE}@{at}"), "+998901234567", LINE);
    carrier.send(&invite.bytes()).await;
    let rung = phone.asked("INVITE").await;
    phone.send(&rung.reply(180, "phone").bytes()).await;
    for liar in &mut liars {
        let cancel = Text::request("CANCEL", invite.start.split(' ').nth(1).unwrap())
            .with("Via", invite.value("Via"))
            .with("Max-Forwards", "70")
            .with("From", invite.value("From"))
            .with("To", invite.value("To"))
            .with("Call-ID", invite.value("Call-ID"))
            .with("CSeq", "1 CANCEL");
        let told = liar.told(&cancel).await;
        assert_eq!(told.code(), Some(481), "{}", liar.address());
    }
    let contact = format!("<sip:dilnoza@{}>", phone.address());
    let lifted = rung.reply(200, "phone").with("Contact", contact);
    phone.send(&lifted.sdp(&sdp(phone.address().ip(), 40_004)).bytes()).await;
    // It was not cancelled: what comes next at the telephone is the acknowledgement.
    let (_, ack) = phone.hear().await;
    assert_eq!(ack.method(), Some("ACK"), "{ack:?}");
    let answered = carrier.answer_to(&invite).await;
    assert_eq!(answered.code(), Some(200), "{answered:?}");
    let ours = (invite.value("From"), answered.value("To"));
    let ack = forged(&mut carrier, "ACK", ours, &invite).with("X", "true").bytes();
    let ack = String::from_utf8(ack).unwrap();
    let number = ack.split("CSeq: ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    carrier.send(ack.replace(&format!("CSeq: {number} "), "CSeq: 1 ").as_bytes()).await;
    let to = format!("{};tag=phone", rung.value("To"));
    let theirs = (to.as_str(), rung.value("From"));
    for liar in &mut liars {
        for method in ["BYE", "INVITE", "UPDATE", "REFER", "INFO"] {
            // A trunk is known by its address, a telephone may prove who it is.
            let spoofed = forged(liar, method, ours, &invite);
            let told = liar.told(&spoofed).await;
            assert_eq!(told.code(), Some(403), "{method} {}", liar.address());
            let spoofed = forged(liar, method, theirs, &rung);
            let told = liar.told(&spoofed).await;
            assert_eq!(told.code(), Some(401), "{method} {}", liar.address());
        }
    }
    // Nobody heard of any of it: the first thing that each party hears is the other's own word.
    let alive = forged(&mut carrier, "OPTIONS", ours, &invite);
    assert_eq!(carrier.told(&alive).await.code(), Some(200), "the call is there");
    let bye = forged(&mut carrier, "BYE", ours, &invite);
    carrier.send(&bye.bytes()).await;
    let (_, first) = phone.hear().await;
    assert_eq!(first.method(), Some("BYE"), "{first:?}");
    phone.send(&first.reply(200, "phone").bytes()).await;
    let (_, first) = carrier.hear().await;
    assert_eq!((first.branch(), first.code()), (bye.branch(), Some(200)), "{first:?}");
}
