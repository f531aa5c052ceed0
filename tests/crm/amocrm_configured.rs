//! From the configuration file to a call in amoCRM.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use navbat::app::config::{Site, Sources, amocrm, load};
use navbat::connect::crm::{AmoCrm, AmoGate, AmoWays};
use navbat::connect::deliver::Outlet;
use navbat::connect::http::Http;
use navbat::model::{Mono, Now, Wall};

use super::amocrm_rig::{
    AZIZA, BEGAN, Memory, Rig, TOKEN, Wish, answered, call_back, missed, note, word,
};

fn site(text: &str) -> Site {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("navbat.toml");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    load(&Sources::file(&path)).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

#[tokio::test]
async fn a_configured_account_is_told_of_a_call_and_asked_for_a_task() {
    let rig = Rig::new(Wish::default()).await;
    rig.stand.contact("Anvar", "+998901112233", 0);
    let site = site(&format!(
        "outgoing = {{ allow = [\"{}\"] }}\n\
         [[operator]]\nname = \"Aziza\"\naliases = [\"201\"]\ncrm = {{ amo = \"{AZIZA}\" }}\n\
         [[operator]]\nname = \"Bobur\"\naliases = [\"202\"]\n\
         [queue.sales]\ntiers = [{{ members = [\"Aziza\", \"Bobur\"] }}]\n\
         [crm.amo]\nkind = \"amocrm\"\nbase = \"{}\"\ntoken = \"{TOKEN}\"\n\
         task_to = \"operator Aziza\"\ntask_within = \"30m\"\n",
        rig.served.allowed(),
        rig.served.base(),
    ));
    let settings = amocrm::settings(&site.crms[0], &site).unwrap();
    let ways = AmoWays {
        http: Http::new(&site.outgoing).unwrap(),
        gate: Arc::new(AmoGate::default()),
        shelf: Memory::new(),
        clock: Arc::new(|| Now { mono: Mono(0), wall: Wall::from_unix(BEGAN) }),
    };
    let amo = AmoCrm::new(settings, ways);
    let call = answered(1, "+998901112233");
    assert_eq!(word(&amo.deliver(&note(&call)).await), "done");
    let (_, _, params) = rig.stand.call(&call.id.to_string()).unwrap();
    assert_eq!(params["call_responsible"], AZIZA);
    let task = call_back(&missed(2, "+998901112233"));
    assert_eq!(word(&amo.deliver(&task).await), "done");
    let tasks = rig.stand.tasks();
    assert_eq!(tasks[0].responsible, Some(AZIZA));
    assert_eq!(tasks[0].complete_till, BEGAN + 160 + 1800);
}
