//! I-61: What can be sent, shared, cloned and moved, and how large it is: for each type of ours, what its inner parts allow.

use bytes::Bytes;
use contraflow::error::{BoxError, TimedOut};
use contraflow::layer::{
    AnswerFuture, Boxed, BoxedFuture, Dial, DialError, DialFuture, FailoverFuture, FailoverLayer, FailoverService,
    Held, HostPolicy, HttpStack, Infallibly, InfalliblyFuture, Layers, MapAttempt, NotAPrefix, NotReady, Origin,
    OriginLeaf, Passthrough, PassthroughLeaf, PerEndpoint, RouteFuture, RouteLayer, RouteService, Routed, Stack,
    Target,
};
use contraflow::protocol::{Refusal, ReplayBody, ResponseBody};
use contraflow::state::Permit;
use contraflow::table::Endpoint;
use contraflow::time::{Clock, Instant, ManualClock};
use contraflow::traffic::{Pinned, PublishError, Published, Reader, Status, UnknownRegion};
use contraflow::{
    Decision, Entropy, Error, Facts, Grpc, Http, Plain, Rejected, Snapshot, Table, TableError, TableSpec, Traffic,
};
use http::{Request, Response};
use http_body_util::Full;
use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Future, Ready};
use std::marker::{PhantomData, PhantomPinned};
use std::pin::Pin;
use std::task::{Context, Poll};
use tower::{Layer, Service};

/// What is implemented for all types, and found only where nothing better is.
trait Otherwise {
    const HAS: bool = false;
}

/// Whether a type has a trait.
macro_rules! has {
    ($type:ty: $($bound:tt)+) => {{
        struct Asked<T: ?Sized>(PhantomData<T>);
        impl<T: ?Sized> Otherwise for Asked<T> {}
        #[allow(dead_code, reason = "used where the type has the trait")]
        impl<T: ?Sized + $($bound)+> Asked<T> {
            const HAS: bool = true;
        }
        <Asked<$type>>::HAS
    }};
}

/// Fails unless each of the types has exactly these of the traits.
macro_rules! assert_has {
    ($($type:ty),+ $(,)?; Send: $send:expr, Sync: $sync:expr, Clone: $clone:expr, Unpin: $unpin:expr) => {
        $({
            let name = stringify!($type);
            assert_eq!(has!($type: Send), $send, "{name}: Send");
            assert_eq!(has!($type: Sync), $sync, "{name}: Sync");
            assert_eq!(has!($type: Clone), $clone, "{name}: Clone");
            assert_eq!(has!($type: Unpin), $unpin, "{name}: Unpin");
        })+
    };
}

/// A service that may be anything: `M` says what.
struct Inner<M>(PhantomData<M>);

impl<M: Clone> Clone for Inner<M> {
    fn clone(&self) -> Self {
        Inner(PhantomData)
    }
}

/// A future of it, and a body.
struct Pending<T, M>(PhantomData<(fn() -> T, M)>);

impl<T, M> Future for Pending<T, M> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        Poll::Pending
    }
}

impl<R, M> Service<R> for Inner<M> {
    type Response = u64;
    type Error = Infallible;
    type Future = Pending<Result<u64, Infallible>, M>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: R) -> Self::Future {
        Pending(PhantomData)
    }
}

/// Clone, Send, Sync and Unpin.
type Good = u8;
/// All but Clone.
struct Single;
/// All but Sync.
type Unshared = Cell<u8>;
/// Clone and Unpin only.
type Local = std::rc::Rc<u8>;
/// All but Unpin.
type Pinning = PhantomPinned;

type Protocol = Plain<fn(&u64) -> Facts<'_>>;
type Make<S> = fn(&Endpoint) -> S;

