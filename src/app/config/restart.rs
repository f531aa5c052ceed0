//! What of the configuration holds only from a start on: places that are opened once.

use secrecy::ExposeSecret;

use super::Site;

impl Site {
    /// Keeps what a running server cannot change as it is, and names the keys that say otherwise.
    /// The rest of the process then sees what is true, not what the file wishes.
    pub fn keep_until_restart(&mut self, running: &Site) -> Vec<String> {
        let mut keys = Vec::new();
        let mut differs = |key: &str, differs: bool| {
            if differs {
                keys.push(key.to_owned());
            }
        };
        differs("data_dir", self.data_dir != running.data_dir);
        differs("database.url", self.database.url != running.database.url);
        let password = |site: &Site| {
            site.database.password.as_ref().map(|secret| secret.expose_secret().to_owned())
        };
        differs("database.password", password(self) != password(running));
        differs("web.listen", self.web.listen != running.web.listen);
        differs("web.tls", self.web.tls.is_some() != running.web.tls.is_some());
        differs("sip.listen", self.sip.listen != running.sip.listen);
        differs("sip.tls", self.sip.tls.is_some() != running.sip.tls.is_some());
        differs("rtp.ports", self.rtp.ports != running.rtp.ports);
        self.data_dir.clone_from(&running.data_dir);
        self.database.clone_from(&running.database);
        self.web.listen = running.web.listen;
        if self.web.tls.is_some() != running.web.tls.is_some() {
            self.web.tls.clone_from(&running.web.tls);
        }
        if self.sip.tls.is_some() != running.sip.tls.is_some() {
            self.sip.tls.clone_from(&running.sip.tls);
        }
        self.sip.listen.clone_from(&running.sip.listen);
        self.rtp.ports = running.rtp.ports;
        keys
    }
}
