//! What is told of the agent while it works: health and metrics.

use margay_agent::settings::Settings;
use margay_telemetry::{Answer, Server, Telemetry, health_page, metrics_page};
use std::net::SocketAddr;
use tracing::warn;

/// Serves health and metrics where the settings say. What can't be served is said, and stops nothing.
pub(super) fn serve(settings: &Settings, telemetry: &Telemetry) {
    let (health, metrics) = (settings.health_address, settings.metrics_address);
    match (health, metrics) {
        (Some(health), Some(metrics)) if health == metrics && health.port() != 0 => {
            page("health and metrics", health, telemetry, |telemetry, path, query| {
                health_page(telemetry, path, query).or_else(|| metrics_page(telemetry, path, query))
            });
        }
        _ => {
            if let Some(address) = health {
                page("health", address, telemetry, health_page);
            }
            if let Some(address) = metrics {
                page("metrics", address, telemetry, metrics_page);
            }
        }
    }
}

fn page(
    what: &'static str,
    address: SocketAddr,
    telemetry: &Telemetry,
    page: fn(&Telemetry, &str, &str) -> Option<Answer>,
) {
    let telemetry = telemetry.clone();
    if let Err(error) = Server::start(what, address, move |path, query| page(&telemetry, path, query)) {
        warn!("{what} can't be served at {address}: {error}");
    }
}
