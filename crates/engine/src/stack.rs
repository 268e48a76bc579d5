//! Stacks: what endpoints with the same labels have in common.
//!
//! What an endpoint's stacks are follows from its class. The subjects that a class matches, and what is behind the last tier, are its *recipe*;
//! classes share recipes, and a recipe that changes is made into stacks once, however many endpoints have it.

use crate::cluster::Cluster;
use crate::idset::{IdSet, IdSets};
use crate::index::{Kind, ParentKind};
use crate::policy::Policies;
use crate::uses::{Change, Turn, Uses};
use margay_policy::convert::DEFAULT_ALLOW_PROFILE;
use margay_policy::{
    Direction, End, EndpointStacks, Layer, Name, Plan, PolicyId, Stack, StackId, Stage, Store, TierEnd, TierSlice,
};
use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;
use std::collections::BTreeSet;

/// The recipes of classes in scope, and the stacks in the Plan.
#[derive(Default)]
pub(crate) struct Stacks {
    recipes: Store<u32, Recipe>,
    by_key: FxHashMap<Key, u32>,
    of_class: FxHashMap<u32, u32>,
    /// The recipes that an entry is in.
    of_entry: FxHashMap<u32, IdSet>,
    by_name: FxHashMap<Name, StackId>,
    uses: FxHashMap<StackId, Uses>,
    /// Classes that may have another recipe, and those (true) whose recipe, be it the same, may make other stacks.
    dirty_classes: FxHashMap<u32, bool>,
    /// Recipes that may make other stacks.
    dirty_recipes: BTreeSet<u32>,
    /// Stacks that came into the Plan since the last flush.
    pub(crate) new: FxHashSet<StackId>,
    /// Stacks whose users changed since the last flush.
    pub(crate) touched: Vec<StackId>,
    /// Stacks that nobody uses any more, since the last flush.
    pub(crate) gone: Vec<(StackId, Box<Stack>)>,
}

/// What identifies a recipe.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    /// Entries of policies' subjects.
    subjects: Box<[u32]>,
    behind: Behind,
}

/// What is behind the last tier.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Behind {
    /// A pod; whether its Namespace exists.
    Pod(bool),
    /// A host endpoint; its profiles in order.
    Host(Box<[u32]>),
}

struct Recipe {
    key: Key,
    classes: IdSet,
    /// Endpoints in the Plan that have it.
    users: u32,
    /// What it makes; made while it has users.
    made: Option<Made>,
}

/// The stacks of a recipe: enforced, and staged where they differ.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) enforced: EndpointStacks,
    pub(crate) staged: Option<EndpointStacks>,
}

impl Made {
    fn stacks(self) -> impl Iterator<Item = (StackId, bool)> {
        let staged = self.staged.into_iter().flat_map(EndpointStacks::iter);
        self.enforced.iter().map(|id| (id, true)).chain(staged.map(|id| (id, false)))
    }
}

/// A stack that is not in the Plan yet.
struct Draft {
    ingress: Vec<Slice>,
    egress: Vec<Slice>,
    end: End,
}

struct Slice {
    tier: SmolStr,
    end: TierEnd,
    policies: Vec<u32>,
}

impl Stacks {
    /// Notes that an entry's policies, or how they stand, changed.
    pub(crate) fn restack(&mut self, ids: &IdSets, entry: u32) {
        if let Some(recipes) = self.of_entry.get(&entry) {
            self.dirty_recipes.extend(ids.iter(*recipes));
        }
    }

    /// Notes that what is behind the last tier of a class may have changed.
    pub(crate) fn restack_class(&mut self, class: u32) {
        self.dirty_classes.insert(class, true);
    }

    /// Notes that a class may match other subjects.
    pub(crate) fn rematch(&mut self, class: u32) {
        self.dirty_classes.entry(class).or_insert(false);
    }

    /// A class is no more.
    pub(crate) fn drop_class(&mut self, cluster: &mut Cluster, class: u32) {
        let restack = self.dirty_classes.remove(&class).unwrap_or(false);
        if let Some(recipe) = self.of_class.remove(&class) {
            // Another class may come to have this recipe before it is made again.
            self.dirty_recipes.extend(Some(recipe).filter(|_| restack));
            let found = self.recipes.get_mut(recipe).expect("the recipe of a class");
            cluster.index.ids.remove(&mut found.classes, class);
            self.drop_if_unused(cluster, recipe);
        }
    }

    /// The recipe of a class, as it was when it was last looked at.
    pub(crate) fn recipe(&self, class: u32) -> Option<u32> {
        self.of_class.get(&class).copied()
    }

