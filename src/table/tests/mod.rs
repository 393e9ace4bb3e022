//! What a table is made of: the algorithms against the vectors of others, the rules against their own words.
//!
//! A vector is one thing that another system, its tests or a paper says about an algorithm that we have too, kept with its
//! source in `tests/vectors/routing.json`. [`coverage`] holds the list of those tested, here and in `decide::tests`, and of
//! what we do not build, each with its reason.

mod coverage;
mod diff;
mod hash;
mod limit_problems;
mod limits;
mod maglev;
mod match_problems;
mod normal_form;
mod outlier_problems;
mod overlap;
mod precedence;
mod problems;
mod retries;
mod retry_problems;
mod sequence;
mod specs;
mod split;
mod trust;
mod vectors;
mod warm_up;
