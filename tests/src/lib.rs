//! What the tests of the whole product share: the checkout, pages that can be followed, the binary, real clients.

pub mod checkout;
pub mod golden;
pub mod page;
pub mod peer;
pub mod play;
pub mod product;
pub mod reference;
pub mod scenario;
