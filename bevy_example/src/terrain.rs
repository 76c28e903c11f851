//! Which tile of a tileset lies where, so that neighbours fit: the rules of tilesets by corners and by neighbours.
//!
//! Pure functions on numbers: nothing here knows Bevy. Copy what your own map needs.

use serde::Deserialize;

/// What the manifest says of a tileset's tiles.
#[derive(Deserialize, Clone, Debug, Default)]
pub struct Rules {
    /// In the order of the image, from left to right and top to bottom.
    #[serde(default)]
    tiles: Vec<Tile>,
}

/// One tile's pattern of terrains. Two by two: what lies at each of its corners. Three by three: what lies on the tile
/// itself and on its eight neighbours. Terrains are numbers, the higher lying over the lower; -1 is nothing at all.
#[derive(Deserialize, Clone, Debug, PartialEq, Eq)]
struct Tile {
    /// Rows from the top.
    cells: Vec<Vec<i32>>,
}

impl Rules {
    /// The index of a tile for a place, x to the right and y up; `None` where nothing lies.
    ///
    /// `land` is the map: whether the upper of two terrains lies at a place. Of several fitting tiles one is taken as
    /// if at random, always the same.
    pub fn tile_at(&self, x: i32, y: i32, land: impl Fn(i32, i32) -> bool) -> Option<u16> {
        let pair = self.pair()?;
        let cells = match self.tiles[0].cells.len() {
            2 => corners(x, y, pair, land),
            _ => neighbours(x, y, pair, land),
        };
        let fitting: Vec<usize> = (0..self.tiles.len())
            .filter(|&i| self.tiles[i].cells == cells)
            .collect();
        let chosen = fitting.get(mix(x, y) as usize % fitting.len().max(1))?;
        u16::try_from(*chosen).ok()
    }

    /// The first two terrains, lower and upper, that one tile shows together; one terrain twice if no tile does.
    fn pair(&self) -> Option<(i32, i32)> {
        let ends = |tile: &Tile| {
            let terrains = tile.cells.iter().flatten().copied();
            Some((terrains.clone().min()?, terrains.max()?))
        };
        let mut pairs = self.tiles.iter().filter_map(ends);
        pairs
            .clone()
            .find(|(lower, upper)| lower != upper)
            .or_else(|| pairs.next())
    }
}

/// The pattern by corners: those of the tile are places of the map, the lower left one being the tile's own.
fn corners(x: i32, y: i32, (lower, upper): (i32, i32), land: impl Fn(i32, i32) -> bool) -> Vec<Vec<i32>> {
    let at = |x, y| if land(x, y) { upper } else { lower };
    vec![vec![at(x, y + 1), at(x + 1, y + 1)], vec![at(x, y), at(x + 1, y)]]
}

/// The pattern by neighbours, as in tilesets of 47 "blob" tiles: a corner counts only if both edges beside it do.
fn neighbours(x: i32, y: i32, (lower, upper): (i32, i32), land: impl Fn(i32, i32) -> bool) -> Vec<Vec<i32>> {
    let counts = |dx: i32, dy: i32| land(x, y) && land(x + dx, y + dy) && land(x + dx, y) && land(x, y + dy);
    let at = |dx, dy| if counts(dx, dy) { upper } else { lower };
    let row = |dy| vec![at(-1, dy), at(0, dy), at(1, dy)];
    vec![row(1), row(0), row(-1)]
}

/// A map without end: land with lakes in it, the same in every run.
pub fn is_land(x: i32, y: i32) -> bool {
    // Heights at every fourth place, and between them the mean by distance, lie on both sides of the water's level.
    const STEP: i32 = 4;
    let height = |x: i32, y: i32| i64::from(mix(x, y) % 100);
    let (left, right) = (i64::from(x.rem_euclid(STEP)), i64::from(STEP - x.rem_euclid(STEP)));
    let (below, above) = (i64::from(y.rem_euclid(STEP)), i64::from(STEP - y.rem_euclid(STEP)));
    let (x, y) = (x.div_euclid(STEP), y.div_euclid(STEP));
    let lower = height(x, y) * right + height(x + 1, y) * left;
    let upper = height(x, y + 1) * right + height(x + 1, y + 1) * left;
    (lower * above + upper * below) / i64::from(STEP * STEP) < 55
}

/// A number for a place that looks random.
fn mix(x: i32, y: i32) -> u32 {
    let seed = (x as u32).wrapping_mul(0x9E37_79B1) ^ (y as u32).wrapping_mul(0x85EB_CA77);
    let mixed = (seed ^ (seed >> 15)).wrapping_mul(0xC2B2_AE3D);
    mixed ^ (mixed >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(patterns: &[&[&[i32]]]) -> Rules {
        let tile = |rows: &&[&[i32]]| Tile {
            cells: rows.iter().map(|row| row.to_vec()).collect(),
        };
        Rules {
            tiles: patterns.iter().map(tile).collect(),
        }
    }

    #[test]
    fn tiles_beside_each_other_share_their_corners() {
        let all: Vec<[[i32; 2]; 2]> = (0..16)
            .map(|i| [[i & 1, i >> 1 & 1], [i >> 2 & 1, i >> 3 & 1]])
            .collect();
        let rows: Vec<[&[i32]; 2]> = all.iter().map(|[upper, lower]| [&upper[..], &lower[..]]).collect();
        let rules = rules(&rows.iter().map(|rows| &rows[..]).collect::<Vec<_>>());
        let cells = |x, y| &rules.tiles[rules.tile_at(x, y, is_land).unwrap() as usize].cells;
        for (x, y) in (-20..20).flat_map(|x| (-20..20).map(move |y| (x, y))) {
            let (tile, right, above) = (cells(x, y), cells(x + 1, y), cells(x, y + 1));
            assert_eq!((tile[0][1], tile[1][1]), (right[0][0], right[1][0]));
            assert_eq!(tile[0], above[1]);
        }
    }

    #[test]
    fn a_blobs_corner_counts_only_between_two_edges() {
        let diagonal_only = |x: i32, y: i32| x == y;
        assert_eq!(
            neighbours(0, 0, (0, 1), diagonal_only),
            [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
        );
        let all_but_one = |x: i32, y: i32| (x, y) != (1, 1);
        assert_eq!(neighbours(0, 0, (0, 1), all_but_one), [[1, 1, 0], [1, 1, 1], [1, 1, 1]]);
    }

    #[test]
    fn variants_of_a_lone_terrain_are_mixed() {
        let rules = rules(&[&[&[0, 0], &[0, 0]], &[&[0, 0], &[0, 0]]]);
        let tiles: Vec<_> = (0..50).map(|x| rules.tile_at(x, 0, is_land).unwrap()).collect();
        assert!(tiles.contains(&0) && tiles.contains(&1));
    }

    #[test]
    fn nothing_lies_where_no_tile_fits() {
        let cliff = rules(&[&[&[-1, -1, -1], &[-1, 0, -1], &[-1, -1, -1]]]);
        assert_eq!(cliff.tile_at(0, 0, |x, y| (x, y) == (0, 0)), Some(0));
        assert_eq!(cliff.tile_at(5, 0, |x, y| (x, y) == (0, 0)), None);
        assert_eq!(Rules::default().tile_at(0, 0, is_land), None);
    }

    #[test]
    fn the_map_has_land_and_water() {
        let land = (0..400).filter(|i| is_land(i % 20, i / 20)).count();
        assert!((100..380).contains(&land), "{land} of 400");
    }
}