    /// Finds the recipes of classes that may have another. Gives the classes for which that is so.
    pub(crate) fn assign(&mut self, cluster: &mut Cluster) -> Vec<u32> {
        let mut dirty: Vec<(u32, bool)> = self.dirty_classes.drain().collect();
        dirty.sort_unstable();
        let mut changed = Vec::new();
        for (class, restack) in dirty {
            changed.extend(self.assign_class(cluster, class).then_some(class));
            self.dirty_recipes.extend(self.of_class.get(&class).filter(|_| restack));
        }
        changed
    }

    fn assign_class(&mut self, cluster: &mut Cluster, class: u32) -> bool {
        let index = &cluster.index;
        let subjects = index.matches(class).filter(|entry| index.is_subject(*entry)).collect();
        let parents = index.parents_of(class);
        let behind = match index.kind(class) {
            Kind::LocalHost => Behind::Host(parents.into()),
            _ => Behind::Pod(parents.first().is_some_and(|namespace| index.parent_exists(*namespace))),
        };
        let key = Key { subjects, behind };
        let before = self.of_class.get(&class).copied();
        if before.is_some_and(|id| self.recipes[id].key == key) {
            return false;
        }
        let id = self.by_key.get(&key).copied().unwrap_or_else(|| {
            let recipe = Recipe { key: key.clone(), classes: IdSet::default(), users: 0, made: None };
            let id = self.recipes.insert(recipe);
            for entry in &key.subjects {
                cluster.index.ids.insert(self.of_entry.entry(*entry).or_default(), id);
            }
            self.by_key.insert(key, id);
            id
        });
        let recipe = self.recipes.get_mut(id).expect("a recipe that was just found");
        cluster.index.ids.insert(&mut recipe.classes, class);
        self.of_class.insert(class, id);
        if let Some(before) = before {
            let recipe = self.recipes.get_mut(before).expect("the recipe of a class");
            cluster.index.ids.remove(&mut recipe.classes, class);
            self.drop_if_unused(cluster, before);
        }
        true
    }

    fn drop_if_unused(&mut self, cluster: &mut Cluster, id: u32) {
        let recipe = &self.recipes[id];
        if recipe.users > 0 || !recipe.classes.is_empty() {
            return;
        }
        self.dirty_recipes.remove(&id);
        let Some(recipe) = self.recipes.remove(id) else { return };
        self.by_key.remove(&recipe.key);
        for entry in &recipe.key.subjects {
            if let Some(recipes) = self.of_entry.get_mut(entry) {
                cluster.index.ids.remove(recipes, id);
                if recipes.is_empty() {
                    self.of_entry.remove(entry);
                }
            }
        }
    }

    /// An endpoint has this recipe from now on.
    pub(crate) fn acquire(&mut self, id: u32) {
        let recipe = self.recipes.get_mut(id).expect("the recipe of a class");
        recipe.users += 1;
        if recipe.made.is_none() {
            self.dirty_recipes.insert(id);
        }
    }

    /// An endpoint no longer has this recipe. Gives the stacks to let go of, once what takes their place is there.
    pub(crate) fn release(&mut self, cluster: &mut Cluster, id: u32) -> Option<Made> {
        let recipe = self.recipes.get_mut(id).expect("a recipe that an endpoint had");
        recipe.users -= 1;
        let made = if recipe.users == 0 { recipe.made.take() } else { None };
        self.drop_if_unused(cluster, id);
        made
    }

    /// What a recipe that has users makes.
    pub(crate) fn made(&self, id: u32) -> Made {
        self.recipes[id].made.expect("a recipe with users is made in every flush")
    }

    /// Makes the recipes that may make other stacks than before. Gives the classes that have others now, and what to let go of.
    pub(crate) fn make(
        &mut self,
        cluster: &mut Cluster,
        policies: &mut Policies,
        plan: &mut Plan,
    ) -> (Vec<u32>, Vec<Made>) {
        let (mut classes, mut before) = (Vec::new(), Vec::new());
        for id in std::mem::take(&mut self.dirty_recipes) {
            let Some(recipe) = self.recipes.get(id).filter(|recipe| recipe.users > 0) else { continue };
            let key = recipe.key.clone();
            let made = self.make_one(cluster, policies, plan, &key);
            for (stack, enforced) in made.stacks() {
                self.apply(cluster, policies, plan, stack, Change::Add);
                if enforced {
                    self.apply(cluster, policies, plan, stack, Change::Enforce);
                }
            }
            let recipe = self.recipes.get_mut(id).expect("just found");
            let old = recipe.made.replace(made);
            if old != Some(made) {
                classes.extend(cluster.index.ids.iter(recipe.classes));
            }
            before.extend(old);
        }
        (classes, before)
    }

