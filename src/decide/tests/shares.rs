//! Shares as the view has them: exact, at each level and multiplied.

use super::snapshots::{one_region, snapshot, weighted};
use super::vectors::{float, numbers, vector};
use crate::state::{RegionView, Snapshot, View};
use crate::table::{RegionSpec, TableSpec};
use serde_json::Value;
use std::ops::Deref;

/// Of the equal cells of a region's alias table (columns times their height), how many draw each endpoint: its exact area.
fn cells(region: &RegionView, endpoints: usize) -> Vec<u64> {
    let (columns, height) = (region.endpoints.len() as u128, u128::from(region.endpoints.total()));
    let mut cells = vec![0; endpoints];
    for column in 0..columns {
        for cell in 0..height {
            // The bits whose product with the columns is this column and, in the rest, the middle of this cell.
            let rest = ((2 * cell + 1) << 63) / height;
            let bits = ((column << 64) | rest) / columns;
            cells[region.endpoints.draw(bits as u64).unwrap().member as usize] += 1;
        }
    }
    cells
}

/// The view of the only cluster.
fn view(snapshot: &Snapshot) -> impl Deref<Target = View> {
    snapshot.cluster(0).view()
}

// I-07, I-08
#[test]
fn an_alias_table_has_exactly_the_weights_in_area_and_nothing_for_zero() {
    for id in ["vose-1-2-3-4", "vose-0.5-0.3-0.2", "vose-5-0-5", "vose-99-1"] {
        let vector = vector(id);
        let weights = vector["inputs"]["weights"].as_array().unwrap();
        // Weights are whole numbers here; tenths become units.
        let scale = if weights.iter().all(Value::is_u64) { 1.0 } else { 10.0 };
        let weights: Vec<u32> = weights.iter().map(|weight| (float(weight) * scale).round() as u32).collect();
        let snapshot = snapshot(one_region(|r| weighted(r, &weights), |r| r));
        let cells = cells(&view(&snapshot).regions[0], weights.len());
        let (all, sum) = (cells.iter().sum::<u64>(), weights.iter().sum::<u32>());
        for ((&cells, &weight), probability) in
            cells.iter().zip(&weights).zip(vector["expected"]["reconstructed_probability"].as_array().unwrap())
        {
            assert_eq!(cells * u64::from(sum), u64::from(weight) * all, "{id}");
            assert!((cells as f64 / all as f64 - float(probability)).abs() < 1e-12, "{id}");
        }
    }
}

// gRPC's A42 multiplies raw weights, so a region whose endpoints happen to have large ones gets more than its share.
// I-15
#[test]
fn an_endpoints_share_is_its_regions_share_times_its_own_each_of_one() {
    let vector = vector("weights-locality-x-endpoint");
    let weight = |value: &Value| value.as_u64().unwrap() as u32;
    let endpoints = vector["inputs"]["endpoints"].as_object().unwrap();
    let spec = TableSpec::new().cluster("c", |c| {
        let localities = vector["inputs"]["locality_weights"].as_object().unwrap();
        localities.iter().fold(c, |c, (name, locality)| {
            let add = |region: RegionSpec, (name, endpoint): (&String, &Value)| {
                region.endpoint_with(name, "10.0.0.1:80", |e| e.weight(weight(endpoint)))
            };
            c.region(name, |r| endpoints[name].as_object().unwrap().iter().fold(r.weight(weight(locality)), add))
        })
    });
    let snapshot = snapshot(spec.route("all", |r| r.any().to("c")));
    let view = view(&snapshot);
    let mut met = 0;
    for (place, region) in (0..).zip(snapshot.table().cluster("c").unwrap().regions()) {
        let share = view.shares.iter().find(|region| *region.target == place).unwrap().weight;
        let cells = cells(&view.regions[place as usize], region.endpoints().len());
        let all: u64 = cells.iter().sum();
        for (endpoint, &cells) in region.endpoints().iter().zip(&cells) {
            let percent = vector["expected"]["correct_share_pct"][endpoint.name().as_str()].as_u64().unwrap();
            assert_eq!(share * cells * 100, percent * view.shares.total() * all, "{}", endpoint.name());
            met += 1;
        }
    }
    assert_eq!(met, 4);
}

// The row in which all endpoints are healthy: then a locality's share is its weight's.
#[test]
fn healthy_localities_share_by_weight() {
    let vector = vector("locality-doc");
    let weights = &vector["inputs"]["weights"];
    let weight = |name: &str| weights[name].as_u64().unwrap() as u32;
    let spec = TableSpec::new().cluster("c", |c| {
        ["X", "Y"].into_iter().fold(c, |c, name| c.region(name, |r| weighted(r.weight(weight(name)), &[1, 1, 1])))
    });
    let snapshot = snapshot(spec.route("all", |r| r.any().to("c")));
    let view = view(&snapshot);
    let shares: Vec<_> = view.shares.iter().map(|region| region.weight as f64 / view.shares.total() as f64).collect();
    assert_eq!(view.shares.iter().map(|region| (*region.target, region.weight)).collect::<Vec<_>>(), [(0, 1), (1, 2)]);
    assert_eq!(vector["inputs"]["rows_x_healthy_pct"][0], 100);
    let percents: Vec<u64> = shares.iter().map(|share| (share * 100.0).round() as u64).collect();
    assert_eq!(percents, numbers::<u64>(&vector["expected"][0]));
}
