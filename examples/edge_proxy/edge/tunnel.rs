//! Connections that were upgraded: bytes from one end to the other until both have ended.

use super::life::Life;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

/// Joins the two when both have changed their protocol. Told to end, it does not wait for them: they speak a language that
/// we do not know, and may go on for days.
pub(crate) fn join(client: OnUpgrade, endpoint: OnUpgrade, life: &Life) {
    let (open, life) = (life.open(), life.clone());
    tokio::spawn(async move {
        let _open = open;
        // A side that went away before it changed its protocol has ended the conversation.
        let Ok((client, endpoint)) = tokio::try_join!(client, endpoint) else { return };
        let (mut client, mut endpoint) = (TokioIo::new(client), TokioIo::new(endpoint));
        tokio::select! {
            // How it ends is theirs to know.
            _ = tokio::io::copy_bidirectional(&mut client, &mut endpoint) => {}
            () = life.ended() => {}
        }
    });
}
