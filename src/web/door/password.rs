//! Passwords: slow hashes off the runtime's threads, a few at a time.

use std::sync::Arc;

use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

use crate::web::fault::Fault;

/// Shortest password; longer is better than stranger (NIST SP 800-63B section 3.1.1.2).
const LENGTH_MIN: usize = 10;

/// Longest password: the hash reads all of it.
const LENGTH_MAX: usize = 256;

/// Hashes at once. Each takes 19 MiB and a core for some tens of milliseconds; more at once
/// would let a flood of logins starve the machine.
const AT_ONCE: usize = 2;

/// A hash of no password, so that an unknown login costs the same work as a known one.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5$\
                      8uVg0kTWdOTl0dMPCKjTXbqnhYyHKj5TmbI2rgn0zrc";

/// Hashes and compares passwords; cheap to clone.
#[derive(Clone)]
pub struct Passwords(Arc<Semaphore>);

impl Default for Passwords {
    fn default() -> Passwords {
        Passwords(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Passwords {
    /// Makes the hash that is kept. Fails on a password that is too short or too long.
    pub async fn hash(&self, password: String) -> Result<String, Fault> {
        let length = password.chars().count();
        if !(LENGTH_MIN..=LENGTH_MAX).contains(&length) || password.len() > LENGTH_MAX {
            let text = format!("password: {LENGTH_MIN} to {LENGTH_MAX} characters");
            return Err(Fault::Bad(text));
        }
        let hash = move || {
            Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string())
        };
        self.off_thread(hash).await?.map_err(|_| Fault::Broken)
    }

    /// Whether a password fits the kept hash; the same work when there is none.
    pub async fn fits(&self, password: String, kept: Option<String>) -> Result<bool, Fault> {
        if password.len() > LENGTH_MAX {
            return Ok(false);
        }
        let compare = move || {
            let hash = kept.as_deref().unwrap_or(NOBODY);
            let fits = Argon2::default().verify_password(password.as_bytes(), hash).is_ok();
            fits && kept.is_some()
        };
        self.off_thread(compare).await
    }

    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let _turn = self.0.acquire().await.map_err(|_| Fault::Broken)?;
        tokio::task::spawn_blocking(work).await.map_err(|_| Fault::Broken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_own_hash_only() {
        let passwords = Passwords::default();
        let kept = passwords.hash(String::from("to'g'ri parol 42")).await.unwrap();
        assert!(kept.starts_with("$argon2id$"));
        let fits = |text: &str, kept| passwords.fits(text.to_owned(), kept);
        assert!(fits("to'g'ri parol 42", Some(kept.clone())).await.unwrap());
        assert!(!fits("to'g'ri parol 43", Some(kept)).await.unwrap());
        assert!(!fits("to'g'ri parol 42", None).await.unwrap());
    }

    #[tokio::test]
    async fn a_short_password_is_refused_and_nobody_costs_a_real_hash() {
        assert!(matches!(
            Passwords::default().hash(String::from("short")).await,
            Err(Fault::Bad(_))
        ));
        assert!(argon2::PasswordHash::new(NOBODY).is_ok());
    }
}
