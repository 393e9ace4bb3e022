//! What is compared: who sends again, and what bounds it.

use crate::shared::figures::Column;
use contraflow::table::{Finagle, GrpcThrottle, RetryBudget, Successes};
use contraflow::{Ratio, table};
use table::{AwsQuota, EnvoyInFlight, Hedge, Retry};

/// A column of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// Every request is sent once.
    None,
    /// Four attempts, and nothing that bounds them.
    Naive,
    /// Four attempts, and the budget of each of those, with its defaults.
    Finagle,
    Envoy,
    Grpc,
    Aws,
    /// What the crate recommends: three attempts, a budget that successes fund.
    Ours,
    /// The same with four attempts.
    Ours4,
    /// Ours, with three retries that can be saved up instead of ten.
    OursSaving3,
}

impl Policy {
    /// Those with a column.
    pub(crate) const ALL: [Policy; 9] = [
        Policy::None,
        Policy::Naive,
        Policy::Finagle,
        Policy::Envoy,
        Policy::Grpc,
        Policy::Aws,
        Policy::Ours,
        Policy::Ours4,
        Policy::OursSaving3,
    ];

    /// What bounds its retries and hedges. None of the policy that has neither.
    pub(crate) fn budget(self) -> Option<RetryBudget> {
        Some(match self {
            Policy::None => return None,
            Policy::Naive => RetryBudget::allow_unbounded(),
            Policy::Finagle => RetryBudget::finagle(),
            Policy::Envoy => RetryBudget::envoy(),
            Policy::Grpc => RetryBudget::grpc(),
            Policy::Aws => RetryBudget::aws(),
            Policy::Ours | Policy::Ours4 => RetryBudget::default(),
            Policy::OursSaving3 => saving(3),
        })
    }

    /// The same kind of budget with other knobs, for tables that are published in turn.
    pub(crate) fn other_budget(self) -> Option<RetryBudget> {
        Some(match self {
            Policy::None => return None,
            Policy::Naive => RetryBudget::allow_unbounded(),
            Policy::Finagle => RetryBudget::Finagle(Finagle { ratio: 0.21, ..Finagle::default() }),
            Policy::Envoy => RetryBudget::Envoy(EnvoyInFlight { min: 4, ..EnvoyInFlight::default() }),
            Policy::Grpc => RetryBudget::Grpc(GrpcThrottle { max_tokens: 11, ..GrpcThrottle::default() }),
            Policy::Aws => RetryBudget::Aws(AwsQuota { capacity: 501, ..AwsQuota::default() }),
            Policy::Ours | Policy::Ours4 => saving(11),
            Policy::OursSaving3 => saving(4),
        })
    }

    /// How it retries.
    pub(crate) fn retry(self) -> Retry {
        match self {
            Policy::None => Retry::none(),
            Policy::Ours | Policy::OursSaving3 => Retry::default(),
            _ => Retry::default().attempts(4),
        }
    }

    /// How it hedges where the others hedge so. What others have bounds hedges by their budget and by nothing else.
    pub(crate) fn hedge(self, hedge: Hedge) -> Hedge {
        match self {
            Policy::None => Hedge::none(),
            Policy::Ours | Policy::Ours4 | Policy::OursSaving3 => hedge,
            _ => hedge.max_extra(Ratio::ONE),
        }
    }
}

fn saving(burst: u32) -> RetryBudget {
    RetryBudget::Successes(Successes { burst, ..Successes::default() })
}

impl Column for Policy {
    fn name(self) -> &'static str {
        match self {
            Policy::None => "none",
            Policy::Naive => "naive",
            Policy::Finagle => "finagle",
            Policy::Envoy => "envoy",
            Policy::Grpc => "grpc",
            Policy::Aws => "aws",
            Policy::Ours => "ours",
            Policy::Ours4 => "ours-4",
            Policy::OursSaving3 => "ours-burst3",
        }
    }

    fn is_ours(self) -> bool {
        self == Policy::Ours
    }

    fn is_base(self) -> bool {
        self == Policy::None
    }
}
