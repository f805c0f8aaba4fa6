//! Logging in: by key, password, or both.

use outflow_domain::Secret;
use outflow_ports::FileStoreError;
use russh::{
    MethodKind, MethodSet,
    client::{AuthResult, Handle, KeyboardInteractiveAuthResponse},
    keys::{HashAlg, PrivateKeyWithHashAlg},
};

use crate::{connection::Gate, fault::Fault, settings::Endpoint};

/// Rounds of questions answered; a password takes one, and some servers end with an empty one.
const QUESTION_ROUNDS_MAX: usize = 5;

/// Something to prove who we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Credential {
    Key,
    /// The same key once more, signing with SHA-1: some servers announce digests that they then refuse.
    KeyWithSha1,
    Password,
}

impl Credential {
    /// The way to give it that the server offers. A password is given once, by whichever way: each wrong one counts towards a lock
    /// of the account.
    fn method(self, offered: &MethodSet) -> Option<MethodKind> {
        let ways: &[MethodKind] = match self {
            Self::Key | Self::KeyWithSha1 => &[MethodKind::PublicKey],
            Self::Password => &[MethodKind::Password, MethodKind::KeyboardInteractive],
        };
        ways.iter().copied().find(|it| offered.contains(it))
    }
}

/// Logs in, giving each credential once unless the server accepted another in between and asks for more.
pub(crate) async fn log_in(handle: &mut Handle<Gate>, endpoint: &Endpoint) -> Result<(), Fault> {
    let asked = handle.authenticate_none(&endpoint.user).await.map_err(|it| Fault::Dropped(it.to_string()))?;
    let mut offered = match asked {
        AuthResult::Success => return Ok(()),
        AuthResult::Failure { .. } if handle.is_closed() => {
            return Err(Fault::Dropped("the connection ended before the login".to_owned()));
        }
        AuthResult::Failure { remaining_methods, .. } => remaining_methods,
    };
    let mut untried = Vec::new();
    untried.extend(endpoint.private_key.is_some().then_some(Credential::Key));
    untried.extend((has_rsa_key(endpoint) && endpoint.legacy_algorithms).then_some(Credential::KeyWithSha1));
    untried.extend(endpoint.password.is_some().then_some(Credential::Password));
    let mut refused = Vec::new();
    loop {
        let next = untried.iter().enumerate().find_map(|(at, it)| Some((at, it.method(&offered)?)));
        let Some((at, method)) = next else {
            return Err(Fault::Final(login_refused(endpoint, refusal(&refused, &offered, endpoint))));
        };
        let credential = untried.remove(at);
        let result = give(handle, endpoint, credential, method).await?;
        match result {
            AuthResult::Success => return Ok(()),
            // Not tried again here: had the server hung up over a wrong password, trying again would lock the account.
            AuthResult::Failure { .. } if handle.is_closed() => {
                return Err(Fault::Final(FileStoreError::Unreachable {
                    store: endpoint.to_string(),
                    message: format!("the connection ended during the login of `{}`", endpoint.user),
                }));
            }
            AuthResult::Failure { remaining_methods, partial_success: true } => {
                offered = remaining_methods;
                untried.append(&mut refused);
            }
            AuthResult::Failure { remaining_methods, partial_success: false } => {
                offered = remaining_methods;
                refused.push(credential);
            }
        }
    }
}

/// The refusal of a login, in the words of the port.
pub(crate) fn login_refused(endpoint: &Endpoint, message: String) -> FileStoreError {
    FileStoreError::LoginRefused { store: endpoint.to_string(), user: endpoint.user.clone(), message }
}

fn has_rsa_key(endpoint: &Endpoint) -> bool {
    endpoint.private_key.as_ref().is_some_and(|it| it.algorithm().is_rsa())
}

fn refusal(refused: &[Credential], offered: &MethodSet, endpoint: &Endpoint) -> String {
    let offered: Vec<&str> = offered.iter().map(Into::into).collect();
    let offered = if offered.is_empty() { "nothing more".to_owned() } else { offered.join(", ") };
    let (key, password) = (refused.contains(&Credential::Key), refused.contains(&Credential::Password));
    let mut told = match (key, password) {
        (false, false) => format!("it asks for what is not configured: {offered}"),
        (true, false) => format!("the key was not accepted; it asks for {offered}"),
        (false, true) => format!("the password was not accepted; it asks for {offered}"),
        (true, true) => format!("neither key nor password was accepted; it asks for {offered}"),
    };
    if key && has_rsa_key(endpoint) && !endpoint.legacy_algorithms {
        told += ". An old server may take RSA keys with SHA-1 signatures only, which `legacy_algorithms: true` allows";
    }
    told
}

async fn give(handle: &mut Handle<Gate>, endpoint: &Endpoint, credential: Credential, method: MethodKind) -> Result<AuthResult, Fault> {
    let user = &endpoint.user;
    let password = endpoint.password.as_ref().map_or("", Secret::expose);
    let given = match (method, &endpoint.private_key) {
        (MethodKind::PublicKey, Some(key)) => {
            let digest = match credential {
                Credential::Key if key.algorithm().is_rsa() => Some(rsa_digest(handle).await?),
                _ => None,
            };
            handle.authenticate_publickey(user, PrivateKeyWithHashAlg::new(key.clone(), digest)).await
        }
        (MethodKind::Password, _) => handle.authenticate_password(user, password).await,
        _ => answer_questions(handle, user, password).await,
    };
    given.map_err(|it| Fault::Dropped(it.to_string()))
}

/// The digest for signatures of an RSA key: the best that the server announced, or one that it should know.
async fn rsa_digest(handle: &Handle<Gate>) -> Result<HashAlg, Fault> {
    let announced = handle.best_supported_rsa_hash().await.map_err(|it| Fault::Dropped(it.to_string()))?;
    Ok(announced.flatten().unwrap_or(HashAlg::Sha256))
}

/// Gives the password to each question that hides what is typed.
async fn answer_questions(handle: &mut Handle<Gate>, user: &str, password: &str) -> Result<AuthResult, russh::Error> {
    let mut response = handle.authenticate_keyboard_interactive_start(user, None).await?;
    for _ in 0..QUESTION_ROUNDS_MAX {
        match response {
            KeyboardInteractiveAuthResponse::Success => return Ok(AuthResult::Success),
            KeyboardInteractiveAuthResponse::Failure { remaining_methods, partial_success } => {
                return Ok(AuthResult::Failure { remaining_methods, partial_success });
            }
            KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => {
                let answers = prompts.iter().map(|it| if it.echo { "" } else { password }.to_owned()).collect();
                response = handle.authenticate_keyboard_interactive_respond(answers).await?;
            }
        }
    }
    Ok(AuthResult::Failure { remaining_methods: MethodSet::empty(), partial_success: false })
}
