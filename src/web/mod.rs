//! The web: providers' hooks, the API, the live stream, login and the pages.
//!
//! The only room that names axum and knows status codes. It owns no state of calls: events go
//! to the journal, commands and questions to the [`Exchange`], lists come from the store, and
//! what happens reaches the screens through the [`Hub`].

mod access;
mod exchange;
mod live;
mod sight;
mod view;

pub use access::{Act, Reader, Role};
pub use exchange::{Ask, AskError, Desk, Exchange, Route, exchange};
pub use live::{Event, Hub, HubFull, Next, Subscription};
pub use sight::{Eyes, Phone, Sight};
pub use view::CallView;
