//! The configuration of the demo: a file like anybody's, written into its folder and loaded the
//! usual way, so that it can be read, copied and kept.

use std::fmt::Write as _;
use std::path::Path;

use super::books::account;
use super::day::Stand;
use super::people::{OPERATORS, OTHERS};
use super::{itoolabs, onlinepbx, outside, sarkor, sipuni, utel};

/// The queue that all accounts lead to.
pub const QUEUE: &str = "sotuv";
/// Late facts of the demo come within this.
const SETTLE: &str = "2s";

/// The address of a stand-in's account, below the server's own.
pub fn hook(stand: Stand) -> String {
    format!("/hooks/{}/{}/{}", provider(stand), account(stand), token(stand))
}

/// The word in the address: the kind or the profile.
const fn provider(stand: Stand) -> &'static str {
    match stand {
        Stand::Sipuni => "sipuni",
        Stand::OnlinePbx => "onlinepbx",
        Stand::Utel => "utel",
        Stand::Itoolabs => "uztelecom",
        Stand::Sarkor => "sarkor",
    }
}

/// The token of an account. They are no secrets: the demo listens on loopback only.
fn token(stand: Stand) -> String {
    format!("demo-{}-0123456789abcdef0123456789abcdef", provider(stand))
}

/// The whole file.
pub fn config(folder: &Path, listen: &str, outgoing: &[String]) -> String {
    let mut text = format!(
        "# The call centre of `navbat demo`.\n\
         data_dir = {:?}\noutgoing = {{ allow = {outgoing:?} }}\n\n\
         [site]\ntimezone = \"Asia/Tashkent\"\nlanguage = \"uz\"\n\n\
         [web]\nlisten = {listen:?}\n",
        folder.join("data").display().to_string(),
    );
    for (login, role) in OTHERS {
        let _ = write!(text, "\n[[user]]\nlogin = {login:?}\nrole = {role:?}\n");
    }
    for one in &OPERATORS {
        let _ = write!(
            text,
            "\n[[operator]]\nname = {:?}\nlogin = {:?}\naliases = [{:?}, \"{}:{}\"]\n\
             crm = {{ {} = \"{}\" }}\n",
            one.name,
            one.login,
            one.extension,
            account(Stand::Itoolabs),
            one.login,
            outside::AMO,
            outside::amo_user(one.login),
        );
    }
    let members: Vec<String> = OPERATORS.iter().map(|one| format!("{:?}", one.name)).collect();
    let _ = write!(
        text,
        "\n[queue.{QUEUE}]\nstrategy = \"round-robin\"\n\
         tiers = [{{ after = \"0s\", members = [{}] }}]\nwrap_up = \"2s\"\n",
        members.join(", "),
    );
    for stand in Stand::ALL {
        text.push_str(&section(stand));
    }
    text
}

fn section(stand: Stand) -> String {
    let own = match stand {
        Stand::Sipuni => format!(
            "kind = \"sipuni\"\ncabinet_id = {:?}\nlines = [\"+{}\"]\n",
            sipuni::CABINET,
            sipuni::LINE
        ),
        Stand::OnlinePbx => format!(
            "kind = \"onlinepbx\"\ndomain = {:?}\ngateways = [\"+998{}\"]\n",
            onlinepbx::DOMAIN,
            onlinepbx::LINE
        ),
        Stand::Utel => format!(
            "kind = \"uztelecom\"\nprofile = \"utel\"\ndomain = {:?}\nlines = [\"+998{}\"]\n",
            utel::DOMAIN,
            utel::LINE
        ),
        Stand::Itoolabs => format!(
            "kind = \"uztelecom\"\nprofile = \"itoolabs\"\ncrm_token = {:?}\nlines = [\"+{}\"]\n",
            itoolabs::CRM_TOKEN,
            itoolabs::LINE
        ),
        Stand::Sarkor => format!("kind = \"sarkor\"\nlines = [\"+{}\"]\n", sarkor::LINE),
    };
    let map = if stand == Stand::Sarkor { SARKOR_MAP } else { "" };
    format!(
        "\n[[provider]]\nname = {:?}\n{own}token = {:?}\nqueue = {QUEUE:?}\nsettle = {SETTLE:?}\n{map}",
        account(stand),
        token(stand),
    )
}

/// What the events of the Sarkor stand-in mean.
const SARKOR_MAP: &str = r#"
[provider.map]
call_id = ["/data/call_id"]
event = ["/data/name"]
caller = ["/data/src"]
callee = ["/data/dst"]
line = ["/data/external_number"]
operator = ["/data/extension"]
time = ["/data/time"]
time_format = "epoch_s"
[provider.map.event_values]
incoming = "call_started"
ringing = "operator_ringing"
answered = "operator_answered"
stopped = "operator_left"
finished = "call_ended"
[provider.map.status_values]
Answered = "answered"
NoAnswer = "not_answered"
Busy = "busy"
"#;
