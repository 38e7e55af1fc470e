//! Logs of this process, and the trace context that travels with requests and events.

pub mod trace;

use std::io::IsTerminal;
use std::str::FromStr;

use tracing_subscriber::EnvFilter;

use crate::config::Settings;

/// Libraries that tell each of their steps at the level of news. `RUST_LOG` may name them and
/// have it otherwise.
const QUIET: &str = "deltalake_core=warn,buoyant_kernel=warn,buoyant_kernel_engine=warn";

/// Starts logging to the standard error output, so that the standard output stays free for the
/// results of commands. The first call in a process decides; later ones only read their settings.
///
/// - `TAKEAWAY_LOG`: `json` or `pretty`; by default `pretty` on a terminal, else `json`.
/// - `RUST_LOG`: what is logged, as `tracing-subscriber` reads it; by default `info`.
pub fn init(service: &'static str, settings: &mut Settings) {
    let on_terminal = std::io::stderr().is_terminal();
    let by_default = if on_terminal { Format::Pretty } else { Format::Json };
    let format = settings.or("TAKEAWAY_LOG", by_default);
    let levels = settings.or("RUST_LOG", "info".to_owned());
    let filter = EnvFilter::try_new(format!("{QUIET},{levels}")).unwrap_or_else(|cause| {
        settings.problem("RUST_LOG", format!("cannot be read ({cause}): correct it or unset it"));
        EnvFilter::new("info")
    });
    let builder = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter);
    let started = match format {
        Format::Json => builder.json().flatten_event(true).with_span_list(false).try_init(),
        Format::Pretty => builder.with_ansi(on_terminal).compact().try_init(),
    };
    if started.is_ok() {
        tracing::info!(service, version = env!("CARGO_PKG_VERSION"), "logging starts");
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Pretty,
}

impl FromStr for Format {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "json" => Ok(Self::Json),
            "pretty" => Ok(Self::Pretty),
            _ => Err("it is neither json nor pretty"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_services_may_start_in_one_process() {
        for service in ["orders", "promotions"] {
            let mut settings =
                Settings::from_pairs([("TAKEAWAY_LOG", "json"), ("RUST_LOG", "off")]);
            init(service, &mut settings);
            assert!(settings.finish(()).is_ok());
        }
    }

    #[test]
    fn a_wrong_format_or_filter_is_a_problem() {
        let mut settings = Settings::from_pairs([("TAKEAWAY_LOG", "xml"), ("RUST_LOG", "a=b=c")]);
        init("orders", &mut settings);
        assert_eq!(settings.finish(()).unwrap_err().problems().len(), 2);
    }
}
