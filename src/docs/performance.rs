//! What it costs, measured.