type Passing<M> = Stack<Protocol, PassthroughLeaf<Inner<M>>>;
type OverHttp<M> = Stack<Http, OriginLeaf<Inner<M>>>;
type Each<M> = Stack<Protocol, PerEndpoint<Make<Inner<M>>, Inner<M>>>;
type Mapped<M> = Stack<Protocol, MapAttempt<PassthroughLeaf<Inner<M>>, fn(u64, &Target<'_>) -> u64>>;
type ByHand<M> = RouteService<Protocol, FailoverService<PassthroughLeaf<Inner<M>>>>;

type PassingFuture<M> = <Passing<M> as Service<u64>>::Future;
type Of<R> = FailoverFuture<Protocol, R, PassthroughLeaf<Inner<Good>>>;
type EachFuture<M> = <Each<M> as Service<u64>>::Future;
type ByHandFuture<M> = <ByHand<M> as Service<u64>>::Future;

/// I-61: A stack is what its service is: one that cannot be shared can still be sent, and cloned.
#[test]
fn services_are_what_their_inner_service_is() {
    macro_rules! of {
        ($inner:ty; $($flags:tt)+) => {
            assert_has!(
                Passing<$inner>, OverHttp<$inner>, ByHand<$inner>, Mapped<$inner>, HttpStack<Inner<$inner>>,
                Infallibly<OverHttp<$inner>, Http>, Boxed<Passing<$inner>>, FailoverService<PassthroughLeaf<Inner<$inner>>>,
                PassthroughLeaf<Inner<$inner>>, OriginLeaf<Inner<$inner>>, Dial<Inner<$inner>>; $($flags)+
            );
        };
    }
    of!(Good; Send: true, Sync: true, Clone: true, Unpin: true);
    of!(Unshared; Send: true, Sync: false, Clone: true, Unpin: true);
    of!(Single; Send: true, Sync: true, Clone: false, Unpin: true);
    of!(Local; Send: false, Sync: false, Clone: true, Unpin: true);
    of!(Pinning; Send: true, Sync: true, Clone: true, Unpin: false);
}

/// I-61: Clones of a stack over services of the endpoints' own share them, so it is `Clone` whatever they are, and `Send` only if
/// they are `Sync`.
#[test]
fn services_of_the_endpoints_own_are_shared_by_clones() {
    assert_has!(Each<Good>; Send: true, Sync: true, Clone: true, Unpin: true);
    assert_has!(Each<Single>; Send: true, Sync: true, Clone: true, Unpin: true);
    assert_has!(Each<Unshared>; Send: false, Sync: false, Clone: true, Unpin: true);
    assert_has!(Each<Local>; Send: false, Sync: false, Clone: true, Unpin: true);
}

/// I-61: What is not about any service goes everywhere.
#[test]
fn handles_and_layers_go_everywhere() {
    assert_has!(
        Traffic, Pinned, Reader, Table, TableSpec, Status, Published, Clock, ManualClock, Instant, Entropy, Decision,
        RouteLayer<Http>, RouteLayer<Protocol>, FailoverLayer, Origin, Passthrough, Layers<Http>, Layers<Protocol>,
        HostPolicy, Http, Grpc, Protocol, Refusal, Target<'static>, NotReady<u8>;
        Send: true, Sync: true, Clone: true, Unpin: true
    );
    // Each is one place in flight.
    assert_has!(Snapshot, Permit, Held; Send: true, Sync: true, Clone: false, Unpin: true);
}

/// I-61: A future can be sent, shared and moved if the one inside can; the request and the service in it count too, since it
/// holds them until they are handed over.
#[test]
fn futures_are_what_their_inner_future_is() {
    macro_rules! of {
        ($inner:ty; $($flags:tt)+) => {
            assert_has!(
                PassingFuture<$inner>, ByHandFuture<$inner>, AnswerFuture<PassingFuture<$inner>, Http>,
                InfalliblyFuture<PassingFuture<$inner>, Http>, BoxedFuture<PassingFuture<$inner>>,
                RouteFuture<Pending<(), $inner>>, DialFuture<Pending<(), $inner>>; $($flags)+
            );
        };
    }
    of!(Good; Send: true, Sync: true, Clone: false, Unpin: true);
    of!(Unshared; Send: true, Sync: false, Clone: false, Unpin: true);
    of!(Local; Send: false, Sync: false, Clone: false, Unpin: true);
    of!(Pinning; Send: true, Sync: true, Clone: false, Unpin: false);

    assert_has!(EachFuture<Good>; Send: true, Sync: true, Clone: false, Unpin: true);
    assert_has!(EachFuture<Unshared>; Send: false, Sync: false, Clone: false, Unpin: true);
    assert_has!(EachFuture<Pinning>; Send: true, Sync: true, Clone: false, Unpin: false);

    assert_has!(Of<Unshared>; Send: true, Sync: false, Clone: false, Unpin: true);
    assert_has!(Of<Local>; Send: false, Sync: false, Clone: false, Unpin: true);
    // A request is moved when it is handed over, and is never pinned.
    assert_has!(Of<Pinning>; Send: true, Sync: true, Clone: false, Unpin: true);
}

/// I-61: A body of ours is what the body inside is; so is a request on its way.
#[test]
fn bodies_are_what_the_body_inside_is() {
    macro_rules! of {
        ($inner:ty; $($flags:tt)+) => {
            assert_has!(ResponseBody<$inner, Held>, ReplayBody<$inner>, Routed<$inner, Http>; $($flags)+);
        };
    }
    of!(Good; Send: true, Sync: true, Clone: false, Unpin: true);
    of!(Unshared; Send: true, Sync: false, Clone: false, Unpin: true);
    of!(Local; Send: false, Sync: false, Clone: false, Unpin: true);
    of!(Pinning; Send: true, Sync: true, Clone: false, Unpin: false);
}

/// I-61: Errors can be kept, sent and put in a box.
#[test]
fn errors_go_everywhere() {
    fn assert_error<E: std::error::Error + Send + Sync + Unpin + 'static>() {}
    assert_error::<Error<Infallible>>();
    assert_error::<Error<std::io::Error>>();
    assert_error::<Rejected>();
    assert_error::<TimedOut>();
    assert_error::<TableError>();
    assert_error::<PublishError>();
    assert_error::<UnknownRegion>();
    assert_error::<NotAPrefix>();
    assert_error::<DialError<std::io::Error>>();
    assert_has!(Error<Good>; Send: true, Sync: true, Clone: true, Unpin: true);
    assert_has!(Error<Unshared>; Send: true, Sync: false, Clone: true, Unpin: true);
    assert_has!(Error<BoxError>; Send: true, Sync: true, Clone: false, Unpin: true);
}

/// I-61: Nothing borrows from the traffic that made it.
#[test]
fn all_can_be_kept_for_ever() {
    fn assert_static<T: 'static>() {}
    assert_static::<(Passing<Good>, Each<Good>, ByHand<Good>, HttpStack<Inner<Good>>)>();
    assert_static::<(PassingFuture<Good>, EachFuture<Good>, ByHandFuture<Good>)>();
    assert_static::<(ResponseBody<Good, Held>, ReplayBody<Good>, Pinned, Reader, Permit)>();
}

fn assert_at_most<T>(bytes: usize) {
    let size = size_of::<T>();
    assert!(size <= bytes, "{}: {size} bytes, more than {bytes}", std::any::type_name::<T>());
}

/// What is moved with every request costs by its size: a move of 64 bytes is about a nanosecond, and a line of the cache that
/// somebody else could have used. The bounds are what is there now and at most one more line; who breaks one measures.
#[test]
#[cfg(target_pointer_width = "64")]
fn what_is_moved_with_a_request_is_small() {
    // Cloned for each request by most servers: a reader, a flag, and nothing of the table.
    assert_at_most::<Stack<Http, PassthroughLeaf<()>>>(32);
    // With a scheme, a host policy and a prefix.
    assert_at_most::<Stack<Http, OriginLeaf<()>>>(96);

    // Moved when it is spawned or boxed: a pass, a timer's place, and either the request or the future inside.
    assert_at_most::<PassingFuture<Good>>(256);
    // And the place of its endpoint's service, to forget it there if it is broken.
    assert_at_most::<EachFuture<Good>>(288);
    // The deadline stands twice in a stack by hand: with the route and with the pass.
    assert_at_most::<ByHandFuture<Good>>(336);
    assert_eq!(size_of::<BoxedFuture<PassingFuture<Good>>>(), size_of::<PassingFuture<Good>>());

    // Moved from layer to layer.
    assert_at_most::<Routed<u64, Protocol>>(200);

    // Moved with every answer and kept for as long as its body: a download of an hour has this and no table.
    assert_at_most::<Held>(72);
    assert_at_most::<ResponseBody<(), Held>>(88);
    assert_at_most::<ResponseBody<Full<Bytes>, Held>>(size_of::<Full<Bytes>>() + 88);
    assert_at_most::<ReplayBody<Full<Bytes>>>(size_of::<Full<Bytes>>() + 8);

    // Returned by value from each poll.
    assert_at_most::<Error<Infallible>>(40);
    assert_at_most::<Error<BoxError>>(40);
}

/// Stacks for the right types compile, whatever their leaf and the wrapping around them.
#[test]
fn a_stack_of_the_right_types_passes_its_check() {
    type Sent = Request<ReplayBody<Full<Bytes>>>;
    type Client = fn(Sent) -> Ready<Result<Response<Full<Bytes>>, std::io::Error>>;
    fn client() -> tower::util::ServiceFn<Client> {
        tower::service_fn((|_| std::future::ready(Ok(Response::default()))) as Client)
    }
    fn protocol() -> Protocol {
        Plain::new((|_| Facts::path("/")) as fn(&u64) -> Facts<'_>)
    }
    fn is_service<R, S: Service<R>>(service: S) -> S {
        service
    }
    type Whole = Request<Full<Bytes>>;
    let traffic = Traffic::single("api", |route| route).expect("a sound table");

    is_service::<u64, _>(traffic.layers(protocol()).passthrough(Inner::<Good>(PhantomData)).check::<u64>());
    is_service::<u64, _>(traffic.layers(protocol()).per_endpoint(|_| Inner::<Good>(PhantomData)).check::<u64>());
    is_service::<u64, _>(traffic.layers(protocol()).passthrough(Inner::<Local>(PhantomData)).check::<u64>().boxed());
    let idempotent = Plain::new((|_| Facts::path("/")) as fn(&u64) -> Facts<'_>).idempotent(|_| true);
    is_service::<u64, _>(
        traffic.layers(idempotent).leaf(Passthrough::new().layer(Inner::<Good>(PhantomData))).check::<u64>(),
    );

    is_service::<Whole, _>(traffic.http(client()).check::<Whole>());
    is_service::<Whole, _>(traffic.http(client()).check::<Whole>().infallible());
    is_service::<Whole, _>(traffic.layers(Http).origin(Origin::new().https(), client()).check::<Whole>().boxed());
    is_service::<Whole, _>(traffic.layers(Http).with_decision().per_endpoint(|_| client()).check::<Whole>());
    is_service::<Whole, _>(traffic.layers(Grpc).passthrough(client()).check::<Whole>().answering().check::<Whole>());

    let mapped = traffic.layers(Http).passthrough(client()).map_attempt(|sent: Request<ReplayBody<_>>, _| sent);
    is_service::<Whole, _>(mapped.check::<Whole>());
    let numbers = traffic.layers(protocol()).passthrough(Inner::<Good>(PhantomData));
    let mapped = numbers.map_attempt(|number: u64, target| format!("{number} {}", target.endpoint().address()));
    is_service::<u64, _>(mapped.check::<u64>());
    let by_hand = traffic.route(Http).layer(traffic.failover().layer(Origin::new().layer(client())));
    is_service::<Whole, _>(by_hand);
}
