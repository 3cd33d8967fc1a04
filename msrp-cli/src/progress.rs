//! Progress bars, where there is a terminal to draw them on.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::Output;

/// A bar for one message of `total` octets, if known; hidden where nobody would see it.
pub(crate) fn bar(output: &Output, label: &str, total: Option<u64>) -> ProgressBar {
    let bar = match total {
        Some(total) => ProgressBar::new(total).with_style(style(KNOWN)),
        None => ProgressBar::no_length().with_style(style(UNKNOWN)),
    };
    // indicatif itself hides the bar where standard error is no terminal.
    bar.set_draw_target(match output.draws() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    });
    bar.with_message(label.to_owned())
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates below are well formed")
}

const KNOWN: &str = "{msg} [{bar:30}] {bytes}/{total_bytes} {binary_bytes_per_sec} {eta} left";
const UNKNOWN: &str = "{msg} {spinner} {bytes} {binary_bytes_per_sec}";
