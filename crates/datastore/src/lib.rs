//! Sources of resources: one update stream, whatever it is read from
