//! Kamailio as a carrier that asks for a digest: its customers register, its numbers ring the
//! registered contact, calls to the city are challenged.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::sipp::free_port;

/// A running carrier.
pub struct Carrier {
    child: Child,
    /// Where customers register and send their calls.
    pub address: SocketAddr,
    /// Where calls to the city end: a sipp that answers waits there. Calls from there are calls
    /// from the city.
    pub city: SocketAddr,
}

/// The customer's login.
pub const LOGIN: &str = "998712000001";
/// The customer's password.
pub const PASSWORD: &str = "of-the-line";

impl Carrier {
    /// Starts a carrier.
    pub fn start(folder: &Path) -> Carrier {
        let address = free_port([127, 0, 0, 30].into());
        let city = free_port([127, 0, 0, 31].into());
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live/kamailio/carrier.cfg");
        let mut text = std::fs::read_to_string(source).unwrap();
        let words = [
            ("CARRIER", address.to_string()),
            ("LINE_PASSWORD", PASSWORD.to_owned()),
            ("LINE_LOGIN", LOGIN.to_owned()),
            ("CITY_IP", city.ip().to_string()),
            ("CITY_PORT", city.port().to_string()),
        ];
        for (word, value) in words {
            text = text.replace(word, &value);
        }
        let file = folder.join("carrier.cfg");
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new("kamailio");
        command.arg("-f").arg(&file).args(["-DD", "-E", "-m", "16", "-M", "4", "-Y"]).arg(folder);
        let log = std::fs::File::create(folder.join("carrier.log")).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().expect("kamailio (Debian package kamailio) is installed");
        Carrier { child, address, city }
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        // Its children end with it only when it is asked, not when it is killed.
        let id = self.child.id().to_string();
        let _told = Command::new("kill").args(["-s", "TERM", &id]).status();
        let _reaped = self.child.wait();
    }
}
