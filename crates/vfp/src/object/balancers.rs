//! How load balancers and routes come and go.

use crate::document::{Answer, Refusal};
use crate::object::{LoadBalancer, SdnRoute, State};
use margay_hcn::{ErrorCode, Feature, Guid, Kind};

/// Direct server return, of a load balancer's flags \[SRC\].
const DSR: u32 = 1;

impl State {
    /// Makes a load balancer, or replaces the one of this id.
    pub(crate) fn create_balancer(&mut self, mut balancer: LoadBalancer) -> Answer<Guid> {
        if self.balancers.contains_key(&balancer.id) {
            return Err(Refusal::new(
                ErrorCode::OBJECT_ALREADY_EXISTS,
                format!("load balancer {} is there", balancer.id),
            ));
        }
        self.check_balancer(&balancer)?;
        balancer.id = self.id_or_new(balancer.id);
        let id = balancer.id;
        self.balancers.insert(id, balancer);
        Ok(id)
    }

    /// Changes a load balancer in place, from HNS 15.4 on \[SRC\].
    pub(crate) fn replace_balancer(&mut self, balancer: LoadBalancer) -> Answer<()> {
        let id = balancer.id;
        if !self.balancers.contains_key(&id) {
            return Err(self.missing(Kind::LoadBalancer, id));
        }
        if !self.version().has(Feature::ModifyLoadBalancer) {
            return Err(Refusal::new(
                ErrorCode::REQUEST_UNSUPPORTED,
                "load balancers are changed in place from HNS 15.4 on",
            ));
        }
        self.check_balancer(&balancer)?;
        self.balancers.insert(id, balancer);
        Ok(())
    }

    fn check_balancer(&self, balancer: &LoadBalancer) -> Answer<()> {
        if balancer.flags & DSR != 0 && !self.version().has(Feature::Dsr) {
            return Err(Refusal::policy("this HNS has no direct server return"));
        }
        balancer.endpoints.iter().try_for_each(|endpoint| self.endpoint(*endpoint).map(drop))
    }

    pub(crate) fn delete_balancer(&mut self, id: Guid) -> Answer<()> {
        self.balancers.remove(&id).map(drop).ok_or_else(|| self.missing(Kind::LoadBalancer, id))
    }

    pub(crate) fn create_route(&mut self, mut route: SdnRoute) -> Answer<Guid> {
        if self.routes.contains_key(&route.id) {
            return Err(Refusal::new(ErrorCode::OBJECT_ALREADY_EXISTS, format!("SDN route {} is there", route.id)));
        }
        route.endpoints.iter().try_for_each(|endpoint| self.endpoint(*endpoint).map(drop))?;
        route.id = self.id_or_new(route.id);
        let id = route.id;
        self.routes.insert(id, route);
        Ok(id)
    }

    pub(crate) fn delete_route(&mut self, id: Guid) -> Answer<()> {
        self.routes.remove(&id).map(drop).ok_or_else(|| self.missing(Kind::SdnRoute, id))
    }
}
