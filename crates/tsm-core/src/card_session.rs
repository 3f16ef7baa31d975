//! Secure channel sessions as scripts: built before, verified after, counters recorded.
