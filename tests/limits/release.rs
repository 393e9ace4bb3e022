//! Until when a request counts at its route, its region and its endpoint.

use super::*;
use bytes::Bytes;
use contraflow::layer::Held;
use contraflow::protocol::{ReplayBody, ResponseBody};
use contraflow::table::ReleaseOn;
use contraflow::{Grpc, Http};
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::Empty;

/// Frames, and pauses where it says so.
#[derive(Clone)]
struct Frames(Vec<bool>);

impl Body for Frames {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        match self.0.pop() {
            Some(true) => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x"))))),
            Some(false) => Poll::Pending,
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        !self.0.contains(&true)
    }
}

type Answered = Response<ResponseBody<Frames, Held>>;

fn read(answer: &mut Answered) -> bool {
    Pin::new(answer.body_mut()).poll_frame(&mut Context::from_waker(Waker::noop())).is_ready()
}

fn limited(release: ReleaseOn, stalled: Duration) -> (Traffic, ManualClock) {
    let limit = || Limit::fixed(1);
    let spec = one_region(
        |c| c.limit(limit()).endpoint_limit(1),
        |r| r.limit(limit()).release(release).hold_at_most(stalled).deadline(Duration::MAX),
    );
    traffic(spec)
}

/// In flight at the route, the region and the endpoint, which is the same.
fn in_flight(traffic: &Traffic) -> u32 {
    let region = region(traffic, "eu");
    let counts = [route_limit(traffic).in_flight, region.in_flight, region.endpoints[0].in_flight];
    assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
    counts[0]
}

type Sent = Request<Empty<Bytes>>;

fn request() -> Sent {
    Request::new(Empty::new())
}

/// A client that answers with three frames; and whether there is room for another request.
fn answered(traffic: &Traffic, is_grpc: bool) -> Answered {
    let client = tower::service_fn(|_: Request<ReplayBody<Empty<Bytes>>>| {
        std::future::ready(Ok::<_, &'static str>(Response::new(Frames(vec![true; 3]))))
    });
    if is_grpc {
        call(&mut traffic.layers(Grpc).passthrough(client), request()).now().expect("an answer")
    } else {
        call(&mut traffic.layers(Http).passthrough(client), request()).now().expect("an answer")
    }
}

/// I-33: a request counts at its route, its region and its endpoint until the head, the first frame or the end, as the route
/// says, and until its body is dropped at the latest; then there is room for the next.
#[test]
fn all_three_limits_are_released_when_the_route_says() {
    for is_grpc in [false, true] {
        // In flight after the head and after each frame.
        let cases =
            [(ReleaseOn::Head, [0, 0, 0, 0]), (ReleaseOn::FirstFrame, [1, 0, 0, 0]), (ReleaseOn::End, [1, 1, 1, 0])];
        for (release, counts) in cases {
            let (traffic, _) = limited(release, Duration::MAX);
            let mut answer = answered(&traffic, is_grpc);
            assert_eq!(in_flight(&traffic), counts[0], "{release:?} at the head");
            for count in &counts[1..] {
                assert!(read(&mut answer));
                assert_eq!(in_flight(&traffic), *count, "{release:?}");
            }
            drop(answer);
            for _ in 0..3 {
                drop(answered(&traffic, is_grpc));
                assert_idle(&traffic);
            }
        }
    }
}

/// I-33: a body that stands still gives back what it holds of the route, the region and the endpoint once, when its time is
/// over; that it goes on, ends or is dropped later gives nothing back again.
#[test]
fn a_body_that_stands_still_gives_back_route_and_region_once() {
    for frames_after in [None, Some(1), Some(2)] {
        let (traffic, hand) = limited(ReleaseOn::End, ms(1000));
        let mut answer = answered(&traffic, false);
        assert!(read(&mut answer));
        hand.advance(ms(999));
        assert_eq!(in_flight(&traffic), 1);
        hand.advance(ms(1));
        assert_eq!(in_flight(&traffic), 0);
        // Somebody else's place, which must stay theirs.
        let other = answered(&traffic, false);
        for _ in 0..frames_after.unwrap_or(0) {
            assert!(read(&mut answer));
        }
        drop(answer);
        assert_eq!(in_flight(&traffic), 1, "frames after: {frames_after:?}");
        drop(other);
        assert_idle(&traffic);
    }
}

/// I-35: the place that a body gives back, by its end or by its timer, goes to who waits.
#[test]
fn what_a_body_gives_back_goes_to_who_waits() {
    for is_stalled in [false, true] {
        let limit = || Limit::fixed(1).queue(patient(4));
        let spec =
            one_region(|c| c.limit(limit()), |r| r.limit(limit()).hold_at_most(ms(1000)).deadline(Duration::MAX));
        let (traffic, hand) = traffic(spec);
        let mut answer = answered(&traffic, false);
        let client = Backend::<_, Response<Empty<Bytes>>, &str>::new(Step::Hang);
        let mut stack = traffic.layers(Http).passthrough(client.clone());
        let woken = Arc::new(Woken::default());
        let mut waiting = call(&mut stack, request());
        assert!(waiting.waits_for(&woken));
        assert!(read(&mut answer));
        if is_stalled {
            hand.advance(ms(1000));
        } else {
            drop(answer);
        }
        assert_eq!(woken.count(), 1, "stalled: {is_stalled}");
        assert!(waiting.waits());
        assert_eq!((client.take_requests().len(), in_flight(&traffic)), (1, 1));
    }
}

/// I-33: by which table a request was released is by its own: one that was let in while its route was limited gives back what
/// it had when it is not any more, and one that was not gives back nothing when it is.
#[test]
fn a_body_gives_back_what_its_own_table_counted() {
    let (traffic, _) = limited(ReleaseOn::End, Duration::MAX);
    let set_limit = |limit: Option<Limit>| {
        let change = |spec: &mut TableSpec| {
            spec.cluster_mut("post")?.endpoint_limit = None;
            spec.cluster_mut("post")?.limit = limit.clone();
            spec.route_mut("letters")?.limit = limit.clone();
            Ok(())
        };
        traffic.edit(change).expect("a sound table");
    };
    let first = answered(&traffic, false);
    set_limit(None);
    let second = answered(&traffic, false);
    set_limit(Some(Limit::fixed(9)));
    let third = answered(&traffic, false);
    let counts = || (route_limit(&traffic).in_flight, region(&traffic, "eu").in_flight);
    assert_eq!(counts(), (2, 3), "the route counts while it has a limit, the region always");
    drop(second);
    assert_eq!(counts(), (2, 2));
    drop(first);
    assert_eq!(counts(), (1, 1));
    drop(third);
    assert_idle(&traffic);
}
