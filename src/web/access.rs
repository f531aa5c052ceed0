//! Who may do what: the one place where that is decided, by role, scope and object.
//!
//! Every endpoint names an [`Act`]; [`Reader::may`] answers whether the role is let in at all, and
//! the `sees_…` functions whether this very thing is in the reader's scope. Who is not let in gets
//! 403, who asks for a thing out of scope gets 404, so that ids tell nothing.

use serde::{Deserialize, Serialize};

use crate::model::{CallRow, ClientNews, EpisodeRow, Live, Name, OperatorView, Pop};

/// The five roles.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Takes calls; sees their own.
    Operator,
    /// Answers for a team.
    Supervisor,
    /// Answers for everything.
    Admin,
    /// Connects providers; sees masked numbers.
    Integrator,
    /// A screen on a wall: looks only, sees no numbers.
    Wallboard,
}

impl Role {
    /// All of them, in the order of the table below.
    pub const ALL: [Role; 5] =
        [Role::Operator, Role::Supervisor, Role::Admin, Role::Integrator, Role::Wallboard];

    /// The word in the configuration, the database and the API.
    pub const fn word(self) -> &'static str {
        match self {
            Role::Operator => "operator",
            Role::Supervisor => "supervisor",
            Role::Admin => "admin",
            Role::Integrator => "integrator",
            Role::Wallboard => "wallboard",
        }
    }

    /// The role of a word; `None` when there is no such role.
    pub fn of(word: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.word() == word)
    }
}

/// What an endpoint lets one do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// One's own account: who am I, sign out, listen to the live stream.
    Account,
    /// The call log, a call, its explanation.
    SeeCalls,
    /// Operators, presence and queues.
    SeePresence,
    /// One's own presence; somebody else's with a wider role.
    SetPresence,
    /// Note the result of a call.
    NoteResult,
    /// The workbench of missed calls.
    SeeMissed,
    /// Assign and close episodes.
    WorkMissed,
    /// Statistics.
    SeeStats,
    /// The live board.
    SeeBoard,
    /// Health of the providers.
    SeeProviders,
    /// Decline and answer offers.
    WorkOffers,
    /// Dial, take a colleague's caller, pass a caller on.
    Telephone,
    /// Registered telephones; one's own, with a wider role everybody's.
    SeeTelephones,
    /// Queues and what else connects a site.
    Connect,
    /// Operators, users, tokens, audit.
    Administer,
    /// Figures for the monitoring system.
    SeeMetrics,
}

/// Rows of the table of PRODUCT section 8: operator, supervisor, admin, integrator, wallboard.
const TABLE: [(Act, [bool; 5]); 16] = {
    const Y: bool = true;
    const N: bool = false;
    [
        (Act::Account, [Y, Y, Y, Y, Y]),
        (Act::SeeCalls, [Y, Y, Y, Y, N]),
        (Act::SeePresence, [Y, Y, Y, Y, N]),
        (Act::SetPresence, [Y, Y, Y, N, N]),
        (Act::NoteResult, [Y, Y, Y, N, N]),
        (Act::SeeMissed, [Y, Y, Y, N, N]),
        (Act::WorkMissed, [Y, Y, Y, N, N]),
        (Act::SeeStats, [Y, Y, Y, N, Y]),
        (Act::SeeBoard, [Y, Y, Y, N, Y]),
        (Act::SeeProviders, [N, Y, Y, Y, N]),
        (Act::WorkOffers, [Y, Y, Y, N, N]),
        (Act::Telephone, [Y, Y, Y, N, N]),
        (Act::SeeTelephones, [Y, Y, Y, Y, N]),
        (Act::Connect, [N, N, Y, Y, N]),
        (Act::Administer, [N, N, Y, N, N]),
        (Act::SeeMetrics, [N, N, Y, Y, N]),
    ]
};

/// Whether a role is let in at all.
pub fn role_may(role: Role, act: Act) -> bool {
    let column = Role::ALL.iter().position(|known| *known == role);
    let row = TABLE.iter().find(|(known, _)| *known == act);
    column.zip(row).and_then(|(at, (_, row))| row.get(at)).copied().unwrap_or(false)
}

/// Somebody who asks: a signed-in person or a program with a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    /// The login, or `token:` and the token's name.
    pub login: Name,
    /// What they may do.
    pub role: Role,
    /// Which operator they are, when they are one.
    pub operator: Option<Name>,
    /// Their queues; empty: all.
    pub queues: Vec<Name>,
    /// The language they chose.
    pub language: Option<String>,
}

impl Reader {
    /// The login under which a token acts.
    pub fn login_of_token(token: &Name) -> Name {
        Name::from(format!("token:{token}"))
    }

    /// The name of the token that a login stands for; people's logins hold no colon.
    pub fn token_of_login(login: &Name) -> Option<&str> {
        login.as_str().strip_prefix("token:")
    }

