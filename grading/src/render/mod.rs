//! Reports for people.

mod charts;
mod html;
mod text;

pub use html::render_html;
pub use text::render_text;
