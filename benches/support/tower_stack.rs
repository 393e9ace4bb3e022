//! What we are measured against: tower's own `Retry > Steer(8) > ConcurrencyLimit`, as somebody would write it today.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower::Service;
use tower::limit::ConcurrencyLimit;
use tower::retry::budget::{Budget, TpsBudget};
use tower::retry::{Policy, Retry};
use tower::steer::{Picker, Steer};

/// Answers at once with what it got, so that requests are used again and none is built while time is taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Echo;

impl<R> Service<R> for Echo {
    type Response = R;
    type Error = Infallible;
    type Future = Ready<Result<R, Infallible>>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: R) -> Self::Future {
        ready(Ok(request))
    }
}

/// Retries failures from a budget; copies each request beforehand, as tower asks its policies to.
#[derive(Clone, Debug)]
pub(crate) struct FromBudget(Arc<TpsBudget>);

impl<Q: Clone, T, E> Policy<Q, T, E> for FromBudget {
    type Future = Ready<()>;

    #[inline]
    fn retry(&mut self, _: &mut Q, answer: &mut Result<T, E>) -> Option<Ready<()>> {
        if answer.is_ok() {
            self.0.deposit();
            return None;
        }
        self.0.withdraw().then(|| ready(()))
    }

    #[inline]
    fn clone_request(&mut self, request: &Q) -> Option<Q> {
        Some(request.clone())
    }
}

/// One after the other.
#[derive(Clone, Debug)]
pub(crate) struct InTurn<Q>(usize, PhantomData<fn(Q)>);

impl<S, Q> Picker<S, Q> for InTurn<Q> {
    #[inline]
    fn pick(&mut self, _: &Q, services: &[S]) -> usize {
        self.0 = self.0.wrapping_add(1);
        self.0 % services.len()
    }
}

pub(crate) type TowerStack<Q, S> = Retry<FromBudget, Steer<ConcurrencyLimit<S>, InTurn<Q>, Q>>;

/// The tower stack over eight of a service.
pub(crate) fn tower_stack<Q, S>(service: &S) -> TowerStack<Q, S>
where
    S: Service<Q> + Clone,
{
    let services = (0..8).map(|_| ConcurrencyLimit::new(service.clone(), 1024));
    let steer = Steer::new(services, InTurn(0, PhantomData));
    Retry::new(FromBudget(Arc::new(TpsBudget::default())), steer)
}
