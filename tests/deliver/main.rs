//! What is between the journal and an adapter: which notes facts give rise to, how they leave
//! whatever breaks, and cards and clients while it rings. The peer is a real one over a socket.

#[path = "../store/made.rs"]
#[expect(dead_code, reason = "made for the store, and borrowed")]
mod made;

mod faults;
mod life;
mod live;
mod notes;
mod peer;
