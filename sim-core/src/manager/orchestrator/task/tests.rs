//! Rules about single tasks.
