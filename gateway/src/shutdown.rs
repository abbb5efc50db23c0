//! The order in which a gateway stops. Each step has a deadline; what hangs is left behind and said.

use std::{future::Future, time::Duration};

use crate::gateway::Running;

/// Longest of all steps together: below the ten seconds after which systemd, docker and `demo`'s callers lose patience.
pub const LONGEST: Duration = Duration::from_millis(9_500);

async fn step(name: &str, deadline: Duration, work: impl Future<Output = ()>) {
    if tokio::time::timeout(deadline, work).await.is_err() {
        tracing::warn!(
            step = name,
            seconds = deadline.as_secs_f64(),
            "did not end in time"
        );
    }
}

impl Running {
    /// Stops, in this order:
    ///
    /// 1. No new connection is accepted; streams and viewers are told and end (1.5 s).
    /// 2. The tagger ends: no new events (1 s).
    /// 3. Recorders write what they hold and seal their segments (3 s).
    /// 4. Cameras are told goodbye (3 s).
    /// 5. Journals' writers and the rest end (0.5 s); the data directory is given back when the last part is dropped.
    pub async fn shutdown(self) {
        let gateway = &self.gateway;
        self.listening.cancel();
        gateway.stop.cancel();
        gateway.connections.close();
        step(
            "connections",
            Duration::from_millis(1_500),
            gateway.connections.wait(),
        )
        .await;
        step("tagger", Duration::from_secs(1), gateway.tagger.shutdown()).await;
        let archive = Duration::from_secs(3);
        step(
            "recordings",
            archive + Duration::from_millis(200),
            gateway.archive.shutdown(archive),
        )
        .await;
        step(
            "cameras",
            Duration::from_millis(3_200),
            gateway.supervisor.shutdown(),
        )
        .await;
        gateway.tasks.close();
        // The audit's writer ends when the gateway is dropped: the others are what is waited for here.
        gateway.audit.close();
        step("tasks", Duration::from_millis(500), gateway.tasks.wait()).await;
        tracing::info!("stopped");
    }
}
