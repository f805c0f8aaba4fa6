//! Who a client is: password, key, either, or both.

use std::sync::Arc;

use russh::keys::PublicKey;
use russh::server::Auth;
use russh::{MethodKind, MethodSet};

use super::Account;
use crate::doors::SftpLogin;

/// What a client shows for itself.
pub(super) enum Proof<'a> {
    Password(&'a str),
    /// A key whose signature was verified.
    Key(&'a PublicKey),
}

/// The logins of one connection so far.
pub(super) struct Trial {
    account: Arc<Account>,
    password_shown: bool,
    key_shown: bool,
}

impl Trial {
    pub(super) fn new(account: Arc<Account>) -> Self {
        Self { account, password_shown: false, key_shown: false }
    }

    /// Takes a proof into account.
    pub(super) fn judge(&mut self, user: &str, proof: Proof<'_>) -> Auth {
        let right = match proof {
            Proof::Password(password) => {
                let right = user == self.account.user && password == self.account.password;
                self.password_shown |= right;
                right
            }
            Proof::Key(key) => {
                let right = self.would_take(user, key);
                self.key_shown |= right;
                right
            }
        };
        let enough = match self.account.login {
            SftpLogin::Password => self.password_shown,
            SftpLogin::Key => self.key_shown,
            SftpLogin::KeyOrPassword => self.password_shown || self.key_shown,
            SftpLogin::KeyAndPassword => self.password_shown && self.key_shown,
        };
        match (right && enough, right) {
            (true, _) => Auth::Accept,
            (false, shown) => self.go_on(shown),
        }
    }

    /// Whether the key is one of the account's.
    pub(super) fn would_take(&self, user: &str, key: &PublicKey) -> bool {
        user == self.account.user && self.account.authorized_keys.iter().any(|it| it.key_data() == key.key_data())
    }

    /// A refusal that says what may be tried.
    pub(super) fn refuse(&self) -> Auth {
        self.go_on(false)
    }

    fn go_on(&self, partial_success: bool) -> Auth {
        let (password, key) = (MethodKind::Password, MethodKind::PublicKey);
        let methods: &[MethodKind] = match self.account.login {
            SftpLogin::Password => &[password],
            SftpLogin::Key => &[key],
            SftpLogin::KeyAndPassword if self.key_shown => &[password],
            SftpLogin::KeyAndPassword if self.password_shown => &[key],
            SftpLogin::KeyOrPassword | SftpLogin::KeyAndPassword => &[key, password],
        };
        Auth::Reject { proceed_with_methods: Some(MethodSet::from(methods)), partial_success }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use russh::keys::{Algorithm, PrivateKey};

    fn key() -> PublicKey {
        PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).expect("a random key").public_key().clone()
    }

    fn trial(login: SftpLogin, key: &PublicKey) -> Trial {
        Trial::new(Arc::new(Account {
            user: "510001234".to_owned(),
            password: "right".to_owned(),
            authorized_keys: vec![key.clone()],
            login,
        }))
    }

    fn accepted(login: SftpLogin, proofs: impl Fn(&mut Trial, &PublicKey) -> Auth) -> bool {
        let key = key();
        proofs(&mut trial(login, &key), &key) == Auth::Accept
    }

    #[test]
    fn either_is_enough_for_key_or_password() {
        assert!(accepted(SftpLogin::KeyOrPassword, |it, _| it.judge("510001234", Proof::Password("right"))));
        assert!(accepted(SftpLogin::KeyOrPassword, |it, key| it.judge("510001234", Proof::Key(key))));
    }

    #[test]
    fn both_are_needed_for_key_and_password() {
        assert!(!accepted(SftpLogin::KeyAndPassword, |it, _| it.judge("510001234", Proof::Password("right"))));
        assert!(!accepted(SftpLogin::KeyAndPassword, |it, key| it.judge("510001234", Proof::Key(key))));
        assert!(accepted(SftpLogin::KeyAndPassword, |it, key| {
            it.judge("510001234", Proof::Key(key));
            it.judge("510001234", Proof::Password("right"))
        }));
    }

    #[test]
    fn a_wrong_password_after_the_key_is_no_login() {
        assert!(!accepted(SftpLogin::KeyAndPassword, |it, key| {
            it.judge("510001234", Proof::Key(key));
            it.judge("510001234", Proof::Password("wrong"))
        }));
    }

    #[test]
    fn wrong_proofs_are_refused() {
        assert!(!accepted(SftpLogin::KeyOrPassword, |it, _| it.judge("510001234", Proof::Password("wrong"))));
        assert!(!accepted(SftpLogin::KeyOrPassword, |it, _| it.judge("other", Proof::Password("right"))));
        assert!(!accepted(SftpLogin::KeyOrPassword, |it, _| it.judge("510001234", Proof::Key(&key()))));
    }

    #[test]
    fn the_kind_of_login_rules_out_the_other() {
        assert!(!accepted(SftpLogin::Key, |it, _| it.judge("510001234", Proof::Password("right"))));
        assert!(!accepted(SftpLogin::Password, |it, key| it.judge("510001234", Proof::Key(key))));
    }
}
