//! The figures to beat.

/// A figure of Felix's: of a whole row, or of one operation.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Beat {
    /// Seconds: user CPU of a whole row, time of an operation.
    pub(crate) seconds: f64,
    /// Bytes on the heap; 0 where it was not measured.
    pub(crate) heap: f64,
    /// Allocations; 0 where they were not counted.
    pub(crate) allocations: f64,
}

const fn whole(seconds: f64, megabytes: f64, millions: f64) -> Beat {
    Beat { seconds, heap: megabytes * 1e6, allocations: millions * 1e6 }
}

const fn operation(microseconds: f64) -> Beat {
    Beat { seconds: microseconds / 1e6, heap: 0.0, allocations: 0.0 }
}

/// Rows with "then all local endpoints deleted" took 1.0 to 1.8 times as long as without: they stand beside the figure without.
const FIGURES: &[(&str, Beat)] = &[
    ("snapshot-250k-10k", whole(11.7, 245.0, 15.3)),
    ("netset-10k-1k", whole(1.0, 80.0, 2.6)),
    ("netset-10k-10k", whole(16.9, 635.0, 23.5)),
    ("isolated-10k", whole(1.0, 35.0, 1.4)),
    ("isolated-100k", whole(16.8, 311.0, 13.6)),
    ("index-endpoint-10", operation(10.0)),
    ("index-endpoint-100", operation(24.0)),
    ("index-endpoint-1000", operation(242.0)),
    ("index-endpoint-10000", operation(5_000.0)),
    ("index-selector-100", operation(17.0)),
    ("index-selector-1000", operation(89.0)),
    ("index-selector-10000", operation(1_200.0)),
    ("index-selector-100000", operation(19_000.0)),
    ("index-namespace-100", operation(8.4)),
    ("index-namespace-1000", operation(8.4)),
    ("index-namespace-10000", operation(8.4)),
    ("index-namespace-100000", operation(16.0)),
    ("selector-parse", Beat { allocations: 36.0, ..operation(3.5) }),
    ("selector-match", operation(0.25)),
    ("nft-resync-100x20", operation(352_000.0)),
    ("nft-member-100x20", operation(7_500.0)),
    ("nft-policy-100x20", operation(14_800.0)),
    ("nft-resync-500x50", operation(1_750_000.0)),
    ("nft-member-500x50", operation(8_600.0)),
    ("nft-policy-500x50", operation(17_000.0)),
    ("nft-resync-2000x100", operation(8_610_000.0)),
    ("nft-member-2000x100", operation(12_400.0)),
    ("nft-policy-2000x100", operation(28_700.0)),
];

/// The figure for a row, if there is one.
pub(crate) fn of(name: &str) -> Option<Beat> {
    let name = name.strip_suffix("-deleted").unwrap_or(name);
    FIGURES.iter().find(|(of, _)| *of == name).map(|(_, beat)| *beat)
}
