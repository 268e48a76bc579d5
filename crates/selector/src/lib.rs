//! The selector language: parse, print, evaluate, and what a match requires
