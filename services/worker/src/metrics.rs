//! What the worker counts: names, units and labels in one place.

use trinity_atoms::Fault;

/// Counts an attempt that ended; `code` is the fault's, or "none".
pub(crate) fn attempt_ended(atom: &str, fault: Option<&Fault>, cached: bool) {
    // Why: an atom's name comes from outside, and labels must not grow without end.
    let atom = trinity_atoms::known_slug(atom).unwrap_or("unknown");
    let code = fault.map_or_else(|| "none".to_owned(), |fault| fault.code.clone());
    metrics::counter!("trinity_worker_attempts_total", "atom" => atom, "code" => code, "cached" => cached.to_string())
        .increment(1);
}

/// Tasks under way.
pub(crate) fn running(count: usize) {
    metrics::gauge!("trinity_worker_running").set(count as f64);
}

/// Results that orchestration has not recorded yet.
pub(crate) fn unrecorded(count: usize) {
    metrics::gauge!("trinity_worker_unrecorded").set(count as f64);
}

/// Log lines that were thrown away because nobody could take them.
pub(crate) fn lines_dropped(count: u64) {
    metrics::counter!("trinity_worker_log_lines_dropped_total").increment(count);
}
