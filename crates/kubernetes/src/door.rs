//! The way to the API server, which may be another after a while: tokens and certificates are files that others write anew.

use crate::connection::{Connection, ConnectionError};
use kube::Client;
use std::cell::{Cell, RefCell};
use std::time::Duration;
use tokio::time::Instant;

/// How often files are read anew at the most.
const LEAST: Duration = Duration::from_millis(500);

/// A client, and what it is made of.
///
/// A client by itself reads its token file again when a minute has passed on the wall clock, which may be set back, and its certificates never. So where
/// the server or its certificate is refused, or we are, all of it is read anew.
pub(crate) struct Door {
    connection: Connection,
    client: RefCell<Client>,
    made: Cell<Instant>,
}

impl Door {
    /// # Errors
    /// Where the configuration can't be used.
    pub(crate) async fn of(connection: &Connection) -> Result<Self, ConnectionError> {
        let client = Client::try_from(connection.config().await?)?;
        Ok(Self { connection: connection.clone(), client: client.into(), made: Cell::new(Instant::now()) })
    }

    /// The client as it is now.
    pub(crate) fn client(&self) -> Client {
        self.client.borrow().clone()
    }

    /// Makes it anew, unless that was just done. What can't be read now, in the middle of its being written, leaves it as it is.
    pub(crate) async fn renew(&self) {
        if self.made.get().elapsed() < LEAST {
            return;
        }
        self.made.set(Instant::now());
        if let Ok(config) = self.connection.config().await
            && let Ok(client) = Client::try_from(config)
        {
            self.client.replace(client);
        }
    }
}
