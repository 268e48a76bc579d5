//! A cluster and flows through it.

use crate::cluster::{Change, Cluster, cluster};
use crate::flow::{Seed, seed};
use crate::points::Points;
use crate::{Shape, update};
use margay_spec::Flow;
use proptest::prelude::*;
use std::fmt;

/// A cluster and flows through it.
#[derive(Clone, Debug)]
pub struct Case {
    /// The resources.
    pub cluster: Cluster,
    /// Flows, most of which meet some policy.
    pub flows: Vec<Flow>,
}

/// Cases of this shape. They shrink to fewer and plainer resources and to one flow; a flow stays the same while the cluster shrinks.
pub fn strategy(shape: Shape) -> BoxedStrategy<Case> {
    (cluster(shape), prop::collection::vec(seed(), 1..=shape.flows))
        .prop_map(move |(cluster, seeds)| {
            let flows = bind(&seeds, &Points::of([&cluster], shape), shape);
            Case { cluster, flows }
        })
        .boxed()
}

fn bind(seeds: &[Seed], points: &Points, shape: Shape) -> Vec<Flow> {
    seeds.iter().filter_map(|seed| seed.bind(points, shape)).collect()
}

impl fmt::Display for Case {
    /// The flows as comments, then the cluster as a YAML stream.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.flows.iter().try_for_each(|flow| writeln!(f, "# {flow}"))?;
        self.cluster.fmt(f)
    }
}

/// A cluster, what becomes of it step by step, and flows worth trying in each state.
#[derive(Clone, Debug)]
pub struct History {
    /// The first state.
    pub start: Cluster,
    /// The changes of each step, in order.
    pub steps: Vec<Vec<Change>>,
    /// Flows, drawn from what any of the states names.
    pub flows: Vec<Flow>,
}

impl History {
    /// Every state, from the first.
    pub fn states(&self) -> Vec<Cluster> {
        let mut states = vec![self.start.clone()];
        for step in &self.steps {
            let mut next = states[states.len() - 1].clone();
            next.apply(step);
            states.push(next);
        }
        states
    }
}

/// Histories of clusters of this shape, of up to so many steps: resources added, replaced, relabelled and removed.
pub fn updates(shape: Shape, steps: usize) -> BoxedStrategy<History> {
    let edits = prop::collection::vec(prop::collection::vec(update::edit(shape), 1..=4), 1..=steps);
    (cluster(shape), edits, prop::collection::vec(seed(), 1..=shape.flows))
        .prop_map(move |(start, edits, seeds)| {
            let steps = update::bind(&start, &edits, shape);
            let mut history = History { start, steps, flows: Vec::new() };
            history.flows = bind(&seeds, &Points::of(&history.states(), shape), shape);
            history
        })
        .boxed()
}
