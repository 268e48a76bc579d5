//! What a policy means: the model, the Plan, and the one verdict