    fn make_one(&mut self, cluster: &mut Cluster, policies: &mut Policies, plan: &mut Plan, key: &Key) -> Made {
        let mut all: Vec<u32> = key.subjects.iter().flat_map(|entry| cluster.index.policies(*entry)).collect();
        policies.sort(cluster, &mut all);
        let layers: Vec<_> = all.iter().map(|id| policies.layers(cluster, *id)).collect();
        let of = |layer: Layer| {
            let in_layer = all.iter().zip(&layers).filter(|(_, layers)| match layer {
                Layer::Enforced => layers.enforced,
                Layer::Staged => layers.staged,
            });
            in_layer.map(|(id, _)| *id).collect::<Vec<u32>>()
        };
        let profiles = match &key.behind {
            Behind::Pod(_) => Vec::new(),
            Behind::Host(parents) => parents.iter().filter_map(|id| profile(cluster, policies, *id)).collect(),
        };
        let mut stacks = |list: &[u32]| self.endpoint_stacks(cluster, policies, plan, key, list, &profiles);
        let enforced = stacks(&of(Layer::Enforced));
        let differs = layers.iter().any(|layers| layers.enforced != layers.staged);
        let staged = differs.then(|| stacks(&of(Layer::Staged))).filter(|staged| *staged != enforced);
        Made { enforced, staged }
    }

    fn endpoint_stacks(
        &mut self,
        cluster: &mut Cluster,
        policies: &mut Policies,
        plan: &mut Plan,
        key: &Key,
        list: &[u32],
        profiles: &[u32],
    ) -> EndpointStacks {
        let mut stack = |stages: &[Stage], ends: bool, profiles: &[u32], end| {
            let draft = draft(policies, list, stages, ends, profiles, end);
            self.place(cluster, policies, plan, draft)
        };
        use Stage::{Forward, Normal, PreDnat, Untracked};
        match key.behind {
            Behind::Pod(exists) => {
                let end = if exists { End::Allow } else { End::Deny };
                EndpointStacks::Pod(stack(&[Normal, Forward, PreDnat, Untracked], true, &[], end))
            }
            Behind::Host(_) => EndpointStacks::Host {
                untracked: stack(&[Untracked], false, &[], End::Next),
                pre_dnat: stack(&[PreDnat], false, &[], End::Next),
                normal: stack(&[Normal, Forward], true, profiles, End::Deny),
                forward: stack(&[Forward], true, &[], End::Allow),
            },
        }
    }

    /// The place of a stack in the Plan; it comes there if it was not yet, to be used at once.
    fn place(&mut self, cluster: &mut Cluster, policies: &mut Policies, plan: &mut Plan, draft: Draft) -> StackId {
        let name = draft.name(cluster, policies, plan);
        if let Some(id) = self.by_name.get(&name) {
            return *id;
        }
        for policy in draft.distinct() {
            policies.apply(cluster, plan, policy, Change::Add);
        }
        let slice = |slice: Slice| TierSlice {
            tier: slice.tier,
            policies: slice.policies.into_iter().map(|id| policies.id(id)).collect(),
            end: slice.end,
        };
        let id = plan.stacks.insert(Stack {
            name,
            ingress: draft.ingress.into_iter().map(slice).collect(),
            egress: draft.egress.into_iter().map(slice).collect(),
            end: draft.end,
            enforced: false,
        });
        self.by_name.insert(name, id);
        self.uses.insert(id, Uses::default());
        self.new.insert(id);
        id
    }

    /// Lets go of stacks that a recipe made.
    pub(crate) fn let_go(&mut self, cluster: &mut Cluster, policies: &mut Policies, plan: &mut Plan, made: Made) {
        for (stack, enforced) in made.stacks() {
            if enforced {
                self.apply(cluster, policies, plan, stack, Change::Stage);
            }
            self.apply(cluster, policies, plan, stack, Change::Drop);
        }
    }

