//! The report as one self-contained HTML file.

use crate::{Report, Side};
use maud::{DOCTYPE, Markup, html};

/// Writes the report as one accessible HTML file without external resources or scripts.
#[must_use]
pub fn render_html(report: &Report) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Report: " (report.summary.title) }
            }
            body {
                main {
                    h1 { (report.summary.title) }
                    p { (report.headline) }
                    (scores("Defenders", Side::Blue, report))
                    (scores("Attackers", Side::Red, report))
                }
            }
        }
    };
    page.into_string()
}

fn scores(title: &str, side: Side, report: &Report) -> Markup {
    html! {
        table {
            caption { (title) }
            thead { tr { th scope="col" { "Metric" } th scope="col" { "Points" } th scope="col" { "Reason" } } }
            tbody {
                @for metric in report.side(side) {
                    tr { th scope="row" { (metric.title) } td { (metric.points) } td { (metric.reason) } }
                }
            }
        }
    }
}
