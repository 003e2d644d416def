//! What the forms share.