    /// Changes the users of a stack, and so those of its policies.
    fn apply(&mut self, cluster: &mut Cluster, policies: &mut Policies, plan: &mut Plan, id: StackId, change: Change) {
        let turn = self.uses.get_mut(&id).expect("a stack of the Plan").apply(change);
        match (turn, change) {
            (Turn { used: true, .. }, Change::Drop) => {
                for policy in members(&plan.stacks[id]) {
                    policies.apply(cluster, plan, policies.of_plan(policy), Change::Drop);
                }
                self.uses.remove(&id);
                let stack = plan.stacks.get_mut(id).map(|stack| {
                    let rest = Stack { ingress: Vec::new(), egress: Vec::new(), ..*stack };
                    std::mem::replace(stack, rest)
                });
                self.by_name.remove(&plan.stacks[id].name);
                self.gone.extend(stack.map(|stack| (id, Box::new(stack))));
            }
            (Turn { enforced: true, .. }, _) => {
                self.touched.push(id);
                for policy in members(&plan.stacks[id]) {
                    policies.apply(cluster, plan, policies.of_plan(policy), change);
                }
            }
            _ => {}
        }
    }

    /// Whether anything uses a stack of the Plan; its place is kept until the next flush in any case.
    pub(crate) fn is_used(&self, id: StackId) -> bool {
        self.uses.contains_key(&id)
    }

    /// Whether an endpoint is enforced by a stack of the Plan.
    pub(crate) fn is_enforced(&self, id: StackId) -> bool {
        self.uses.get(&id).is_some_and(|uses| uses.enforced > 0)
    }
}

/// The policies of a stack, each once.
fn members(stack: &Stack) -> Vec<PolicyId> {
    let mut policies: Vec<PolicyId> =
        stack.ingress.iter().chain(&stack.egress).flat_map(|s| s.policies.clone()).collect();
    policies.sort_unstable();
    policies.dedup();
    policies
}

/// The profile that a parent of a host endpoint is, if it has rules (decision 17).
fn profile(cluster: &mut Cluster, policies: &mut Policies, parent: u32) -> Option<u32> {
    let name = SmolStr::from(cluster.index.parent_name(parent));
    let namespace_exists = |namespace: &str| {
        let parent = cluster.index.find_parent(ParentKind::Namespace, namespace);
        parent.is_some_and(|id| cluster.index.parent_exists(id))
    };
    let allows = name == DEFAULT_ALLOW_PROFILE || name.strip_prefix("kns.").is_some_and(namespace_exists);
    if allows {
        return Some(policies.allow_all(cluster, &name));
    }
    if crate::policy::exists_by_itself(&name) {
        return None;
    }
    let kind = margay_api::Kind::Profile;
    cluster
        .names
        .find(&margay_api::Key { kind, namespace: SmolStr::default(), name })
        .filter(|id| policies.is_there(*id))
}

/// The stack of those policies of a sorted list that are of these stages, then of profiles.
fn draft(policies: &Policies, list: &[u32], stages: &[Stage], ends: bool, profiles: &[u32], end: End) -> Draft {
    let slices = |direction: Direction| {
        let mut slices: Vec<Slice> = Vec::new();
        let mut tier = None;
        for id in
            list.iter().filter(|id| stages.contains(&policies.stage(**id)) && policies.takes_part(**id, direction))
        {
            let next = policies.tier_of(*id);
            if tier.replace(next) != Some(next) {
                let (name, order) = policies.tier_order(next);
                let end = if ends { order.end } else { TierEnd::Pass };
                slices.push(Slice { tier: name.clone(), end, policies: Vec::new() });
            }
            slices.last_mut().expect("a slice was just made for the tier").policies.push(*id);
        }
        let profiles = profiles.iter().filter(|id| policies.takes_part(**id, direction));
        slices.extend(profiles.map(|id| Slice { tier: SmolStr::default(), end: TierEnd::Pass, policies: vec![*id] }));
        slices
    };
    Draft { ingress: slices(Direction::Ingress), egress: slices(Direction::Egress), end }
}

impl Draft {
    /// The stable name: the hash of all that is in the stack.
    fn name(&self, cluster: &Cluster, policies: &Policies, plan: &Plan) -> Name {
        let names = |slices: &[Slice]| {
            let slice = |slice: &Slice| {
                let names: Vec<Name> =
                    slice.policies.iter().map(|id| policies.stable_name(cluster, plan, *id)).collect();
                (slice.tier.clone(), slice.end, names)
            };
            slices.iter().map(slice).collect::<Vec<_>>()
        };
        Name::of(&(self.end, names(&self.ingress), names(&self.egress)))
    }

    /// Its policies, each once.
    fn distinct(&self) -> Vec<u32> {
        let mut policies: Vec<u32> = self.ingress.iter().chain(&self.egress).flat_map(|s| s.policies.clone()).collect();
        policies.sort_unstable();
        policies.dedup();
        policies
    }
}