    /// Whether the role is let in at all.
    pub fn may(&self, act: Act) -> bool {
        role_may(self.role, act)
    }

    /// Whether this is the operator named.
    pub fn is_operator(&self, name: &Name) -> bool {
        self.operator.as_ref() == Some(name)
    }

    /// Whether a queue is in scope; things without a queue are seen by all but the scoped.
    pub fn in_scope(&self, queue: Option<&Name>) -> bool {
        self.queues.is_empty() || queue.is_some_and(|queue| self.queues.contains(queue))
    }

    /// Whether a call is theirs to see.
    pub fn sees_call(&self, call: &CallRow) -> bool {
        match self.role {
            Role::Operator => self.operator.as_ref().is_some_and(|me| is_of(call, me)),
            Role::Supervisor => {
                self.in_scope(call.queue.as_ref())
                    || call.entries.iter().any(|entry| self.in_scope(Some(&entry.queue)))
            }
            Role::Admin | Role::Integrator => true,
            Role::Wallboard => false,
        }
    }

    /// Whether a card is theirs to see.
    pub fn sees_pop(&self, pop: &Pop) -> bool {
        match self.role {
            Role::Operator => self.is_operator(&pop.operator),
            Role::Supervisor => self.in_scope(pop.queue.as_ref()),
            Role::Admin => true,
            Role::Integrator | Role::Wallboard => false,
        }
    }

    /// Whether what a CRM says of a call's client is theirs to see: like its cards.
    pub fn sees_client(&self, news: &ClientNews) -> bool {
        match self.role {
            Role::Operator => news.operators.iter().any(|name| self.is_operator(name)),
            Role::Supervisor => self.in_scope(news.queue.as_ref()),
            Role::Admin => true,
            Role::Integrator | Role::Wallboard => false,
        }
    }

    /// Whether an episode is theirs to see: one's own, and nobody's in one's queues.
    pub fn sees_episode(&self, episode: &EpisodeRow, my_queues: &[Name]) -> bool {
        match self.role {
            Role::Operator => match &episode.owner {
                Some(owner) => self.is_operator(owner),
                None => my_queues.contains(&episode.queue),
            },
            Role::Supervisor => self.in_scope(Some(&episode.queue)),
            Role::Admin => true,
            Role::Integrator | Role::Wallboard => false,
        }
    }

    /// Whether an operator is in scope; colleagues see each other.
    pub fn sees_operator(&self, operator: &OperatorView) -> bool {
        match self.role {
            Role::Operator | Role::Admin | Role::Integrator => true,
            Role::Supervisor | Role::Wallboard => {
                self.queues.is_empty() || operator.queues.iter().any(|q| self.queues.contains(q))
            }
        }
    }

    /// Whether an operator's presence is theirs to change.
    pub fn sets_presence_of(&self, operator: &OperatorView) -> bool {
        match self.role {
            Role::Operator => self.is_operator(&operator.name),
            Role::Supervisor | Role::Admin => self.sees_operator(operator),
            Role::Integrator | Role::Wallboard => false,
        }
    }

    /// Whether one event of the live stream is for them.
    pub fn sees_live(&self, live: &Live, my_queues: &[Name]) -> bool {
        match live {
            Live::Pop(pop) => self.sees_pop(pop),
            Live::Call(call) => self.sees_call(call),
            Live::Operator(operator) => self.sees_operator(operator),
            Live::Queue(queue) => self.role == Role::Operator || self.in_scope(Some(&queue.name)),
            Live::Episode(episode) => self.sees_episode(episode, my_queues),
            Live::Client(news) => self.sees_client(news),
        }
    }
}

/// Whether an operator was offered a call, talked in it or placed it.
fn is_of(call: &CallRow, operator: &Name) -> bool {
    call.rung.contains(operator)
        || call.handled_by.contains(operator)
        || call.answered_by.as_ref() == Some(operator)
        || call.placed_by.as_ref() == Some(operator)
        || call.offers.iter().any(|offer| &offer.operator == operator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_but_an_admin_administers_and_a_wall_only_looks() {
        for role in Role::ALL {
            assert_eq!(role_may(role, Act::Administer), role == Role::Admin, "{role:?}");
        }
        let wall: Vec<Act> = TABLE
            .iter()
            .filter(|(act, _)| role_may(Role::Wallboard, *act))
            .map(|(act, _)| *act)
            .collect();
        assert_eq!(wall, [Act::Account, Act::SeeStats, Act::SeeBoard]);
    }

    #[test]
    fn a_role_reads_its_own_word() {
        for role in Role::ALL {
            assert_eq!(Role::of(role.word()), Some(role));
        }
        assert_eq!(Role::of("root"), None);
    }
}
