//! The web: providers' hooks, the API, the live stream, login and the pages.
//!
//! The only room that names axum and knows status codes. It owns no state of calls: events go
//! to the journal, commands and questions to the [`Exchange`], lists come from the store, and
//! what happens reaches the screens through the [`Hub`].

mod access;
mod api;
mod changes;
mod door;
mod exchange;
mod explain;
mod fault;
mod gates;
mod guard;
mod hooks;
mod layers;
mod live;
mod once;
mod pages;
mod probe;
mod random;
mod router;
mod server;
mod sight;
mod state;
mod stream;
mod view;
mod visits;

pub use access::{Act, Reader, Role, role_may};
pub use changes::{
    Asked, Change, ChangeError, Changed, Changes, FieldText, Sort, Thing, Things, changes,
};
pub use exchange::{Ask, AskError, Desk, Exchange, LinesView, Route, exchange};
pub use explain::{Sentence, explain, explain_stages, explain_told};
pub use gates::Rate;
pub use live::{Event, Hub, HubFull, Next, Subscription};
pub use random::{kept, secret};
pub use router::{openapi, router, serve};
pub use server::{Patience, ServerTls};
pub use sight::{Eyes, Phone, Sight};
pub use state::{Clock, Parts, SignedIn, Site, Web};
pub use view::CallView;
pub use visits::visit_path;

/// The version that is told to clients.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
