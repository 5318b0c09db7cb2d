//! Maximum-weight matching of two small sets.

/// Pairs rows and columns one to one so that the sum of weights is the greatest possible.
///
/// `weights` has one slice a row, all of the same length; pairs of weight 0 or less are never made.
/// The Hungarian method with potentials (Kuhn 1955, Munkres 1957): O(rows^2 * (rows + columns)).
/// Returns the column of each row.
#[must_use]
pub fn maximum_weight_matching(weights: &[Vec<i64>]) -> Vec<Option<usize>> {
    let columns = weights.iter().map(Vec::len).max().unwrap_or(0);
    // One column of weight 0 for each row, so that a row can stay alone.
    let width = columns.saturating_add(weights.len());
    let weight = |row: usize, column: usize| -> i64 {
        let found = weights.get(row).and_then(|list| list.get(column));
        found.copied().unwrap_or(0).max(0)
    };
    let mut state = State::new(weights.len(), width);
    for row in 0..weights.len() {
        state.add(row, &weight);
    }
    let mut partner = vec![None; weights.len()];
    for (column, row) in state.row_of.iter().take(columns).enumerate() {
        if let Some(slot) =
            row.and_then(|row| partner.get_mut(row).filter(|_| weight(row, column) > 0))
        {
            *slot = Some(column);
        }
    }
    partner
}

/// Potentials and the matching so far; the last column is the one from which a new row starts.
struct State {
    row_potential: Vec<i64>,
    column_potential: Vec<i64>,
    row_of: Vec<Option<usize>>,
    width: usize,
}

impl State {
    fn new(rows: usize, width: usize) -> Self {
        Self {
            row_potential: vec![0; rows],
            column_potential: vec![0; width.saturating_add(1)],
            row_of: vec![None; width.saturating_add(1)],
            width,
        }
    }

    /// Extends the matching by one row along the cheapest augmenting path.
    #[allow(
        clippy::indexing_slicing,
        reason = "every index is below the lengths made in `new`"
    )]
    fn add(&mut self, row: usize, weight: &impl Fn(usize, usize) -> i64) {
        let start = self.width;
        let mut least = vec![i64::MAX; start];
        let mut came_from = vec![start; start];
        let mut used = vec![false; start + 1];
        let mut column = start;
        self.row_of[start] = Some(row);
        while let Some(current) = self.row_of[column] {
            used[column] = true;
            let (mut delta, mut next) = (i64::MAX, start);
            for other in 0..start {
                if used[other] {
                    continue;
                }
                let cost = -weight(current, other)
                    - self.row_potential[current]
                    - self.column_potential[other];
                if cost < least[other] {
                    least[other] = cost;
                    came_from[other] = column;
                }
                if least[other] < delta {
                    delta = least[other];
                    next = other;
                }
            }
            for other in 0..=start {
                if used[other] {
                    if let Some(row) = self.row_of[other] {
                        self.row_potential[row] += delta;
                    }
                    self.column_potential[other] -= delta;
                } else if other < start {
                    least[other] -= delta;
                }
            }
            column = next;
        }
        while column != start {
            let previous = came_from[column];
            self.row_of[column] = self.row_of[previous];
            column = previous;
        }
        self.row_of[start] = None;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    fn total(weights: &[Vec<i64>], partners: &[Option<usize>]) -> i64 {
        let pairs = partners.iter().enumerate();
        pairs
            .filter_map(|(row, column)| column.map(|column| weights[row][column]))
            .sum()
    }

    /// The best sum by trying everything.
    fn best(weights: &[Vec<i64>], row: usize, taken: u32) -> i64 {
        let Some(list) = weights.get(row) else {
            return 0;
        };
        let mut best_sum = best(weights, row + 1, taken);
        for (column, weight) in list.iter().enumerate() {
            if taken & (1 << column) == 0 && *weight > 0 {
                best_sum = best_sum.max(weight + best(weights, row + 1, taken | (1 << column)));
            }
        }
        best_sum
    }

    #[test]
    fn greedy_would_lose_here() {
        let weights = vec![vec![10, 9], vec![9, 1]];
        assert_eq!(maximum_weight_matching(&weights), vec![Some(1), Some(0)]);
        assert_eq!(maximum_weight_matching(&[]), Vec::<Option<usize>>::new());
        assert_eq!(maximum_weight_matching(&[vec![], vec![]]), vec![None, None]);
        assert_eq!(maximum_weight_matching(&[vec![0, -3]]), vec![None]);
    }

    proptest! {
        #[test]
        fn it_is_a_matching_of_greatest_weight(
            weights in (1..6_usize, 0..6_usize).prop_flat_map(|(rows, columns)| {
                prop::collection::vec(prop::collection::vec(-3..20_i64, columns), rows)
            }),
        ) {
            let partners = maximum_weight_matching(&weights);
            let mut used: Vec<usize> = partners.iter().flatten().copied().collect();
            used.sort_unstable();
            let pairs = used.len();
            used.dedup();
            prop_assert_eq!(pairs, used.len());
            prop_assert_eq!(total(&weights, &partners), best(&weights, 0, 0));
        }

        #[test]
        fn the_order_of_rows_changes_no_sum(
            mut weights in prop::collection::vec(prop::collection::vec(0..50_i64, 4), 1..7),
            turn in 0..7_usize,
        ) {
            let before = total(&weights, &maximum_weight_matching(&weights));
            let turn = turn % weights.len();
            weights.rotate_left(turn);
            prop_assert_eq!(before, total(&weights, &maximum_weight_matching(&weights)));
        }
    }
}
