//! Keeps the lots of the eligible seats of one tier so that the seat under a lot is found without
//! counting through all of them.
//!
//! A tree of sums, sixteen to a knot: ten thousand seats have three levels of them, and a draw
//! reads two lines of memory on each. A tree of two halves would read fourteen places that lie
//! far from each other.

/// Sums under one knot. More makes the tree flatter and the count through one knot longer.
const FAN: usize = 16;

/// The lots of the seats `0..n`.
#[derive(Debug, Clone)]
pub struct Lots {
    /// The lots of each seat; `None` of those that are not in it.
    seats: Vec<Option<u16>>,
    /// Sums over `FAN` seats each, then over `FAN` of those, up to `FAN` sums at most.
    levels: Vec<Vec<u64>>,
    whole: u64,
    /// One lot each, whatever the weight.
    evenly: bool,
}

impl Lots {
    /// With room for `n` seats, none of them in it.
    pub fn new(n: usize, evenly: bool) -> Lots {
        let mut levels = Vec::new();
        let mut length = n;
        while length > FAN || levels.is_empty() {
            length = length.div_ceil(FAN);
            levels.push(vec![0; length]);
        }
        Lots { seats: vec![None; n], levels, whole: 0, evenly }
    }

    /// Puts a seat in with a weight, or takes it out.
    pub fn set(&mut self, seat: usize, weight: Option<u16>) {
        let next = weight.map(|weight| if self.evenly { 1 } else { weight });
        let Some(slot) = self.seats.get_mut(seat) else { return };
        let before = u64::from(std::mem::replace(slot, next).unwrap_or(0));
        let after = u64::from(next.unwrap_or(0));
        if before == after {
            return;
        }
        self.whole = self.whole + after - before;
        let mut place = seat;
        for level in &mut self.levels {
            place /= FAN;
            if let Some(sum) = level.get_mut(place) {
                *sum = *sum + after - before;
            }
        }
    }

    /// Whether a seat is in it.
    pub fn holds(&self, seat: usize) -> bool {
        self.seats.get(seat).is_some_and(Option::is_some)
    }

    /// How many lots there are to draw from, without those of `passed`.
    pub fn count(&self, passed: &[usize]) -> u64 {
        self.whole.saturating_sub(self.taken(0, self.seats.len(), passed))
    }

    /// The seat over which a lot falls: `lot` counts through the lots of those not in `passed`.
    pub fn drawn(&self, mut lot: u64, passed: &[usize]) -> Option<usize> {
        let mut from = 0;
        let mut span = FAN.checked_pow(u32::try_from(self.levels.len()).ok()?)?;
        for level in self.levels.iter().rev() {
            let knots = level.iter().enumerate().skip(from).take(FAN);
            from = under(&mut lot, knots, |knot, sum| {
                sum.saturating_sub(self.taken(knot * span, span, passed))
            })? * FAN;
            span /= FAN;
        }
        let seats = self.seats.iter().enumerate().skip(from).take(FAN);
        under(&mut lot, seats, |seat, lots| match lots {
            Some(lots) if !passed.contains(&seat) => u64::from(*lots),
            Some(_) | None => 0,
        })
    }

    /// The lots of those of `passed` who sit within a stretch.
    fn taken(&self, from: usize, length: usize, passed: &[usize]) -> u64 {
        let within = passed.iter().filter(|seat| (from..from + length).contains(*seat));
        within.map(|seat| u64::from(self.seats.get(*seat).copied().flatten().unwrap_or(0))).sum()
    }
}

/// Which of several holds the lot; takes the lots of those before it off.
fn under<'a, T: 'a>(
    lot: &mut u64,
    mut all: impl Iterator<Item = (usize, &'a T)>,
    held: impl Fn(usize, &T) -> u64,
) -> Option<usize> {
    let found = all.find(|(place, one)| {
        let held = held(*place, one);
        let falls = *lot < held;
        if !falls {
            *lot -= held;
        }
        falls
    })?;
    Some(found.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every lot in turn, whatever the size: as often over each seat as it has lots.
    #[test]
    fn each_seat_is_under_its_own_lots_and_in_the_order_of_places() {
        for n in [1, 15, 16, 17, 300, 4097] {
            let weight = |seat: usize| u16::try_from(seat % 5).unwrap();
            let mut lots = Lots::new(n, false);
            (0..n).filter(|seat| seat % 7 != 3).for_each(|seat| lots.set(seat, Some(weight(seat))));
            let passed = [n / 2, 0];
            let want: Vec<usize> = (0..n)
                .filter(|seat| seat % 7 != 3 && !passed.contains(seat))
                .flat_map(|seat| vec![seat; usize::from(weight(seat))])
                .collect();
            let whole = lots.count(&passed);
            let drawn: Vec<usize> = (0..whole).filter_map(|lot| lots.drawn(lot, &passed)).collect();
            assert_eq!(drawn, want, "{n} seats");
            assert_eq!(lots.drawn(whole, &passed), None);
        }
    }

    #[test]
    fn who_leaves_takes_the_lots_along_and_weight_0_is_in_it_without_any() {
        let mut lots = Lots::new(40, false);
        lots.set(3, Some(0));
        lots.set(39, Some(9));
        assert!(lots.holds(3) && !lots.holds(4));
        assert_eq!((lots.count(&[]), lots.drawn(8, &[])), (9, Some(39)));
        lots.set(39, None);
        assert_eq!((lots.count(&[]), lots.drawn(0, &[])), (0, None));
        let mut even = Lots::new(40, true);
        even.set(3, Some(0));
        assert_eq!((even.count(&[]), even.drawn(0, &[])), (1, Some(3)));
    }
}
