//! What holds of every decision, through the public API.
#![cfg(feature = "testing")]
