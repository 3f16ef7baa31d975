//! The tsm command line: demo, development set-up, operator commands.
