//! What a wrapper around a protocol says as the protocol does.

/// Implements [`Replay`], [`Release`] and [`Answer`] for a wrapper whose field `protocol` knows how: which leaves the wrapper
/// with what it is for, a request's facts or an answer's class.
///
/// [`Replay`]: super::Replay
/// [`Release`]: super::Release
/// [`Answer`]: super::Answer
macro_rules! forward_the_rest {
    ($wrapper:ident) => {
        const _: () = {
            use std::time::Duration;
            use $crate::protocol::{Answer, Guard, Refusal, Release, Replay};

            impl<R, K: Replay<R>, F> Replay<R> for $wrapper<K, F> {
                type Sent = K::Sent;

                #[inline]
                fn seal(&self, request: R) -> Self::Sent {
                    self.protocol.seal(request)
                }

                #[inline]
                fn copy(&self, sent: &mut Self::Sent, max_body: usize) -> Option<Self::Sent> {
                    self.protocol.copy(sent, max_body)
                }

                fn is_whole(&self, copy: &Self::Sent) -> bool {
                    self.protocol.is_whole(copy)
                }

                fn claim(&self, copy: &mut Self::Sent) -> bool {
                    self.protocol.claim(copy)
                }

                fn is_complete(&self, copy: &Self::Sent) -> bool {
                    self.protocol.is_complete(copy)
                }

                fn unmark(&self, sent: &mut Self::Sent) {
                    self.protocol.unmark(sent);
                }

                fn mark(&self, sent: &mut Self::Sent, previous: u32, left: Option<Duration>) {
                    self.protocol.mark(sent, previous, left);
                }
            }

            impl<T, K: Release<T>, F> Release<T> for $wrapper<K, F> {
                type Held<G: Guard> = K::Held<G>;

                #[inline]
                fn goes_on(&self, answer: &T) -> bool {
                    self.protocol.goes_on(answer)
                }

                #[inline]
                fn hold<G: Guard>(&self, answer: T, guard: G) -> Self::Held<G> {
                    self.protocol.hold(answer, guard)
                }

                #[inline]
                fn bare<G: Guard>(&self, answer: T) -> Self::Held<G> {
                    self.protocol.bare(answer)
                }

                fn attach<G: Guard, V: Clone + Send + Sync + 'static>(&self, answer: &mut Self::Held<G>, value: V) {
                    self.protocol.attach(answer, value);
                }
            }

            impl<T, K: Answer<T>, F> Answer<T> for $wrapper<K, F> {
                fn answer(&self, refusal: &Refusal) -> T {
                    self.protocol.answer(refusal)
                }
            }
        };
    };
}
pub(super) use forward_the_rest;
