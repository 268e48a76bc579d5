//! The naive evaluator straight from resources: the oracle of every property test
